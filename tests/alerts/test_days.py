"""From what is stored of a patient to the rows of their days, with a real PostgreSQL."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from alerts.days.keeper import Keeper
from schemas import database
from schemas.clock import Clock
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW

DAY = timedelta(days=1)
TODAY = NOW.date()


LEND = "INSERT INTO device_loan (site, device_id, patient_id, lent_at) VALUES ('h', 's', 'P1', %s)"
HEAR = """
INSERT INTO device_sighting VALUES ('h', 's', %(at)s, %(at)s, %(online)s)
ON CONFLICT (site, device_id) DO UPDATE SET last_seen_at = excluded.last_seen_at, online = excluded.online
"""
EXCLUDE_ALL = """
INSERT INTO reading_review (request_id, reading_id, site, device_id, measured_at, action, reason, author, at)
SELECT gen_random_uuid(), reading_id, site, device_id, measured_at, 'exclude', 'clothes', %s, %s FROM reading
"""
ADD_NOBODYS_READING = """
INSERT INTO reading (site, device_id, measured_at, received_at, recorded_at, weight_kg, source, raw)
VALUES ('h', 's', %(at)s, %(at)s, %(at)s, 80, 'test', '')
"""


class Days:
    """Explains everybody's days at a given time."""

    def __init__(self, pool: ConnectionPool[Connection], conn: Connection) -> None:
        self.pool = pool
        self.conn = conn

    def explain(self, now: datetime) -> int:
        return Keeper(pool=self.pool, clock=Clock(start=now)).explain_due()

    def of(self, patient_id: str = "P1") -> dict[date, str]:
        rows: list[Any] = self.conn.execute(
            "SELECT day, state FROM patient_day WHERE patient_id = %s ORDER BY day", (patient_id,)
        ).fetchall()
        self.conn.commit()
        return dict(rows)

    def states(self, patient_id: str = "P1") -> list[str]:
        return list(self.of(patient_id).values())


@pytest.fixture
def days(database_url: str, connection: Connection) -> Any:
    with database.open_pool(database_url, service="alerts") as pool:
        clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 5 * DAY)
        yield Days(pool, connection)


def lend(conn: Connection, *, heard_at: datetime, online: bool | None = None) -> None:
    conn.execute(LEND, (NOW - 5 * DAY,))
    hear(conn, at=heard_at, online=online)


def hear(conn: Connection, *, at: datetime, online: bool | None = None) -> None:
    conn.execute(HEAR, {"at": at, "online": online})
    conn.commit()


def counts(conn: Connection) -> dict[str, int]:
    rows: list[Any] = conn.execute(
        "SELECT state, sum(days)::int FROM day_count GROUP BY 1 HAVING sum(days) <> 0"
    ).fetchall()
    counted: list[Any] = conn.execute("SELECT state, count(*)::int FROM patient_day GROUP BY 1").fetchall()
    conn.commit()
    assert dict(rows) == dict(counted), "the counts are those of the rows"
    return dict(rows)


def test_days_follow_the_weights_as_they_come_late_and_are_doubted(days: Days, connection: Connection) -> None:
    lend(connection, heard_at=NOW - 3 * DAY)
    clinic.weigh(connection, "P1", [(NOW - 4 * DAY, 80), (NOW - 3 * DAY, 80.2)], recorded_at=NOW - 3 * DAY)
    days.explain(NOW)
    assert days.states() == ["weighed", "weighed", "scale_silent", "scale_silent"]
    assert counts(connection) == {"weighed": 2, "scale_silent": 2}

    clinic.weigh(connection, "P1", [(NOW - 2 * DAY, 70)], recorded_at=NOW, quarantine="implausible_jump")
    hear(connection, at=NOW)
    days.explain(NOW + timedelta(minutes=1))
    assert days.states() == ["weighed", "weighed", "waiting", "not_weighed"], "it was heard, and had kept one"

    clinic.weigh(connection, "P1", [(NOW - 1 * DAY, 80.1), (NOW, 80)], recorded_at=NOW + timedelta(minutes=2))
    days.explain(NOW + timedelta(minutes=3))
    assert days.states() == ["weighed", "weighed", "waiting", "weighed", "weighed"]
    assert counts(connection) == {"weighed": 4, "waiting": 1}
    assert days.explain(NOW + timedelta(minutes=4)) == 0, "nothing new, nothing to do"


