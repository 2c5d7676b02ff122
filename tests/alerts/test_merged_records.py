"""One person, two records: what the record that goes on is judged by after a merge, and what explains both later."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from alerts.explain_command import explain
from alerts.worker import Worker
from schemas import database
from schemas.clock import Clock
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW

STEADY = [80.0, 80.3, 79.9, 80.2, 80.1, 79.8, 80.0, 80.2, 79.9, 80.1]
A_DAY = timedelta(days=1)
MERGED, UNDONE = NOW + timedelta(hours=1), NOW + timedelta(hours=3)
AFTER = NOW + timedelta(hours=2)


@pytest.fixture
def two_records(connection: Connection) -> Connection:
    """The later one goes on, last weighed ten days ago; the earlier was weighed each day, and gained 3 kg today."""
    clinic.add_user(connection)
    clinic.add_patients(connection, ["later", "earlier"], enrolled_at=NOW - timedelta(days=200))
    rare = [(NOW - timedelta(days=days), 80.0) for days in range(10, 190, 4)]
    clinic.weigh(connection, "later", rare, recorded_at=NOW - 9 * A_DAY)
    clinic.weigh(connection, "earlier", clinic.mornings(NOW - A_DAY, STEADY), recorded_at=NOW - A_DAY)
    clinic.weigh(connection, "earlier", [(NOW - timedelta(minutes=5), 83.1)], recorded_at=NOW - timedelta(minutes=4))
    return connection


@contextmanager
def working(url: str, *, at: datetime) -> Iterator[Worker]:
    """The worker at this hour, each look of which the test asks for."""
    with database.open_pool(url, service="alerts", max_size=2) as pool:
        yield Worker(url=url, pool=pool, clock=Clock(start=at), stop=threading.Event(), screens_url="")


def judge(url: str, *, at: datetime) -> None:
    """Whoever is due at this hour."""
    with working(url, at=at) as worker:
        worker.assess_due()


def tell(conn: Connection, status: str, *, at: datetime, into: str | None = None) -> None:
    """A person says of the earlier record that it ended in the other, or that it did not."""
    conn.execute(
        "INSERT INTO patient_status (request_id, patient_id, status, into_patient, reason, author, recorded_at)"
        " SELECT gen_random_uuid(), 'earlier', %s, %s, 'two records', min(user_id), %s FROM app_user",
        (status, into, at),
    )
    conn.commit()


def opened(conn: Connection, patient_id: str) -> list[tuple[int, str]]:
    conn.commit()
    return [
        (int(str(number)), str(cause))
        for number, cause in conn.execute(
            "SELECT episode_id, cause FROM episode WHERE patient_id = %s ORDER BY episode_id", (patient_id,)
        )
    ]


def test_a_merge_and_its_undoing_have_the_record_that_goes_on_judged_at_once(
    two_records: Connection, database_url: str
) -> None:
    two_records.execute("LISTEN vigie_reading")
    two_records.commit()
    with working(database_url, at=AFTER) as worker:
        worker.assess_due()
        with worker.pool.connection() as conn:
            assert worker.assess_some(conn) == 0, "nobody is due any more"
        for status, into in (("merged", "later"), ("active", None)):
            tell(two_records, status, at=MERGED, into=into)
            assert [note.payload for note in two_records.notifies(timeout=5, stop_after=1)] == ["later"]
            with worker.pool.connection() as conn:
                assert worker.assess_some(conn) == 1
    assert "decompensation" in dict(map(reversed, opened(two_records, "later")))  # type: ignore[arg-type]


def test_who_weighed_in_under_the_earlier_record_was_not_silent(two_records: Connection, database_url: str) -> None:
    tell(two_records, "merged", at=MERGED, into="later")
    judge(database_url, at=AFTER)
    assert [cause for _, cause in opened(two_records, "later")] == ["decompensation"]


def test_every_episode_explains_itself_to_the_last_digit_after_a_merge_and_after_its_undoing(
    two_records: Connection, database_url: str
) -> None:
    judge(database_url, at=NOW)  # each by its own weights: a gain of the one, a silence of the other
    tell(two_records, "merged", at=MERGED, into="later")
    judge(database_url, at=AFTER)  # by both
    known = [opened(two_records, one) for one in ("earlier", "later")]
    assert [[cause for _, cause in episodes] for episodes in known] == [
        ["decompensation"], ["no_transmission", "decompensation"]
    ]  # fmt: skip
    for status, into in (("active", None), ("merged", "later")):
        differing = {
            number: explain(two_records, number, readings_too=True, as_json=False, echo=lambda _: None)
            for episodes in known
            for number, _ in episodes
        }
        assert not any(differing.values())
        tell(two_records, status, at=UNDONE, into=into)
    [used] = two_records.execute(
        "SELECT jsonb_path_query_array(evidence, '$.readings[*].weight_kg') FROM episode"
        " WHERE patient_id = 'later' AND cause = 'decompensation'"
    ).fetchone() or [None]
    assert isinstance(used, list)
    assert {83.1, 80.3} <= set(used), "weights of both records"
