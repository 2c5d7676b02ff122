"""Whatever the order of weights, acts, pauses, clocks, crashes, no raised alert is forgotten: played in PostgreSQL."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Literal, LiteralString
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg.types.json import Jsonb

from alerts import episode_store, policy, store
from alerts.days import ending_pauses, notices
from alerts.delivery import outbox
from alerts.delivery.route import route
from alerts.judgement.assessment import Assessment
from alerts.policy import Episode
from alerts.router import Router
from alerts.worker import Worker
from schemas import database, rosters
from schemas.alert import SEVERITIES, Severity
from schemas.clock import Clock
from schemas.database import Connection
from schemas.duty import Team
from tests.alerts import clinic
from tests.alerts.clinic import NOW
from tests.alerts.test_episode_rules import finding

PARIS = ZoneInfo("Europe/Paris")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ACT: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, note, author, at, until)
VALUES (%(request_id)s, %(episode_id)s, %(action)s, %(outcome)s, 'because', %(author)s, %(at)s, %(until)s)
"""
OPEN: LiteralString = """
SELECT episode_id, state, cause, next_at, snoozed_until, step,
       (SELECT count(*) FROM notification AS n WHERE n.episode_id = e.episode_id)::int,
       (SELECT max(at) FROM acknowledgement AS a WHERE a.episode_id = e.episode_id)
FROM episode AS e WHERE closed_at IS NULL
"""
WATCHES: LiteralString = """
SELECT state, snoozed_until, next_at, (SELECT count(*) FROM notification AS n WHERE n.episode_id = e.episode_id)::int
FROM episode AS e WHERE closed_at IS NULL AND severity = 'watch'
"""
# Since when each alert is one: opened at, untaken, no later than told of.
RAISED: LiteralString = """
SELECT opened_at, (SELECT at FROM episode_event AS v WHERE v.episode_id = e.episode_id AND v.severity <> 'watch'
                   ORDER BY event_id LIMIT 1),
       (SELECT bool_and(v.severity <> 'watch') FROM notification AS n JOIN episode_event AS v USING (event_id)
        WHERE n.episode_id = e.episode_id) IS NOT FALSE
FROM episode AS e WHERE severity <> 'watch'
"""
NOTIFIED: LiteralString = """
SELECT delivered_at, withdrawn_at, due_at, closed_at, created_at FROM notification JOIN episode USING (episode_id)
"""
HISTORY: LiteralString = """
SELECT episode_id, at, kind FROM episode_event ORDER BY event_id
"""
SILENCES: LiteralString = """
SELECT max(closed_at), count(*) FILTER (WHERE closed_at IS NULL)::int FROM episode WHERE cause = 'no_transmission'
"""
WATCHED: LiteralString = "SELECT due_at FROM watch"
PAUSES: LiteralString = "SELECT pause_id, first_day, last_day, changed_at FROM standing_pause"
REMINDED: LiteralString = "SELECT about FROM plain_notice WHERE kind = 'pause_ends'"
LAST_WEIGHT: LiteralString = """
SELECT coalesce((SELECT max(measured_at) FROM reading WHERE quarantine_reason IS NULL AND measured_at <= %s),
                (SELECT enrolled_at FROM patient))
"""
EXAMPLES = 60
"""For each team, in CI; 500 for each were played on this file."""
Death = Literal["none", "before_the_send", "after_the_send"]


