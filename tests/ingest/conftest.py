"""Ingest as a real process, and a patient with a scale."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from deploy.embedded_broker import EmbeddedBroker
from tests.ingest.scale import Scale

ROOT = Path(__file__).parents[2]
Start = Callable[..., "subprocess.Popen[bytes]"]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def lend(conn: psycopg.Connection[tuple[object, ...]], patient: str, device: str) -> None:
    conn.execute(
        "INSERT INTO patient (patient_id, enrolled_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (patient, LONG_AGO)
    )
    conn.execute(
        "INSERT INTO device_loan (site, device_id, patient_id, lent_at) VALUES ('home', %s, %s, %s)",
        (device, patient, LONG_AGO),
    )
    conn.commit()


def listens(conn: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether ingest says that all is well; until its first subscription the broker keeps nothing for it."""
    conn.rollback()
    return conn.execute("SELECT detail FROM heartbeat WHERE service = 'ingest'").fetchone() == ("ok",)


@pytest.fixture
def start_ingest(database_url: str, broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Start]:
    """Start `python -m tests.ingest.program` with these arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, url: str = database_url) -> "subprocess.Popen[bytes]":
        with (tmp_path / "ingest.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.ingest.program", *arguments],
                cwd=ROOT,
                env={**os.environ, "VIGIE_DATABASE_URL": url, "VIGIE_BROKER_URL": broker.url},  # noqa: TID251
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def scale(broker: EmbeddedBroker) -> Iterator[Scale]:
    with Scale(broker.port) as scale:
        yield scale
