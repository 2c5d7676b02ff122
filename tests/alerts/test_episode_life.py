"""Whatever the order of weights, people, clocks, crashes, no raised alert is ever forgotten: played in PostgreSQL."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg.types.json import Jsonb

from alerts import episode_store, policy, store
from alerts.delivery import outbox
from alerts.delivery.route import route
from alerts.judgement.assessment import Assessment, Finding
from alerts.policy import Episode
from alerts.router import Router
from schemas.alert import SEVERITIES, Evidence, Severity
from schemas.database import Connection
from schemas.duty import Team
from tests.alerts import clinic
from tests.alerts.clinic import NOW

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ACT: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, note, author, at, until)
VALUES (%(request_id)s, %(episode_id)s, %(action)s, %(outcome)s, 'because', %(author)s, %(at)s, %(until)s)
"""
OPEN: LiteralString = """
SELECT episode_id, state, severity, next_at, snoozed_until, step,
       (SELECT count(*) FROM notification AS n WHERE n.episode_id = e.episode_id)::int,
       (SELECT max(at) FROM acknowledgement AS a WHERE a.episode_id = e.episode_id)
FROM episode AS e WHERE closed_at IS NULL
"""
NOTIFIED: LiteralString = """
SELECT delivered_at, withdrawn_at, due_at, closed_at, created_at FROM notification JOIN episode USING (episode_id)
"""
HISTORY: LiteralString = """
SELECT episode_id, at FROM episode_event ORDER BY event_id
"""


def finding(severity: Severity | None, *, kg: float, at: datetime) -> Finding:
    evidence = Evidence(
        detector="guideline",
        version="1",
        parameters={},
        score=3.0,
        threshold=2.0,
        sentence={"fr": "x", "en": "x"},
        readings=[],
        weight_kg=kg,
        would_not_have_fired_at_kg=82.0,
    )
    return Finding(cause="decompensation", at=at, severity=severity, evidence=evidence)


