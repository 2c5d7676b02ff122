"""A pause keeps silence from being alerted, until it ends; nothing else does, and nothing of it is overwritten."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from alerts import pause_store
from alerts.days import ending_pauses, ledger, notices
from alerts.days.keeper import Keeper
from alerts.detectors import silence
from alerts.detectors.silence import A_DAY, Span
from alerts.judgement import explanation
from alerts.judgement.assessment import Facts
from alerts.pause_store import Pause
from alerts.worker import Worker
from schemas import database, rosters
from schemas.alert import Evidence
from schemas.clock import Clock
from schemas.database import Connection
from schemas.duty import Team, Weekly
from schemas.plan import Plan
from tests.alerts import clinic
from tests.alerts.clinic import NOW

PARIS = ZoneInfo("Europe/Paris")
TODAY = NOW.date()
HOUR = timedelta(hours=1)


class Clinic:
    """One patient who weighed daily until today and then no more; the programs at given times."""

    def __init__(self, *, url: str, pool: ConnectionPool[Connection], conn: Connection) -> None:
        self.url = url
        self.pool = pool
        self.conn = conn
        clinic.add_user(conn)
        clinic.add_patients(conn, ["P1"], enrolled_at=NOW - 20 * A_DAY)
        clinic.weigh(conn, "P1", clinic.mornings(NOW, [80.0] * 10), recorded_at=NOW)
        self.at(NOW)

    def at(self, now: datetime) -> None:
        clock = Clock(start=now)
        Worker(
            url=self.url, pool=self.pool, clock=clock, stop=threading.Event(), screens_url="https://v.example"
        ).assess_due()
        Keeper(pool=self.pool, clock=clock).explain_due()

    def states(self) -> dict[date, str]:
        rows: list[Any] = self.conn.execute("SELECT day, state FROM patient_day ORDER BY day").fetchall()
        self.conn.commit()
        return dict(rows)

    def events(self) -> list[str]:
        return [kind for episode in clinic.episodes(self.conn) for kind in episode.events]


@pytest.fixture
def one(database_url: str, connection: Connection) -> Iterator[Clinic]:
    with database.open_pool(database_url, service="alerts") as pool:
        yield Clinic(url=database_url, pool=pool, conn=connection)


def test_silence_in_a_pause_is_alerted_only_once_as_many_days_were_missed_outside_it(one: Clinic) -> None:
    clinic.pause(one.conn, "P1", TODAY + 2 * A_DAY, TODAY + 11 * A_DAY, now=NOW + HOUR)  # a day was missed before it
    for days in range(1, 14):
        one.at(NOW + days * A_DAY)
    assert one.events() == []
    assert list(one.states().values())[-12:] == ["not_weighed", *["paused"] * 10, "not_weighed"]
    one.at(NOW + 14 * A_DAY)
    assert one.events() == ["raised"], "3 days missed: one before, two after"
    assert one.states()[TODAY + 13 * A_DAY] == "not_weighed"


def test_a_pause_that_is_told_late_explains_the_days_and_says_so_on_the_episode(one: Clinic) -> None:
    one.at(NOW + 4 * A_DAY)
    assert one.events() == ["raised"]
    clinic.pause(one.conn, "P1", TODAY + A_DAY, TODAY + 20 * A_DAY, now=NOW + 4 * A_DAY, kind="hospital")
    one.at(NOW + 4 * A_DAY + timedelta(minutes=1))
    assert one.events() == ["raised", "back_in_band"], "it is told and asks; it does not close itself"
    assert set(list(one.states().values())[-4:]) == {"paused"}
    sentence = "SELECT evidence #>> '{sentence,fr}' FROM episode_event ORDER BY event_id DESC LIMIT 1"
    assert one.conn.execute(sentence).fetchone() == ("aucune pesée n'est attendue : suivi en pause",)
    for (stored,) in one.conn.execute("SELECT evidence FROM episode_event").fetchall():
        evidence = Evidence.model_validate(stored)
        assert explanation.differences(evidence, explanation.from_itself(evidence)) == []


def test_whoever_comes_back_early_is_expected_again(one: Clinic) -> None:
    pause_id = clinic.pause(one.conn, "P1", TODAY + A_DAY, TODAY + 30 * A_DAY, now=NOW)
    one.at(NOW + 5 * A_DAY)
    clinic.move_pause(one.conn, pause_id, TODAY + 2 * A_DAY, now=NOW + 5 * A_DAY)
    one.at(NOW + 5 * A_DAY + HOUR)
    assert one.events() == []
    assert list(one.states().values())[-4:] == ["paused", "paused", "not_weighed", "not_weighed"]
    one.at(NOW + 6 * A_DAY)
    assert one.events() == ["raised"]


def test_a_pause_called_off_was_none(one: Clinic) -> None:
    pause_id = clinic.pause(one.conn, "P1", TODAY + A_DAY, TODAY + 30 * A_DAY, now=NOW)
    clinic.move_pause(one.conn, pause_id, TODAY, now=NOW + HOUR)
    one.at(NOW + 4 * A_DAY)
    assert one.events() == ["raised"]
    assert "paused" not in one.states().values()


def test_a_weight_in_a_pause_is_judged_as_ever(one: Clinic) -> None:
    clinic.pause(one.conn, "P1", TODAY, TODAY + 30 * A_DAY, now=NOW)
    clinic.weigh(one.conn, "P1", [(NOW + A_DAY, 83.5)], recorded_at=NOW + A_DAY)
    one.at(NOW + A_DAY)
    assert [(one.cause, one.events) for one in clinic.episodes(one.conn)] == [("decompensation", ("raised",))]
    assert one.states()[TODAY + A_DAY] == "weighed"


def test_a_pause_that_is_entered_while_the_days_are_being_explained_is_not_overlooked(
    one: Clinic, database_url: str
) -> None:
    now = NOW + 2 * A_DAY
    with database.connect(database_url, service="alerts") as keeper, database.connect(database_url) as nurse:
        assert [claimed.patient_id for claimed in ledger.claim(keeper, now=now, longest=2 * A_DAY, limit=10)] == ["P1"]
        entering = threading.Thread(
            target=clinic.pause, args=(nurse, "P1", TODAY + A_DAY, TODAY + 9 * A_DAY), kwargs={"now": now}
        )
        entering.start()
        entering.join(0.3)
        assert entering.is_alive(), "it waits for the claim's end"
        explained = ledger.Explained(patient_id="P1", arrivals=1, first=TODAY, states={}, due_at=now + A_DAY)
        ledger.write(keeper, [explained], now=now)
        keeper.commit()
        entering.join(10)
    one.at(now + timedelta(seconds=1))
    assert one.states()[TODAY + A_DAY] == "paused"


def test_nothing_of_a_pause_can_be_overwritten_and_none_lasts_longer_than_half_a_year(one: Clinic) -> None:
    pause_id = clinic.pause(one.conn, "P1", TODAY, TODAY + 183 * A_DAY, now=NOW)
    clinic.move_pause(one.conn, pause_id, TODAY + 2 * A_DAY, now=NOW)
    for change in ("UPDATE pause SET last_day = last_day + 1", "DELETE FROM pause_change", "DELETE FROM pause"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"), one.conn.transaction():
            one.conn.execute(change)
    for longer in (TODAY + 184 * A_DAY, TODAY - 2 * A_DAY):
        with pytest.raises(psycopg.errors.CheckViolation), one.conn.transaction():
            clinic.move_pause(one.conn, pause_id, longer, now=NOW)
        with pytest.raises(psycopg.errors.CheckViolation), one.conn.transaction():
            clinic.pause(one.conn, "P1", TODAY, longer, now=NOW)


def reminded(conn: Connection, now: datetime) -> list[tuple[str, int]]:
    notices.write(conn, now=now)
    notices.write(conn, now=now + HOUR)
    conn.commit()
    rows: list[Any] = conn.execute("SELECT facts ->> 'day', user_id FROM plain_notice ORDER BY notice_id").fetchall()
    conn.commit()
    return rows


def test_whoever_paused_is_reminded_once_on_the_morning_before_the_last_day_and_again_if_it_is_moved(
    one: Clinic,
) -> None:
    nine = datetime.combine(TODAY, time(9), tzinfo=PARIS)
    (author,) = one.conn.execute("SELECT min(user_id) FROM app_user").fetchone() or (0,)
    assert isinstance(author, int)
    clinic.add_user(one.conn, language="en")
    pause_id = clinic.pause(one.conn, "P1", TODAY + A_DAY, TODAY + 10 * A_DAY, now=NOW)
    clinic.pause(one.conn, "P1", TODAY + 60 * A_DAY, TODAY + 60 * A_DAY, now=nine + 59 * A_DAY)  # told the day before
    assert reminded(one.conn, nine + 9 * A_DAY - 2 * HOUR) == []
    first = ((TODAY + 10 * A_DAY).isoformat(), author)
    assert reminded(one.conn, nine + 9 * A_DAY) == [first]
    clinic.move_pause(one.conn, pause_id, TODAY + 20 * A_DAY, now=nine + 9 * A_DAY + HOUR)
    assert reminded(one.conn, nine + 19 * A_DAY) == [first, ((TODAY + 20 * A_DAY).isoformat(), author)]
    assert len(reminded(one.conn, nine + 60 * A_DAY)) == 2


def test_the_nurses_are_reminded_of_a_pause_whose_author_no_message_reaches(one: Clinic) -> None:
    clinic.pause(one.conn, "P1", TODAY + A_DAY, TODAY + 10 * A_DAY, now=NOW)
    one.conn.execute("UPDATE app_user SET disabled_at = now()")
    one.conn.commit()
    nurse = clinic.add_user(one.conn, language="en")
    assert reminded(one.conn, NOW + 9 * A_DAY + HOUR) == [((TODAY + 10 * A_DAY).isoformat(), nurse)]


MORNINGS_ONLY = tuple(Weekly(weekday=day, starts=time(7), ends=time(8, 30)) for day in (0, 2))


@pytest.mark.parametrize(
    ("team", "last_day", "reminded_at"),
    [
        (rosters.EVERYBODY, "2026-03-09", "2026-03-08T09:00+01:00"),
        (Team(name="weekdays"), "2026-03-06", "2026-03-05T09:00+01:00"),
        (Team(name="weekdays"), "2026-03-09", "2026-03-06T09:00+01:00"),  # a Monday: on Friday
        (Team(name="weekdays"), "2026-07-15", "2026-07-13T09:00+02:00"),  # the 14th of July: the day before
        (Team(name="weekdays", time_zone="America/Cayenne"), "2026-03-06", "2026-03-05T09:00-03:00"),
        (Team(name="mornings", hours=MORNINGS_ONLY), "2026-03-10", "2026-03-09T07:00+01:00"),
        (Team(name="never", hours=()), "2026-03-10", "2026-03-09T09:00+01:00"),
        (Team(name="weekdays"), "2026-03-30", "2026-03-27T09:00+01:00"),  # over the night without 2 o'clock
    ],
)
def test_the_reminder_of_a_pause_comes_in_the_teams_own_hours_before_the_last_day(
    team: Team, last_day: str, reminded_at: str
) -> None:
    at = ending_pauses.reminded_at(date.fromisoformat(last_day), team=team)
    assert at == datetime.fromisoformat(reminded_at)


DAYS = st.integers(-30, 60).map(lambda day: date(2026, 3, 10) + day * A_DAY)  # with the night that has no 2 o'clock


@given(
    st.lists(st.tuples(DAYS, st.integers(-1, 40)), max_size=4),
    st.integers(0, 60 * 24).map(lambda hour: datetime(2026, 2, 25, tzinfo=UTC) + hour * HOUR),
    st.sampled_from([PARIS, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/Cayenne")]),
    st.builds(Plan, silence_days=st.integers(1, 5), weigh_by_hour=st.none() | st.integers(4, 20)),
)
def test_silence_is_due_after_as_many_unpaused_days_whatever_pauses_there_are(
    spans: list[tuple[date, int]], last: datetime, zone: ZoneInfo, plan: Plan
) -> None:
    pauses = [
        Pause(patient_id="P1", kind="holiday", first_day=first, last_day=first + days * A_DAY, changed_at=last)
        for first, days in spans
    ]
    paused = {first + n * A_DAY for first, days in spans for n in range(days + 1)}
    due = silence.due_at(last, zone=zone, plan=plan, pauses=[pause.span(zone) for pause in pauses])
    day, missed = last.astimezone(zone).date(), 0
    while missed < plan.silence_days:
        day += A_DAY
        missed += day not in paused
    assert due == silence.deadline(day, zone=zone, plan=plan)


def test_the_baseline_starts_afresh_after_a_stay_in_hospital_and_not_after_a_holiday() -> None:
    facts = Facts(plan=Plan(), zone=PARIS, enrolled_at=NOW, anchors=[date(2026, 1, 1)])
    for kind, anchors in (("hospital", [date(2026, 1, 1), TODAY + 6 * A_DAY]), ("holiday", [date(2026, 1, 1)])):
        pause = Pause(patient_id="P1", kind=kind, first_day=TODAY, last_day=TODAY + 5 * A_DAY, changed_at=NOW)
        paused = pause_store.paused(facts, [pause])
        assert paused.anchors == anchors
        assert paused.pauses == [
            Span(since=datetime(2026, 3, 2, tzinfo=PARIS), until=datetime(2026, 3, 8, tzinfo=PARIS))
        ]
