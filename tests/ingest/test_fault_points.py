"""Ingest killed at every named point, again and again: every reading stored once, every one receipted.

Random kills find a wrong order in one run of nine (they hit the wrong millisecond); a kill at the point finds it.
"""

import random
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from schemas.database import Connection
from tests.ingest.conftest import Nursery, lend, listens
from tests.ingest.scale import Scale, wait_until

POINTS = ("received", "inside", "before-commit", "before-receipt", "before-acknowledgement")
KILLS, KILLS_LONG = 12, 200  # at each of the five points
LIES, LIES_LONG = 8, 100
MONDAY = datetime(2026, 1, 5, 6, tzinfo=UTC)


def weigh(scale: Scale, seq: int) -> None:
    at = MONDAY + timedelta(hours=seq)
    scale.publish("s1", {"seq": seq, "measured_at": at.isoformat(), "weight_kg": 82.4})


def subscribe_once(nursery: Nursery, connection: Connection) -> None:
    """From now on the broker keeps messages for ingest."""
    pid = nursery.start()
    assert wait_until(lambda: listens(connection), seconds=30)
    nursery.kill(pid)


def stored(connection: Connection) -> list[object]:
    connection.rollback()
    return [seq for (seq,) in connection.execute("SELECT seq FROM reading ORDER BY seq").fetchall()]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_costs_a_repetition_and_no_reading(
    nursery: Nursery, scale: Scale, connection: Connection, point: str, *, long: bool
) -> None:
    lend(connection, "p1", "s1")
    subscribe_once(nursery, connection)
    chance = random.Random(point)
    seq = 0
    for _ in range(KILLS_LONG if long else KILLS):
        pid = nursery.start(step=point, number=chance.randint(1, 3))
        until = time.monotonic() + 30
        while nursery.lives(pid):
            assert time.monotonic() < until, "the armed ingest was not killed"
            for again in range(max(0, seq - 2), seq + 1):  # as a scale that was not answered
                weigh(scale, again)
            seq += 1
            time.sleep(0.02)
    nursery.start()
    for number in range(seq):
        if not scale.words["s1", number]:
            weigh(scale, number)
    assert wait_until(lambda: all(scale.words["s1", number] for number in range(seq)), seconds=30)
    assert stored(connection) == list(range(seq))
    assert {word for words in scale.words.values() for word in words} == {"stored"}
    assert connection.execute("SELECT arrivals FROM latest_reading").fetchall() == [(seq,)]


@pytest.mark.timeout(600)
def test_an_ingest_that_acknowledges_before_it_commits_is_found_out_every_time(
    nursery: Nursery, scale: Scale, connection: Connection, *, long: bool
) -> None:
    lend(connection, "p1", "s1")
    subscribe_once(nursery, connection)
    lies = LIES_LONG if long else LIES
    for seq in range(lies):
        pid = nursery.start(step="lie", number=1)
        weigh(scale, seq)
        assert wait_until(partial(nursery.is_dead, pid), seconds=30)
        assert scale.word("s1", seq) == "stored"
    assert stored(connection) == []