class Life(RuleBasedStateMachine):
    """One patient, one team of three, one clock that only goes forward."""

    conn: Connection
    people: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.conn.execute("TRUNCATE episode, episode_event, notification, acknowledgement, delivery_attempt CASCADE")
        self.conn.commit()
        self.routed_at = self.sent_at = self.now
        self.paged: set[int] = set()

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

        def work() -> list[int]:
            latest = self._latest()
            actions = policy.decide(Assessment(findings=[found]), latest=latest, now=self.now, first_light=False)
            router = Router(conn=self.conn, now=self.now)
            for action in actions:
                episode_store.act(self.conn, action, patient_id="P1", router=router)
            return [action.pages for action in actions]

        if any(self._committed(work, crashes=crashes) or []):
            self.paged |= {row[0] for row in self._open()}

    @rule(hours=st.sampled_from([1, 5, 14, 30, 24 * 4, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(crashes=st.booleans())
    def route(self, crashes: bool) -> None:
        before = self._told()
        moves = self._committed(lambda: Router(conn=self.conn, now=self.now).go_on(limit=100), crashes=crashes)
        if moves is None:
            assert self._told() == before
        else:
            assert self._told() == before + sum(len(move.tell) for move in moves), "each is told, and once"
            self.routed_at = self.now

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
            self.routed_at = NOW - DAY  # what was hastened is due now

    @rule(works=st.booleans(), crashes=st.booleans())
    def send(self, works: bool, crashes: bool) -> None:
        """A round of the sender; it may die between the lease and the mark, its gateway may refuse."""
        outbox.withdraw(self.conn, now=self.now)
        route(self.conn, now=self.now, fallback=2 * MINUTE)
        self.conn.commit()
        open_now = {row[0] for row in self._open()}
        for channel_id in outbox.due_channels(self.conn, now=self.now):
            leased = outbox.lease(self.conn, channel_ids=[channel_id], now=self.now, until=self.now + 2 * MINUTE)
            self.conn.commit()
            assert {one.episode_id for one in leased} <= open_now, "nobody is told of what is closed"
            if leased and works and not crashes:
                outbox.delivered(self.conn, leased, now=self.now, detail="")
            elif leased and not crashes:
                due = [self.now + 5 * MINUTE for _ in leased]
                outbox.failed(self.conn, leased, now=self.now, due=due, detail="", permanent=False)
        self.conn.commit()
        self.sent_at = self.now

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
            assert next_at <= max(self.now, self.routed_at) + 15 * DAY, "so far ahead is forgotten"
            if next_at > self.now:
                promised = state in {"taken", "follow_up"} or snoozed_until is not None
                assert told or acted_at or promised or step == 0, "it waits, though nobody was told and nobody acted"
            if self.routed_at == self.now:
                assert next_at > self.now, "its moment has passed"

    @invariant()
    def there_is_one_open_episode_and_its_history_is_in_order(self) -> None:
        assert len(self._open()) <= 1
        history: list[Any] = self.conn.execute(HISTORY).fetchall()
        self.conn.commit()
        assert history == sorted(history)

    def _open(self) -> list[Any]:
        rows = self.conn.execute(OPEN).fetchall()
        self.conn.commit()
        return rows

    def _told(self) -> int:
        return clinic.count(self.conn, "SELECT count(*)::int FROM notification")

    def _latest(self) -> list[Episode]:
        with self.conn.cursor(row_factory=psycopg.rows.class_row(store.EpisodeRow)) as cursor:
            rows = cursor.execute(store.LATEST_EPISODES, {"patient_ids": ["P1"]}).fetchall()
        return store.Record(patient=None, readings=[], episodes=rows).latest()  # type: ignore[arg-type]  # not read


@pytest.mark.parametrize("team", [None, Team(name="A"), Team(name="B", at_any_hour=None)])
def test_no_raised_alert_is_ever_forgotten(connection: Connection, team: Team | None) -> None:
    people = [
        clinic.add_user(connection),
        clinic.add_user(connection, role="cardiologist"),
        clinic.add_user(connection, notify_url=None),
    ]
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 60 * DAY)
    if team:
        enter(connection, team, nurse=people[0], cardiologist=people[1])
    machine = type("LifeHere", (Life,), {"conn": connection, "people": people})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
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


def test_what_happened_to_an_episode_cannot_be_changed(connection: Connection) -> None:
    for table in ("episode_event", "acknowledgement"):
        for change in ("UPDATE {} SET at = at", "DELETE FROM {}"):
            connection.execute(
                "INSERT INTO episode (episode_id, patient_id, cause, severity, opened_at, last_raised_at, evidence)"
                " OVERRIDING SYSTEM VALUE VALUES (1, 'P1', 'device', 'alert', now(), now(), '{}')"
            )
            author = clinic.add_user(connection, notify_url=f"json://{uuid.uuid4()}")
            connection.execute(
                "INSERT INTO episode_event (episode_id, at, kind, severity, evidence)"
                " VALUES (1, now(), 'raised', 'alert', '{}')"
            )
            connection.execute(
                "INSERT INTO acknowledgement (request_id, episode_id, action, author, at)"
                " VALUES (gen_random_uuid(), 1, 'take', %s, now())",
                (author,),
            )
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(psycopg.sql.SQL(change).format(psycopg.sql.Identifier(table)))
            connection.rollback()
            connection.execute("TRUNCATE episode CASCADE")
            connection.commit()


def test_no_program_may_change_or_empty_what_was_recorded(connection: Connection) -> None:
    histories = ["episode_event", "acknowledgement", "delivery_attempt", "delivery_receipt", "audit", "pause"]
    allowed = connection.execute(
        "SELECT role, name FROM unnest(%s::text[]) AS role, unnest(%s::text[]) AS name"
        " WHERE has_table_privilege(role, name, 'UPDATE, DELETE, TRUNCATE')",
        (["vigie_ingest", "vigie_alerts", "vigie_api"], histories),
    ).fetchall()
    assert allowed == []


def test_a_snooze_without_a_reason_or_an_end_is_refused_by_the_database(connection: Connection) -> None:
    author = clinic.add_user(connection)
    connection.execute(
        "INSERT INTO episode (patient_id, cause, severity, opened_at, last_raised_at, evidence)"
        " VALUES ('P1', 'device', 'alert', now(), now(), '{}')"
    )
    connection.commit()
    for note, until in (("", "tomorrow"), ("because", None), ("because", "yesterday")):
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(
                "INSERT INTO acknowledgement (request_id, episode_id, action, author, at, note, until)"
                " SELECT gen_random_uuid(), episode_id, 'snooze', %s, now(), %s, %s::timestamptz FROM episode",
                (author, note, until),
            )
        connection.rollback()


def test_a_clock_that_jumps_escalates_once_and_forgets_nothing(connection: Connection) -> None:
    clinic.add_user(connection)
    cardiologist = clinic.add_user(connection, role="cardiologist")
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 60 * DAY)
    found = finding("alert", kg=83.0, at=NOW)
    (action,) = policy.decide(Assessment(findings=[found]), latest=[], now=NOW, first_light=False)
    episode_store.act(connection, action, patient_id="P1", router=Router(conn=connection, now=NOW))
    connection.commit()
    for now, told in ((4 * HOUR, [[cardiologist]]), (-HOUR, []), (1 * HOUR, []), (4 * HOUR, []), (5 * HOUR, [])):
        moves = Router(conn=connection, now=NOW + now).go_on(limit=10)
        connection.commit()
        assert [move.tell for move in moves] == told
    (again,) = Router(conn=connection, now=NOW + 30 * HOUR).go_on(limit=10)
    assert again.tell, "the round begins anew the day after"


def test_whom_nothing_reaches_is_followed_by_the_next_at_once(connection: Connection) -> None:
    nurse = clinic.add_user(connection)
    cardiologist = clinic.add_user(connection, role="cardiologist")
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 60 * DAY)
    router = Router(conn=connection, now=NOW)
    found = finding("alert", kg=83.0, at=NOW)
    (action,) = policy.decide(Assessment(findings=[found]), latest=[], now=NOW, first_light=False)
    episode_store.act(connection, action, patient_id="P1", router=router)
    connection.commit()
    assert Router(conn=connection, now=NOW + HOUR).go_on(limit=10) == [], "the nurse has three hours"
    connection.execute("UPDATE notification SET failed_at = %s WHERE user_id = %s", (NOW + HOUR, nurse))
    (move,) = Router(conn=connection, now=NOW + HOUR).go_on(limit=10)
    assert (move.kind, move.tell) == ("escalated", [cardiologist])
