"""A better adapter over what was refused before: stored once, and nothing else changes."""

import hashlib
from datetime import timedelta

import pytest
from pydantic import SecretStr

from deploy.processes import program
from ingest.past import replay_raw
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import Settings
from tests.ingest.adapters import vectors
from tests.ingest.adapters.vectors import NOW
from tests.ingest.storage.test_standing import send, standing


def refuse(
    conn: Connection, topic: str, body: object, *, reason: str = "not understood then", minutes: int = 0
) -> None:
    """As an older Vigie would have kept it."""
    payload = vectors.message(topic, body).payload
    at = NOW + timedelta(minutes=minutes)
    conn.execute(
        "INSERT INTO rejection (fingerprint, topic, reason, payload, payload_bytes, received_at, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (hashlib.sha256(topic.encode() + b"\0" + payload).digest(), topic, reason, payload, len(payload), at, at),
    )


def replay(conn: Connection) -> tuple[int, int, int]:
    messages = stored = quarantined = 0
    last = None
    while (done := replay_raw.replay(conn, after=last, now=NOW, rate=1)).last:
        messages, stored = messages + done.messages, stored + done.stored
        quarantined, last = quarantined + done.quarantined, done.last
    return messages, stored, quarantined


def test_what_is_understood_now_is_stored_once_at_its_time(connection: Connection) -> None:
    refuse(connection, "miscale/Jo/weight", vectors.MISCALE)
    refuse(connection, "openScaleSync/1/measurements/insert", vectors.OPENSCALE, minutes=1)
    refuse(connection, "openScaleSync/1/measurements/delete", {"dateTime": "2026-08-22T07:12+0200"}, minutes=2)
    refuse(connection, "miscale/Jo/weight", b"still nothing", minutes=3)
    assert replay(connection) == (4, 2, 0)
    assert standing(connection) == [("82.05", "excluded"), ("72.45", "accepted")]
    for _ in range(2):
        assert replay(connection) == (4, 0, 0)
    assert connection.execute("SELECT (SELECT count(*) FROM retraction), count(*) FROM reading").fetchone() == (1, 2)
    assert connection.execute("SELECT sum(times), count(*) FROM rejection").fetchone() == (4, 4)
    assert connection.execute("SELECT count(*) FROM reading_echo").fetchone() == (0,)


def test_a_retained_copy_stays_refused(connection: Connection) -> None:
    copy = vectors.message("scale/body-composition", vectors.BLE_SCALE_SYNC, retained=True)
    assert send(connection, copy).refused == 1
    assert replay(connection) == (0, 0, 0)
    assert standing(connection) == []


def test_a_seq_keeps_the_word_its_scale_was_given(connection: Connection) -> None:
    refused = vectors.message("vigie/1/home/d1/reading", {"seq": 1, "measured_at": "2026-08-22T05:00:00Z"})
    assert send(connection, refused).answers[0].word == "rejected"
    assert replay(connection) == (1, 0, 0)


def test_the_command_says_what_was_new(
    database_url: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(connection, "miscale/Jo/weight", vectors.MISCALE)
    connection.commit()
    program.replay_raw(Settings(database_url=SecretStr(database_url)), Clock())
    assert capsys.readouterr().out.splitlines() == [
        "1 refused messages read again: 1 readings stored, 0 quarantined",
        "1 readings read again: 0 had been misread, and stand corrected",
    ]


def test_more_than_a_chunk_is_read_to_its_end(connection: Connection) -> None:
    for number in range(replay_raw.CHUNK + 5):
        refuse(connection, f"miscale/user{number}/weight", vectors.MISCALE)
    assert replay(connection) == (505, 505, 0)