def test_a_weight_that_a_nurse_excludes_no_longer_makes_its_day(days: Days, connection: Connection) -> None:
    user = clinic.add_user(connection)
    clinic.weigh(connection, "P1", [(NOW - 2 * DAY, 80), (NOW, 80.2)], recorded_at=NOW)
    days.explain(NOW)
    assert days.of()[TODAY - 2 * DAY] == days.of()[TODAY] == "weighed"
    connection.execute(EXCLUDE_ALL, (user, NOW + timedelta(hours=1)))
    connection.commit()
    days.explain(NOW + timedelta(hours=1))
    assert days.of()[TODAY - 2 * DAY] == "not_weighed"
    assert TODAY not in days.of(), "today is not over"
    assert counts(connection) == {"not_weighed": 4}


def test_a_day_in_auckland_that_a_late_weight_may_still_change_is_explained_again(
    days: Days, connection: Connection
) -> None:
    connection.execute("UPDATE patient SET time_zone = 'Pacific/Auckland'")
    lend(connection, heard_at=NOW - 4 * DAY)
    days.explain(NOW)
    silent = [day for day, state in days.of().items() if state == "scale_silent"]
    hear(connection, at=NOW)
    connection.execute("UPDATE day_watch SET due_at = %s", (NOW,))
    connection.commit()
    days.explain(NOW + timedelta(minutes=1))
    assert [days.of()[day] for day in silent] == ["not_weighed"] * len(silent), "the scale lives: nobody weighed"


def test_a_reading_whose_owner_is_learnt_months_later_makes_its_day(days: Days, connection: Connection) -> None:
    connection.execute("UPDATE patient SET enrolled_at = %s", (NOW - 90 * DAY,))
    days.explain(NOW)
    connection.execute(ADD_NOBODYS_READING, {"at": NOW - 60 * DAY})
    hear(connection, at=NOW - 60 * DAY)
    connection.execute(LEND, (NOW - 80 * DAY,))
    connection.commit()
    days.explain(NOW + timedelta(minutes=1))
    assert days.of()[TODAY - 60 * DAY] == "weighed"


def test_a_connected_scale_lives_though_it_said_nothing_for_days(days: Days, connection: Connection) -> None:
    lend(connection, heard_at=NOW - 5 * DAY, online=True)
    days.explain(NOW)
    assert set(days.states()) == {"not_weighed"}


def test_our_outage_explains_the_days_it_took_also_when_it_becomes_known_later(
    days: Days, connection: Connection
) -> None:
    lend(connection, heard_at=NOW - 5 * DAY)
    days.explain(NOW)
    assert set(days.states()) == {"scale_silent"}
    connection.execute(
        "INSERT INTO service_outage (part, from_at, until_at, changed_at, detail) VALUES ('ingest', %s, %s, %s, '')",
        (NOW - 2 * DAY - timedelta(hours=3), NOW - 2 * DAY + timedelta(hours=3), NOW + timedelta(minutes=1)),
    )
    connection.execute("UPDATE day_watch SET due_at = %s", (NOW,))
    connection.commit()
    days.explain(NOW + timedelta(minutes=2))
    assert days.of()[TODAY - 2 * DAY] == "our_outage"
    assert counts(connection) == {"scale_silent": 3, "our_outage": 1}


def test_one_poisoned_patient_stops_nobodys_days(days: Days, connection: Connection) -> None:
    clinic.add_patients(connection, ["P2", "P3"], enrolled_at=NOW - 5 * DAY)
    clinic.set_plan(connection, "P1", {"silence_days": 99})
    connection.execute("UPDATE patient SET time_zone = 'Mars/Olympus' WHERE patient_id = 'P2'")
    connection.commit()
    days.explain(NOW)
    assert (days.states("P1"), days.states("P2"), len(days.states("P3"))) == ([], [], 4)
    assert days.explain(NOW + timedelta(seconds=1)) == 0


def test_a_day_counts_for_the_team_that_the_patient_had_when_it_was_explained(
    days: Days, connection: Connection
) -> None:
    row = connection.execute("INSERT INTO team DEFAULT VALUES RETURNING team_id").fetchone()
    assert row
    days.explain(NOW)
    of_team = "INSERT INTO patient_team (patient_id, team_id, recorded_at) VALUES ('P1', %s, %s)"
    connection.execute(of_team, (row[0], NOW))
    connection.commit()
    days.explain(NOW + DAY)
    counted = "SELECT team_id, sum(days)::int FROM day_count GROUP BY 1 HAVING sum(days) <> 0 ORDER BY 1"
    assert connection.execute(counted).fetchall() == [(0, 4), (row[0], 1)]
