"""Our own outage is one incident and no patient's alert; who is really silent afterwards is not lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from alerts.days import hush
from alerts.days.hush import Arrivals
from alerts.days.lookout import Lookout
from alerts.delivery import gsm7, plain_texts
from deploy.servers.embedded_postgres import EmbeddedPostgres
from schemas import database
from schemas.clock import Clock, ClockSetting
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW
from tests.fixtures import stack as stacks

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = datetime(2026, 3, 2, 7, tzinfo=UTC)  # 8:00 in Paris
ADD_WEEK: LiteralString = """
INSERT INTO reading (site, device_id, patient_id, measured_at, received_at, recorded_at, weight_kg, source, raw)
SELECT 'site-' || n %% 2, 'P' || n, 'P' || n, at, at, at, 80, 'test', ''
FROM generate_series(1, %(patients)s) AS n,
     generate_series(%(until)s - interval '7 days', %(until)s, interval '1 day') AS morning,
     LATERAL (SELECT morning - make_interval(mins => n %% 120) AS at) AS weighed
"""
ADD_AGAIN: LiteralString = """
INSERT INTO reading (site, device_id, patient_id, measured_at, received_at, recorded_at, weight_kg, source, raw)
SELECT site, device_id, patient_id, at, at, at, 80, 'test', '' FROM (
    SELECT site, device_id, patient_id, max(recorded_at) + %(later)s AS at FROM reading WHERE site = %(site)s
    GROUP BY 1, 2, 3) AS last
