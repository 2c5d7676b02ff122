"""A better adapter over misread readings: each stays, an event ends it, and what it is stands beside it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr

from deploy.processes import program
from ingest.adapters import arrival
from ingest.claim import Claim
from ingest.past import read_again
from ingest.past.read_again import Stored
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import Settings
from tests.ingest.adapters import vectors
from tests.ingest.adapters.vectors import NOW
from tests.ingest.storage.test_standing import latest, lend, said, send, standing

NATIVE = "vigie/1/home/d1/reading"
NATIVE_BODY = {"seq": 1, "measured_at": "2026-08-22T05:00:00Z", "weight_kg": 82.4}
TOPICS = {topic: body for topic, body in vectors.TOPICS.items() if "tenovi" not in topic} | {NATIVE: NATIVE_BODY}


def stored(topic: str, body: object, *, retained: bool = False, waited: bool = False) -> list[Stored]:
    """The readings of a message as `reading` would keep them."""
    return [
        Stored(
            reading_id=1,
            **one.scale._asdict(),
            measured_at=one.said.measured_at,
            received_at=one.received_at,
            weight_kg=one.said.weight_kg,
            source=one.said.source,
            clock_error=None,
            time_source=one.said.time_source,
            raw=one.said.raw,
        )
        for one in arrival.arrivals(vectors.message(topic, body, retained=retained, waited=waited))
        if isinstance(one.said, Claim) and one.scale
    ]


@pytest.mark.parametrize("topic", sorted(TOPICS))
@pytest.mark.parametrize("how", [{}, {"waited": True}, {"retained": True}])
def test_a_reading_of_todays_adapter_is_read_again_as_it_is(topic: str, how: dict[str, bool]) -> None:
    assert {read_again.misread(one) for one in stored(topic, TOPICS[topic], **how)} <= {None}


def test_every_dialect_but_tenovi_was_read_again() -> None:
    assert {one.source for topic, body in TOPICS.items() for one in stored(topic, body)} | {"bluetooth-sig"} == set(
        read_again.TOPICS
    )


def keep(conn: Connection, topic: str, body: object, **misread: object) -> None:
    """As an older Vigie would have stored it."""
    [one] = stored(topic, body)
    row = {name: getattr(one, name) for name in Stored.__slots__} | {"patient_id": "p1", "seq": None} | misread
    conn.execute(
        "INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,"
        " source, time_source, raw) VALUES (%(site)s, %(device_id)s, %(seq)s, %(patient_id)s, %(measured_at)s,"
        " %(received_at)s, %(received_at)s, %(weight_kg)s, %(source)s, %(time_source)s, %(raw)s)", row
    )  # fmt: skip


def test_what_was_misread_stands_corrected_once_and_the_reading_stays(
    database_url: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    pounds = vectors.MISCALE | {"weight": 160.0, "weight_unit": "lbs"}
    lend(connection, "p1", "miscale", "Jo")
    send(connection, said("miscale/Jo/weight", vectors.MISCALE, -1440))
    keep(connection, "miscale/Jo/weight", pounds, weight_kg=Decimal(160))
    keep(connection, NATIVE, NATIVE_BODY, seq=1, measured_at=NOW - timedelta(hours=7))
    connection.commit()
    settings = Settings(database_url=SecretStr(database_url))
    for expected in ("3 readings read again: 2 had been misread", "3 readings read again: 0 had been misread"):
        program.replay_raw(settings, Clock())
        assert expected in capsys.readouterr().out
    connection.rollback()
    assert sorted(standing(connection)) == [
        ("160", "superseded"),
        ("72.45", "accepted"),
        ("72.575", "accepted"),
        ("82.4", "accepted"),
        ("82.4", "superseded"),
    ]
    assert latest(connection) is not None
    assert connection.execute("SELECT count(*) FROM reading WHERE weight_kg = 160").fetchone() == (1,)
    assert connection.execute("SELECT DISTINCT kind, reason FROM reading_event").fetchall() == [
        ("superseded", "read_again")
    ]


def test_what_should_have_been_refused_no_longer_counts_and_what_a_nurse_decided_stays(connection: Connection) -> None:
    bag = vectors.THEENGS | {"weighing_mode": "object"}
    [one] = stored("home/A/BTtoMQTT/5CCAD34CEE74", vectors.THEENGS)
    keep(connection, "home/A/BTtoMQTT/5CCAD34CEE74", vectors.THEENGS, raw=vectors.message("", bag).payload.decode())
    chunk = connection.execute("SELECT reading_id FROM reading").fetchone()
    assert chunk
    for some in read_again.stored_readings(connection):
        assert read_again.correct(connection, some, now=NOW, rate=1) == 1
    assert standing(connection) == [(f"{one.weight_kg.normalize():f}", "excluded")]
    assert list(read_again.stored_readings(connection)) == []