class Life(RuleBasedStateMachine):
    """One patient, one team of three, one clock that jumps forward and is set back."""

    conn: Connection
    people: list[int]
    worker: Worker
    team: Team

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.conn.rollback()  # of an example that failed
        self.conn.execute(
            "TRUNCATE episode, episode_event, notification, acknowledgement, delivery_attempt, pause, pause_change,"
            " plain_notice, reading, latest_reading, watch, assessment CASCADE"
        )
        self.conn.commit()
        self.sent_at = self.latest = self.now
        self.routed_at: datetime | None = self.now
        self.paged: set[int] = set()
        self.handed_over = Counter[int]()
        self.was_set_back = False
        self.ahead = timedelta(0)
        self.weighed = 0
        self.troubles = 0
        """Crashes and clocks set back: each may cost one repeat."""
        self.a_weight_arrives(80.0)
        self.the_worker_looks(crashes=False)  # what is silent at first sight is an imported past, and only shown

    def _committed(self, work: Callable[[], Any], *, crashes: bool) -> Any:
        """If it `crashes`, the program dies before the commit: what it did is gone."""
        with self.conn.transaction():
            done = work()
            if crashes:
                raise psycopg.Rollback
        return None if crashes else done

    @rule(
        severity=st.sampled_from([*SEVERITIES, None]),
        kg=st.sampled_from([80.0, 82.5, 83.6, 86.0]),
        crashes=st.booleans(),
    )
    def weigh(self, severity: Severity | None, kg: float, crashes: bool) -> None:
        found = finding(severity, kg=kg, at=self.now)

        def work() -> list[bool]:
            latest = self._latest()
            actions = policy.decide(Assessment(findings=[found]), latest=latest, now=self.now, first_light=False)
            router = Router(conn=self.conn, now=self.now)
            for action in actions:
                episode_store.act(self.conn, action, patient_id="P1", router=router)
            return [action.pages for action in actions]

        if any(self._committed(work, crashes=crashes) or []):
            for episode_id, state, cause, _, snoozed_until, *_ in self._open():
                if cause == "decompensation":
                    self.paged.add(episode_id)
                    assert (state, snoozed_until) == ("new", None), "worse: no snooze holds, and what was taken is open"

    @rule(kg=st.sampled_from([80.0, 80.4, 82.9, 86.0]))
    def a_weight_arrives(self, kg: float) -> None:
        self.weighed += 1
        at = self.now - self.weighed * timedelta(microseconds=1)  # no two are one and the same reading
        clinic.weigh(self.conn, "P1", [(at, kg)], recorded_at=self.now)

    @rule(crashes=st.booleans())
    def the_worker_looks(self, crashes: bool) -> None:
        """It reads weights and pauses as they are stored; silence is its finding alone."""
        self.worker.clock = Clock(start=self.now, rate=1e-9)  # it stands still
        self._committed(lambda: store.watch_everyone(self.conn, now=self.now), crashes=crashes)
        looked_at = self._committed(lambda: self.worker.assess_some(self.conn), crashes=crashes)
        if looked_at is None:
            return
        assert self.worker.postponed == set()
        assert self._rows(WATCHED)[0][0] <= self.now + DAY + HOUR, "whatever the clock was, it looks again within a day"
        self.paged |= {row[0] for row in self._open() if row[2] == "no_transmission"}
        closed_at, still_open = self._rows(SILENCES)[0]
        if looked_at and self._missed_days() >= 3 and not still_open:
            assert closed_at is not None, "a patient fell silent and nobody will be told"
            assert abs(self.now - closed_at) < 4 * DAY, "and what was closed is raised again"

    @rule(
        begins=st.integers(-4, 5),
        days=st.integers(0, 40),
        kind=st.sampled_from(["holiday", "hospital", "other"]),
        crashes=st.booleans(),
    )
    def pause(self, begins: int, days: int, kind: str, crashes: bool) -> None:
        first = self._today() + begins * DAY
        values = {"patient_id": "P1", "kind": kind, "first": first, "last": first + days * DAY, "now": self.now}
        self._committed(lambda: self.conn.execute(clinic.PAUSE, values), crashes=crashes)

    @precondition(lambda self: self._rows(PAUSES))
    @rule(days=st.integers(-10, 30), crashes=st.booleans(), data=st.data())
    def end_it_otherwise(self, days: int, crashes: bool, data: st.DataObject) -> None:
        """Earlier, later, or not at all."""
        pause_id, first, last, _ = data.draw(st.sampled_from(self._rows(PAUSES)))
        wanted = min(max(last + days * DAY, first - DAY), first + 183 * DAY)
        values = {"pause_id": pause_id, "last": wanted, "now": self.now}
        self._committed(lambda: self.conn.execute(clinic.MOVE_PAUSE, values), crashes=crashes)

    @rule(crashes=st.booleans())
    def remind(self, crashes: bool) -> None:
        self._committed(lambda: notices.write(self.conn, now=self.now), crashes=crashes)
        if crashes:
            return
        told = [about for (about,) in self._rows(REMINDED)]
        assert len(told) == len(set(told)), "one person set it, and is told once of each end"
        for pause_id, first, last, changed_at in self._rows(PAUSES):
            at = ending_pauses.reminded_at(last, team=self.team)
            if first <= last and changed_at < at <= self.now and self._today() <= last:
                assert f"{pause_id} until {last}" in told, "a pause ends and nobody was told"

    @rule(hours=st.sampled_from([1, 5, 14, 30, 24 * 4, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR
        self.latest = max(self.latest, self.now)

    @rule(back=st.sampled_from([MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, DAY, 4 * DAY, 20 * DAY]))
    def the_clock_is_set_back(self, back: timedelta) -> None:
        """All programs share it."""
        self._set_back(back)

    @rule(days=st.sampled_from([1, 30, 400]))
    def the_clock_jumps_ahead(self, days: int) -> None:
        self.now += days * DAY
        self.ahead += days * DAY
        self.latest = max(self.latest, self.now)

    @precondition(lambda self: self.ahead)
    @rule()
    def the_right_time_is_found_again(self) -> None:
        self._set_back(self.ahead)
        self.ahead = timedelta(0)
        self.route(crashes=False)  # a second later

    def _set_back(self, back: timedelta) -> None:
        self.now -= back
        self.routed_at = None
        self.was_set_back = True
        self.troubles += 1

    @rule(crashes=st.booleans())
    def route(self, crashes: bool) -> None:
        before = self._told()
        moves = self._committed(lambda: Router(conn=self.conn, now=self.now).go_on(limit=100), crashes=crashes)
        if moves is None:
            assert self._told() == before
        else:
            assert self._told() == before + sum(len(move.tell) for move in moves), "each is told, and once"
            self.routed_at = self.now
            for _, state, _, next_at, snoozed_until, *_ in self._open():
                if next_at is not None and state == "new" and snoozed_until is None:  # else a person named the day
                    assert next_at <= self.now + 15 * DAY, "whatever the clock was, it is soon"

    @precondition(lambda self: self._open())
    @rule(
        action=st.sampled_from(["take", "follow_up", "snooze", "close"]),
        days=st.integers(1, 14),
        outcome=st.sampled_from(["false_food", "confirmed_visit"]),
        crashes=st.booleans(),
        data=st.data(),
    )
    def act(self, action: str, days: int, outcome: str, crashes: bool, data: st.DataObject) -> None:
        values = {
            "request_id": uuid.uuid4(),
            "episode_id": data.draw(st.sampled_from([row[0] for row in self._open()])),
            "action": action,
            "outcome": outcome if action == "close" else None,
            "author": data.draw(st.sampled_from(self.people)),
            "at": self.now,
            "until": None if action == "close" else self.now + days * DAY,
        }
        self._committed(lambda: self.conn.execute(ACT, values), crashes=crashes)

    @rule(crashes=st.booleans())
    def every_channel_of_those_told_fails(self, crashes: bool) -> None:
        told = clinic.count(self.conn, "SELECT count(*)::int FROM notification WHERE failed_at IS NULL")
        self._committed(
            lambda: self.conn.execute("UPDATE notification SET failed_at = %s WHERE failed_at IS NULL", (self.now,)),
            crashes=crashes,
        )
        if told and not crashes:
            self.routed_at = None  # what was hastened is due now

    @rule(works=st.booleans(), dies=st.sampled_from(["none", "before_the_send", "after_the_send"]))
    def send(self, works: bool, dies: Death) -> None:
        """A round of the sender; it may die after its lease, or after the gateway's answer; the gateway may refuse."""
        outbox.withdraw(self.conn, now=self.now)
        outbox.set_right(self.conn, now=self.now, lease=2 * MINUTE, longest=20 * MINUTE)
        route(self.conn, now=self.now, fallback=2 * MINUTE)
        self.conn.commit()
        open_now = {row[0] for row in self._open()}
        for channel_id in outbox.due_channels(self.conn, now=self.now):
            leased = outbox.lease(self.conn, channel_ids=[channel_id], now=self.now, until=self.now + 2 * MINUTE)
            self.conn.commit()
            assert {one.episode_id for one in leased} <= open_now, "nobody is told of what is closed"
            self.troubles += dies != "none"
            if works and dies != "before_the_send":
                self._hand_over(leased)
            if dies != "none":
                break
            if leased and works:
                outbox.delivered(self.conn, leased, now=self.now, detail="")
            elif leased:
                due = [self.now + 5 * MINUTE for _ in leased]
                outbox.failed(self.conn, leased, now=self.now, due=due, detail="", permanent=False)
        self.conn.commit()
        self.sent_at = self.now
        self.routed_at = None  # whom nothing reached is followed by the next at once
        for delivered_at, withdrawn_at, due_at, *_ in self._rows(NOTIFIED):
            if delivered_at is None and withdrawn_at is None:
                assert due_at <= self.now + 20 * MINUTE, "whatever the clock was, it is tried again soon"

    def _hand_over(self, leased: list[outbox.Leased]) -> None:
        for one in leased:
            assert one.attempts > self.handed_over[one.notification_id], "a repeat is recognisable"
            self.handed_over[one.notification_id] += 1
            assert self.handed_over[one.notification_id] <= 1 + self.troubles, "repeated without a crash"

    @invariant()
    def what_was_told_is_delivered_or_will_be_or_was_closed_before(self) -> None:
        rows: list[Any] = self.conn.execute(NOTIFIED).fetchall()
        for delivered_at, withdrawn_at, due_at, closed_at, created_at in rows:
            if delivered_at is None and withdrawn_at is None:
                assert due_at <= max(self.sent_at, created_at) + 20 * MINUTE, "it is tried again soon"
            assert withdrawn_at is None or closed_at is not None, "an open alert's message was given up"
        self.conn.commit()

    @invariant()
    def no_raised_alert_is_without_a_next_step(self) -> None:
        for episode_id, state, _, next_at, snoozed_until, step, told, acted_at in self._open():
            if episode_id not in self.paged:
                continue
            assert next_at is not None, "a raised alert without anything to come"
            assert next_at <= self.latest + 15 * DAY, "so far ahead is forgotten"
            if next_at > self.now:
                promised = state in {"taken", "follow_up"} or snoozed_until is not None
                assert told or acted_at or promised or step == 0, "it waits, though nobody was told and nobody acted"
            if self.routed_at == self.now:
                assert next_at > self.now, "its moment has passed"

    @invariant()
    def nobody_is_told_of_a_watch_and_only_what_a_person_promised_of_it_comes_back(self) -> None:
        for state, snoozed_until, next_at, told in self._rows(WATCHES):
            assert told == 0, "a watch paged somebody"
            assert (next_at is not None) == (state != "new" or snoozed_until is not None)

    @invariant()
    def an_alert_begins_where_it_became_one(self) -> None:
        for opened_at, first_at, told_of_alerts_only in self._rows(RAISED):
            assert opened_at == first_at
            assert told_of_alerts_only

    @invariant()
    def there_is_one_open_episode_and_its_history_is_in_order(self) -> None:
        causes = [row[2] for row in self._open()]
        assert len(causes) == len(set(causes))
        history = self._rows(HISTORY)
        first = {episode_id: kind for episode_id, _, kind in reversed(history)}
        assert set(first.values()) <= {"raised"}
        if not self.was_set_back:
            assert [at for _, at, _ in history] == sorted(at for _, at, _ in history)

    def _open(self) -> list[Any]:
        return self._rows(OPEN)

    def _rows(self, query: LiteralString, *values: object) -> list[Any]:
        rows = self.conn.execute(query, values).fetchall()
        self.conn.commit()
        return rows

    def _today(self) -> date:
        return self.now.astimezone(PARIS).date()

    def _missed_days(self) -> int:
        """Days since the last weight that are over, and in no pause."""
        day = self._rows(LAST_WEIGHT, self.now + HOUR)[0][0].astimezone(PARIS).date()
        pauses, missed = self._rows(PAUSES), 0
        while (day := day + DAY) < self._today():
            missed += not any(first <= day <= last for _, first, last, _ in pauses)
        return missed

    def _told(self) -> int:
        return clinic.count(self.conn, "SELECT count(*)::int FROM notification")

    def _latest(self) -> list[Episode]:
        with self.conn.cursor(row_factory=psycopg.rows.class_row(store.EpisodeRow)) as cursor:
            rows = cursor.execute(store.LATEST_EPISODES, {"patient_ids": ["P1"]}).fetchall()
        return store.Record(year=[], patient=None, readings=[], episodes=rows).latest()  # type: ignore[arg-type]  # not read


@pytest.mark.parametrize("team", [None, Team(name="A"), Team(name="B", at_any_hour=None)])
def test_no_raised_alert_is_ever_forgotten(connection: Connection, database_url: str, team: Team | None) -> None:
    people = [
        clinic.add_user(connection),
        clinic.add_user(connection, role="cardiologist"),
        clinic.add_user(connection, notify_url=None),
    ]
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 60 * DAY)
    if team:
        enter(connection, team, nurse=people[0], cardiologist=people[1])
    with database.open_pool(database_url, service="alerts", max_size=1) as pool:
        worker = Worker(url=database_url, pool=pool, clock=Clock(start=NOW), stop=threading.Event(), screens_url="")
    here = {"conn": connection, "people": people, "worker": worker, "team": team or rosters.EVERYBODY}
    machine = type("LifeHere", (Life,), here)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def enter(connection: Connection, team: Team, *, nurse: int, cardiologist: int) -> None:
    """The patient's team: the nurse from Monday to Friday, the cardiologist on Tuesdays."""
    row = connection.execute("INSERT INTO team DEFAULT VALUES RETURNING team_id").fetchone()
    assert row
    connection.execute(
        "INSERT INTO team_settings (team_id, settings, recorded_at) VALUES (%s, %s, %s)",
        (row[0], Jsonb(team.model_dump(mode="json")), NOW),
    )
    connection.execute(
        "INSERT INTO patient_team (patient_id, team_id, recorded_at) VALUES ('P1', %s, %s)", (row[0], NOW)
    )
    shifts = [(nurse, "nurse", day) for day in range(5)] + [(cardiologist, "cardiologist", 1)]
    for user_id, post, weekday in shifts:
        connection.execute(
            "INSERT INTO duty_shift (team_id, user_id, post, weekday, starts, ends, entered_at)"
            " VALUES (%s, %s, %s, %s, '08:00', '18:00', %s)",
            (row[0], user_id, post, weekday, NOW),
        )
    connection.commit()
