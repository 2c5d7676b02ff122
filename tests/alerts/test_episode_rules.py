"""What can no hand and no clock do to an episode? Its history stays, its steps come in their time."""

import threading
import uuid
from datetime import datetime, timedelta

import psycopg
import pytest

from alerts import episode_store, policy, store
from alerts.delivery import outbox
from alerts.judgement.assessment import Assessment, Finding
from alerts.router import Router
from schemas import database
from schemas.alert import Evidence, Severity
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


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


def test_a_watch_that_rises_while_somebody_reviews_it_is_not_closed(connection: Connection, database_url: str) -> None:
    nurse = clinic.add_user(connection)
    clinic.raise_alerts(connection, nurse, severity="watch")
    connection.execute("UPDATE episode SET back_in_band_at = %s", (NOW,))
    connection.commit()
    connection.execute("UPDATE episode SET severity = 'alert', back_in_band_at = NULL")  # not committed yet

    def review() -> None:
        with database.connect(database_url, service="api", autocommit=True) as conn:
            conn.execute(
                "INSERT INTO patient_review (request_id, patient_id, is_undo, author, at)"
                " SELECT gen_random_uuid(), patient_id, false, %s, %s FROM patient",
                (nurse, NOW + HOUR),
            )

    thread = threading.Thread(target=review)
    thread.start()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    while connection.execute(waits).fetchone() == (0,):
        assert thread.is_alive()
    connection.commit()
    thread.join(20)
    assert connection.execute("SELECT state FROM episode").fetchall() == [("new",)]
    assert connection.execute("SELECT count(*) FROM patient_review").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM acknowledgement").fetchone() == (0,)


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


def test_what_a_clock_wrote_that_ran_a_month_ahead_does_not_wait_for_that_month(connection: Connection) -> None:
    clinic.add_user(connection)
    cardiologist = clinic.add_user(connection, role="cardiologist")
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 60 * DAY)
    wrong = NOW + 30 * DAY
    found = finding("alert", kg=83.0, at=wrong)
    (action,) = policy.decide(Assessment(findings=[found]), latest=[], now=wrong, first_light=False)
    episode_store.act(connection, action, patient_id="P1", router=Router(conn=connection, now=wrong))
    store.watch_everyone(connection, now=wrong)
    assert outbox.set_right(connection, now=NOW, lease=HOUR / 30, longest=HOUR / 3) == 1
    due = connection.execute("SELECT due_at FROM notification").fetchall()
    assert due == [(NOW,)], "the nurse is told now"
    told = [[move.tell for move in Router(conn=connection, now=NOW + n * HOUR).go_on(limit=9)] for n in range(5)]
    assert told == [[], [], [], [[cardiologist]], []], "and the cardiologist three hours later"
    assert store.claim(connection, now=NOW, longest=DAY, limit=9), "the patient is looked at now"


def test_a_day_that_a_person_named_stays_that_day_whatever_the_clock_does(connection: Connection) -> None:
    nurse = clinic.add_user(connection)
    clinic.raise_alerts(connection, nurse)
    connection.execute(
        "INSERT INTO acknowledgement (request_id, episode_id, action, author, at, until)"
        " SELECT gen_random_uuid(), episode_id, 'follow_up', %s, %s, %s FROM episode",
        (nurse, NOW + 5 * DAY, NOW + 12 * DAY),
    )
    told = [len(Router(conn=connection, now=NOW + n * DAY).go_on(limit=9)) for n in (0, 11, 12)]
    assert told == [0, 0, 1]
