"""The database or the broker away for a while: nothing that was receipted is lost, and everything arrives."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.servers.embedded_broker import EmbeddedBroker
from deploy.servers.embedded_postgres import EmbeddedPostgres
from schemas import database, migrate
from schemas.database import Connection
from tests.ingest.conftest import Start, listens
from tests.ingest.scale import Scale, wait_until

MONDAY = datetime(2026, 1, 5, 6, tzinfo=UTC)


@pytest.fixture
def own_postgres(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server that the test may stop."""
    with EmbeddedPostgres(server_folder / "own") as server:
        with database.connect(server.url) as conn:
            list(migrate.migrate(conn))
        yield server


def weigh(scale: Scale, seqs: range) -> None:
    for seq in seqs:
        at = MONDAY + timedelta(minutes=seq)
        scale.publish(f"s{seq % 500}", {"seq": seq, "measured_at": at.isoformat(), "weight_kg": 82.4})


def receipted(scale: Scale, count: int) -> bool:
    return sum(1 for words in list(scale.words.values()) if words) == count


def test_readings_of_a_database_outage_arrive_when_it_is_back(
    own_postgres: EmbeddedPostgres, start_ingest: Start, scale: Scale
) -> None:
    ingest = start_ingest(url=own_postgres.url)
    with database.connect(own_postgres.url) as conn:
        assert wait_until(lambda: listens(conn))
    weigh(scale, range(10))
    assert wait_until(lambda: receipted(scale, 10))
    own_postgres.stop()
    weigh(scale, range(10, 8000))  # more than any window, from scales that all want receipts
    time.sleep(3)
    assert receipted(scale, 10)
    own_postgres.start()
    assert wait_until(lambda: receipted(scale, 8000), seconds=40)
    assert ingest.poll() is None
    with database.connect(own_postgres.url) as conn:
        assert conn.execute("SELECT count(*), count(DISTINCT seq) FROM reading").fetchone() == (8000, 8000)
    assert {word for words in scale.words.values() for word in words} == {"stored"}


def test_a_broker_that_restarts_is_found_again(
    broker: EmbeddedBroker, start_ingest: Start, scale: Scale, connection: Connection
) -> None:
    ingest = start_ingest()
    assert wait_until(lambda: listens(connection))
    weigh(scale, range(10))
    assert wait_until(lambda: receipted(scale, 10))
    broker.stop()
    assert wait_until(lambda: not listens(connection))
    weigh(scale, range(10, 50))
    broker.start()
    assert wait_until(lambda: listens(connection))
    assert wait_until(lambda: receipted(scale, 50))
    assert ingest.poll() is None
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (50,)
