"""Which trial waits for an answer, and what must be known for it? Leased rows; the caller owns every transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString, NamedTuple

from psycopg.rows import args_row, class_row, scalar_row, tuple_row
from psycopg.types.json import Jsonb

from alerts.judgement.history import Event
from alerts.trials.beside import Coded
from schemas.database import Connection
from schemas.plausibility import CONFIRMABLE
from schemas.trial import Beside, Problem, Result

MOST_ATTEMPTS = 3
LEASE_SECONDS = 20
"""By the server's clock; renewed with each progress."""

# Two workers that see the same trial: the primary key lets one insert, the row's lock lets one take over.
CLAIM_NEW: LiteralString = """
INSERT INTO trial_answer (trial_id, state, leased_until)
SELECT trial_id, 'running', now() + %(lease)s * interval '1 second' FROM trial_request AS asked
WHERE NOT EXISTS (SELECT FROM trial_answer WHERE trial_answer.trial_id = asked.trial_id)
ORDER BY trial_id LIMIT 1
ON CONFLICT DO NOTHING RETURNING trial_id
"""
CLAIM_LEFT: LiteralString = """
UPDATE trial_answer SET leased_until = now() + %(lease)s * interval '1 second', attempts = attempts + 1, progress = 0
WHERE trial_id = (SELECT trial_id FROM trial_answer WHERE state = 'running' AND leased_until < now()
                  ORDER BY trial_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING trial_id
"""
REQUEST: LiteralString = """
SELECT trial_id, kind, patient_id, team_id, detector, threshold, budget, plan, plan_before, attempts
FROM trial_request JOIN trial_answer USING (trial_id) WHERE trial_id = %(trial_id)s
"""
PROGRESS: LiteralString = """
UPDATE trial_answer SET progress = %(progress)s, leased_until = now() + %(lease)s * interval '1 second'
WHERE trial_id = %(trial_id)s AND state = 'running'
"""
ANSWER: LiteralString = """
UPDATE trial_answer SET state = 'done', progress = 1, result = %(result)s, answered_at = %(now)s
WHERE trial_id = %(trial_id)s AND state = 'running'
"""
FAIL: LiteralString = """
UPDATE trial_answer SET state = 'failed', problem = %(problem)s, answered_at = %(now)s
WHERE trial_id = %(trial_id)s AND state = 'running'
"""
PATIENTS: LiteralString = """
SELECT patient_id FROM patient
WHERE patient_id = %(patient_id)s
   OR %(patient_id)s::text IS NULL AND patient_id <> 'VIGIE-CANARY' AND (%(team_id)s::bigint IS NULL OR (
    SELECT team_id FROM patient_team AS one WHERE one.patient_id = patient.patient_id
    ORDER BY patient_team_id DESC LIMIT 1) = %(team_id)s)
ORDER BY patient_id
"""
WATCHED: LiteralString = """
SELECT count(*) FROM patient WHERE patient_id <> 'VIGIE-CANARY'
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = patient.patient_id)
"""
NURSES: LiteralString = "SELECT greatest(count(*), 1) FROM app_user WHERE role = 'nurse' AND disabled_at IS NULL"
PLANS: LiteralString = (
    "SELECT DISTINCT ON (patient_id) patient_id, settings FROM plan ORDER BY patient_id, plan_id DESC"
)
FOLLOWING: LiteralString = """
SELECT member, plan_following_team(coalesce(
    (SELECT settings FROM plan WHERE patient_id = member ORDER BY plan_id DESC LIMIT 1), '{}'), %(before)s, %(after)s)
FROM unnest(%(members)s::text[]) AS member
"""
# What its source took back or a nurse excluded is out; what she released is in, and a doubted weight is judged again.
READINGS: LiteralString = """
SELECT patient_id, measured_at, weight_kg::float8, nullif(device_id, patient_id) FROM standing_reading
WHERE patient_id = ANY(%(patient_ids)s) AND measured_at <= %(now)s
  AND (state = 'accepted' OR (state = 'quarantined' AND quarantine_reason = ANY(%(confirmable)s)))
"""
DRY_WEIGHTS: LiteralString = """
SELECT patient_id, valid_from, weight_kg::float8 FROM dry_weight WHERE valid_from <= %(now)s
"""

