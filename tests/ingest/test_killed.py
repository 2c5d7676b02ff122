"""Ingest killed with SIGKILL between any two steps: every reading stored once, every one receipted.

The scale does what interface.md lets it do: it keeps a reading until a receipt names it, and sends it again until then.
"""

import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from schemas.database import Connection
from tests.ingest.conftest import Start, lend, listens
from tests.ingest.scale import Scale, wait_until

READINGS = 60
AT_ONCE = 7
KILLS = 3
PATIENCE_SECONDS = 2.0  # before a reading is sent again: sooner, a copy in the broker would hide that one was lost
MONDAY = datetime(2026, 1, 5, 6, tzinfo=UTC)


def weigh_until_receipted(scale: Scale, ingest: "list[subprocess.Popen[bytes]]", start: Start, step: str) -> int:
    """Send every reading until its receipt; restart ingest when it was killed, at last unarmed; the kills."""
    until = time.monotonic() + 90
    waiting = list(range(READINGS))
    while waiting and time.monotonic() < until:
        if ingest[-1].poll() is not None:
            armed = len(ingest) < KILLS
            ingest.append(start(step, "2") if armed else start())
        some = waiting[:AT_ONCE]
        for seq in some:
            at = MONDAY + timedelta(days=seq)
            scale.publish("s1", {"seq": seq, "measured_at": at.isoformat(), "weight_kg": 82.4})
        wait_until(lambda: all(scale.words["s1", seq] for seq in some), seconds=PATIENCE_SECONDS)  # noqa: B023 at once
        waiting = [seq for seq in waiting if not scale.words["s1", seq]]
    return len(ingest) - 1


def found_wrong(scale: Scale, conn: Connection) -> list[str]:
    """What breaks the promise: a reading not stored once, one without its word, two words for one."""
    conn.rollback()
    stored = [seq for (seq,) in conn.execute("SELECT seq FROM reading").fetchall()]
    wrong = [f"{seq} stored {stored.count(seq)} times" for seq in range(READINGS) if stored.count(seq) != 1]
    return wrong + [
        f"{seq} has {scale.words['s1', seq]}" for seq in range(READINGS) if set(scale.words["s1", seq]) != {"stored"}
    ]


def first_ingest(start: Start, conn: Connection, step: str) -> "list[subprocess.Popen[bytes]]":
    """An ingest that has subscribed once, so that the broker keeps its session, and dies at its second batch."""
    lend(conn, "p1", "s1")
    process = start(step, "2")
    assert wait_until(lambda: listens(conn))
    return [process]


@pytest.mark.parametrize("step", ["received", "before-commit", "before-receipt", "before-acknowledgement"])
def test_every_reading_is_stored_once_and_receipted(
    start_ingest: Start, scale: Scale, connection: Connection, step: str
) -> None:
    ingest = first_ingest(start_ingest, connection, step)
    kills = weigh_until_receipted(scale, ingest, start_ingest, step)
    assert kills == KILLS
    assert found_wrong(scale, connection) == []
    assert connection.execute("SELECT arrivals FROM latest_reading").fetchall() == [(READINGS,)]


def test_the_same_check_finds_out_an_ingest_that_receipts_before_it_commits(
    start_ingest: Start, scale: Scale, connection: Connection
) -> None:
    ingest = first_ingest(start_ingest, connection, "lie")
    assert weigh_until_receipted(scale, ingest, start_ingest, "lie") == KILLS
    assert found_wrong(scale, connection) != []