"""
ADD_IMPORT: LiteralString = """
INSERT INTO reading (site, device_id, patient_id, measured_at, received_at, recorded_at, weight_kg, source, raw)
SELECT 'home', 'I' || n, 'I' || n, %(at)s, %(at)s, %(at)s, 80, 'csv', '' FROM generate_series(1, 400) AS n
"""
LEND_ALL: LiteralString = """
INSERT INTO device_loan (site, device_id, patient_id, lent_at)
SELECT 'site-' || substr(patient_id, 2)::int % 2, patient_id, patient_id, enrolled_at FROM patient
"""
OUTAGES: LiteralString = """
SELECT part, site, patients, until_at IS NULL FROM service_outage ORDER BY outage_id
"""


def arrivals(*, patients: int = 40, last_at: datetime = MONDAY, site: str | None = None, a_day: float = 40) -> Arrivals:
    return Arrivals(site=site, patients=patients, a_day_by_hour={8: a_day / 2, 9: a_day / 2}, last_at=last_at)


@pytest.mark.parametrize(
    ("quiet", "after", "is_hush"),
    [
        (arrivals(), HOUR, True),  # 20 expected, none came
        (arrivals(), timedelta(minutes=29), False),  # it may be a holiday morning
        (arrivals(last_at=MONDAY + 2 * HOUR), 20 * HOUR, False),  # nobody weighs in the evening
        (arrivals(last_at=MONDAY + 2 * HOUR), DAY, True),
        (arrivals(patients=4, a_day=4), 30 * DAY, False),  # four silent patients are four alerts
        (arrivals(patients=5, a_day=4), 5 * DAY, True),
    ],
)
def test_a_hush_is_what_chance_does_not_do(quiet: Arrivals, after: timedelta, is_hush: bool) -> None:
    assert quiet.is_hushed(quiet.last_at + after) is is_hush


def test_a_hush_of_all_is_one_and_a_hush_of_one_site_is_that_sites() -> None:
    everything, north, south = arrivals(), arrivals(site="north"), arrivals(site="south", last_at=MONDAY + 2 * HOUR)
    now = MONDAY + 2 * HOUR
    assert hush.hushed(everything, [north, south], now=now) == [everything]
    assert hush.hushed(arrivals(last_at=now), [north, south], now=now) == [north]


@given(st.integers(0, 400), st.integers(0, 100))
def test_the_longer_nothing_comes_the_more_was_expected(hours: int, more: int) -> None:
    quiet = arrivals()
    assert quiet.expected(MONDAY + hours * HOUR) <= quiet.expected(MONDAY + (hours + more) * HOUR)
    assert quiet.expected(MONDAY + hours * DAY) == pytest.approx(40 * hours, abs=40)


class Watch:
    """One lookout, looking when it is told to."""

    def __init__(self, pool: ConnectionPool[Connection], conn: Connection) -> None:
        self.pool = pool
        self.conn = conn
        self.lookout = Lookout(pool=pool, clock=Clock(start=NOW))

    def look(self, now: datetime) -> list[Any]:
        self.conn.execute("UPDATE outage_watch SET looked_at = %s", (now,))
        self.conn.commit()
        return self.look_again(now)

    def look_again(self, now: datetime) -> list[Any]:
        """After a hole in the watch, if it was long ago."""
        self.lookout.clock = Clock(start=now)
        self.lookout.look()
        rows = self.conn.execute(OUTAGES).fetchall()
        self.conn.commit()
        return rows

    def notices(self) -> list[Any]:
        rows = self.conn.execute("SELECT kind, outage_id FROM plain_notice ORDER BY notice_id").fetchall()
        self.conn.commit()
        return rows


@pytest.fixture
def watch(database_url: str, connection: Connection) -> Iterator[Watch]:
    clinic.add_user(connection)
    clinic.add_user(connection, role="cardiologist")
    clinic.add_patients(connection, [f"P{n}" for n in range(1, 61)], enrolled_at=NOW - 30 * DAY)
    connection.execute(LEND_ALL)
    connection.execute(ADD_WEEK, {"patients": 60, "until": MONDAY})
    connection.commit()
    with database.open_pool(database_url, service="alerts") as pool:
        yield Watch(pool, connection)


def test_an_import_is_no_habit_that_is_missed_the_day_after(watch: Watch, connection: Connection) -> None:
    imported_at = MONDAY - 2 * DAY + 6 * HOUR
    connection.execute(ADD_IMPORT, {"at": imported_at})
    connection.commit()
    assert watch.look(MONDAY + 7 * HOUR) == []


def test_a_hush_begins_is_told_once_and_ends_with_the_first_weight(watch: Watch, connection: Connection) -> None:
    assert watch.look(MONDAY + HOUR) == []
    hushed = [("arrivals", None, 60, True)]
    assert watch.look(MONDAY + DAY) == hushed
    assert watch.look(MONDAY + DAY + HOUR) == hushed, "it is one, however long it lasts"
    assert watch.notices() == [("outage_began", 1)], "the nurse, once"
    clinic.weigh(connection, "P1", [(MONDAY + DAY, 80)], recorded_at=MONDAY + DAY + 2 * HOUR)
    assert watch.look(MONDAY + DAY + 3 * HOUR) == [("arrivals", None, 60, False)]
    assert watch.notices() == [("outage_began", 1), ("outage_ended", 1)]


def test_one_gateway_that_falls_silent_is_one_incident_of_its_site(watch: Watch, connection: Connection) -> None:
    connection.execute(ADD_AGAIN, {"later": DAY, "site": "site-0"})
    connection.commit()
    outages = watch.look(MONDAY + DAY + HOUR)
    assert outages == [("arrivals", "site-1", 30, True)]


def test_a_hole_in_our_own_watch_is_an_outage_unless_weights_were_recorded_in_it(
    watch: Watch, connection: Connection
) -> None:
    watch.look(MONDAY + 2 * HOUR)
    assert watch.look_again(MONDAY + 6 * HOUR) == [("alerts", None, 60, False)]
    clinic.weigh(connection, "P1", [(MONDAY, 80)], recorded_at=MONDAY + 8 * HOUR)
    assert len(watch.look_again(MONDAY + 12 * HOUR)) == 1


@pytest.mark.parametrize("kind", ["outage_began", "outage_ended"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_outage_is_told_in_one_gsm_7_message(kind: Any, language: Any) -> None:
    link = "https://vigie.hopital-de-la-riviere.example/"
    facts = {"outage": 123_456, "patients": 100_000}
    told = plain_texts.message(kind, facts, notice_id=7, url=link.rstrip("/"), language=language)
    assert len(told.sms) <= 160
    assert set(told.sms) <= gsm7.ALPHABET
    assert link in told.sms


CLOCK = ClockSetting(rate=86400 / 3, start=datetime(2026, 3, 2, 8, tzinfo=UTC))  # a day takes three seconds
ENROL: LiteralString = """
INSERT INTO patient (patient_id, enrolled_at) SELECT 'P' || n, %(at)s FROM generate_series(1, 800) AS n
"""
SILENT: LiteralString = "SELECT count(*)::int FROM episode WHERE cause = 'no_transmission'"


def test_800_patients_fall_silent_because_our_broker_was_down(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """One incident and no patient's alert; and after the return, everyone who stays silent is alerted."""
    with stacks.running(postgres, tmp_path, clock=CLOCK) as stack, stack.connect() as conn:
        conn.execute(ENROL, {"at": stack.clock.now()})
        conn.commit()
        stack.broker.stop()
        stack.wait_for(lambda: _rows(conn, OUTAGES) == [("ingest", None, 800, True)], "no outage was seen")
        stack.clock.sleep_until(stack.clock.now() + 5 * DAY)
        assert _rows(conn, SILENT) == [(0,)]
        assert [mail.subject for mail in stack.inbox.mails] == ["Vigie : panne 1, les pesées n'arrivent pas"]
        stack.broker.start()
        stack.wait_for(lambda: _rows(conn, OUTAGES) == [("ingest", None, 800, False)], "the outage did not end")
        ended = stack.clock.now()
        ten_weigh(conn, ended)
        stack.clock.sleep_until(ended + 2 * DAY)
        ten_weigh(conn, stack.clock.now())
        stack.wait_for(lambda: _rows(conn, SILENT) == [(790,)], "some who stayed silent are lost", seconds=100)
        assert not {f"P{n}" for n in range(1, 11)} & {row[0] for row in _rows(conn, "SELECT patient_id FROM episode")}
        assert _rows(conn, "SELECT min(opened_at) >= max(until_at) + interval '2 days' FROM episode, service_outage")
        told = [mail.subject for mail in stack.inbox.mails if "panne" in mail.subject]
        assert sorted(told) == ["Vigie : fin de la panne 1", "Vigie : panne 1, les pesées n'arrivent pas"]
        assert _rows(conn, "SELECT count(DISTINCT patient_id)::int FROM patient_day WHERE state = 'our_outage'") == [
            (800,)
        ]


def ten_weigh(conn: Connection, at: datetime) -> None:
    for n in range(1, 11):
        clinic.weigh(conn, f"P{n}", [(at, 80)], recorded_at=at)


def _rows(conn: Connection, query: LiteralString) -> list[Any]:
    rows = conn.execute(query).fetchall()
    conn.commit()
    return rows