CODED: LiteralString = """
SELECT patient_id, opened_at, starts_with(outcome, 'confirmed_') AS confirmed FROM episode
WHERE cause = 'decompensation' AND opened_at >= %(since)s - INTERVAL '7 days'
  AND (starts_with(outcome, 'confirmed_') OR starts_with(outcome, 'false_'))
"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody wants to try; `plan`: one patient's as it would be, or a team's, typed over `plan_before`."""

    trial_id: int
    kind: Literal["change", "shadow"]
    patient_id: str | None
    team_id: int | None
    detector: str
    threshold: float | None
    budget: float | None
    plan: dict[str, Any] | None
    plan_before: dict[str, Any] | None
    attempts: int


def claim(conn: Connection) -> int | None:
    """A trial that nobody is answering, the oldest first; one whose worker was killed comes again."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        for query in (CLAIM_NEW, CLAIM_LEFT):
            trial_id = cursor.execute(query, {"lease": LEASE_SECONDS}).fetchone()
            if trial_id is not None:
                return int(trial_id)
    return None


def request(conn: Connection, trial_id: int) -> Request:
    with conn.cursor(row_factory=class_row(Request)) as cursor:
        row = cursor.execute(REQUEST, {"trial_id": trial_id}).fetchone()
        assert row
        return row


def progress(conn: Connection, trial_id: int, share: float) -> None:
    conn.execute(PROGRESS, {"trial_id": trial_id, "progress": share, "lease": LEASE_SECONDS})


def answer(conn: Connection, trial_id: int, result: Result | Beside, *, now: datetime) -> None:
    values = {"trial_id": trial_id, "result": Jsonb(result.model_dump(mode="json")), "now": now}
    conn.execute(ANSWER, values)


def fail(conn: Connection, trial_id: int, problem: Problem, *, now: datetime) -> None:
    conn.execute(FAIL, {"trial_id": trial_id, "problem": problem, "now": now})


def patients(conn: Connection, asked: Request) -> list[str]:
    """Whom it is about: the one, the team's, or everybody."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(PATIENTS, vars(asked)).fetchall()


def counts(conn: Connection) -> tuple[int, int]:
    """How many patients are watched, and how many nurses there are, at least one."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        watched: int = cursor.execute(WATCHED).fetchone() or 0
        nurses: int = cursor.execute(NURSES).fetchone() or 1
        return watched, nurses


def plans(conn: Connection) -> dict[str, dict[str, Any]]:
    """The newest settings of each patient who has any."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(PLANS).fetchall())


def following(conn: Connection, asked: Request) -> dict[str, dict[str, Any]]:
    """The settings of each of the team's patients, once the team's are as asked."""
    given = {"before": Jsonb(asked.plan_before or {}), "after": Jsonb(asked.plan), "members": patients(conn, asked)}
    with conn.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(FOLLOWING, given).fetchall())


class Read(NamedTuple):
    """A stored weight (kg), not validated again: a year of 800 patients is 290,000 of them."""

    patient_id: str
    measured_at: datetime
    weight_kg: float
    device_id: str | None


def readings(conn: Connection, patient_ids: list[str], *, now: datetime) -> list[Read]:
    """All that count, and those that a later weight may confirm."""
    wanted = {"patient_ids": patient_ids, "confirmable": list(CONFIRMABLE), "now": now}
    with conn.cursor(row_factory=args_row(Read)) as cursor:
        return cursor.execute(READINGS, wanted).fetchall()


def dry_weights(conn: Connection, *, now: datetime) -> list[Event]:
    """Each begins the averages anew, as it does for the worker."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(DRY_WEIGHTS, {"now": now}).fetchall()
    return [Event(patient_id=one, at=at, kind="dry_weight", weight_kg=kg) for one, at, kg in rows]


def coded(conn: Connection, *, since: datetime) -> list[Coded]:
    """The episodes from a week before on that a nurse judged."""
    with conn.cursor(row_factory=class_row(Coded)) as cursor:
        return cursor.execute(CODED, {"since": since}).fetchall()
