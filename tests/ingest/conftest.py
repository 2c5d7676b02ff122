"""Ingest as a real process, and a patient with a scale."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from deploy.servers.embedded_broker import EmbeddedBroker, free_port
from tests.ingest.scale import Scale, answers, wait_until

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


def listens(conn: psycopg.Connection[tuple[object, ...]], program: str = "ingest") -> bool:
    """Whether ingest says that all is well; until its first subscription the broker keeps nothing for it."""
    conn.rollback()
    return conn.execute("SELECT detail FROM heartbeat WHERE service = %s", (program,)).fetchone() == ("ok",)


@pytest.fixture
def iotcore(tmp_path: Path) -> Iterator[int]:
    """The port of a broker that hangs up on MQTT 5, and answers no receipt before what it sent is acknowledged."""
    port = free_port()
    with (tmp_path / "iotcore.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.servers.iotcore_broker", str(port)], cwd=ROOT, stdout=log, stderr=log
        )
    assert wait_until(lambda: answers(port))
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def start_ingest(database_url: str, broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Start]:
    """Start `python -m tests.ingest.program` with these arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, url: str = database_url, broker_url: str = broker.url) -> "subprocess.Popen[bytes]":
        with (tmp_path / "ingest.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.ingest.program", *arguments],
                cwd=ROOT,
                env={**os.environ, "VIGIE_DATABASE_URL": url, "VIGIE_BROKER_URL": broker_url},  # noqa: TID251
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


class Nursery:
    """Ingests by the dozen; a context manager, at whose end none is left."""

    def __init__(self, *, url: str, broker: str, log: Path) -> None:
        self._pids: list[int] = []
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.ingest.program", "nursery"],
                cwd=ROOT,
                env={**os.environ, "VIGIE_DATABASE_URL": url, "VIGIE_BROKER_URL": broker},  # noqa: TID251
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                bufsize=1,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for pid in self._pids:
            self.kill(pid)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()

    def start(self, *, worker: int = 0, step: str = "-", number: int = 1) -> int:
        """Start an ingest; its pid."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{worker} {step} {number}\n")
        self._pids.append(int(self._process.stdout.readline()))
        return self._pids[-1]

    @staticmethod
    def lives(pid: int) -> bool:
        return Path(f"/proc/{pid}").exists()

    def is_dead(self, pid: int) -> bool:
        return not self.lives(pid)

    def kill(self, pid: int) -> None:
        """Kill it, and wait until it is gone."""
        if self.lives(pid):
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: self.is_dead(pid))


@pytest.fixture
def nursery(database_url: str, broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Nursery]:
    with Nursery(url=database_url, broker=broker.url, log=tmp_path / "ingest.log") as nursery:
        yield nursery


@pytest.fixture
def gateway(broker: EmbeddedBroker) -> Iterator[Client]:
    """Somebody who publishes for scales that speak no MQTT."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="gateway")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def scale(broker: EmbeddedBroker) -> Iterator[Scale]:
    with Scale(broker.port) as scale:
        yield scale
