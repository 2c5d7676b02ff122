"""What is known of a trial? The request, how far its answer is, and who has signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from schemas.database import Connection
from schemas.trial import Beside, Result

ASK: LiteralString = """
INSERT INTO trial_request (request_id, kind, patient_id, team_id, detector, threshold, budget, plan, plan_before,
                           based_on, author, reason, asked_at)
VALUES (%(request_id)s, %(kind)s, %(patient_id)s, %(team_id)s, %(detector)s, %(threshold)s, %(budget)s, %(plan)s,
        %(plan_before)s, %(based_on)s, %(author)s, %(reason)s, %(now)s)
ON CONFLICT (request_id) DO NOTHING
"""
ASKED: LiteralString = "SELECT trial_id FROM trial_request WHERE request_id = %(request_id)s"
TRIALS: LiteralString = """
SELECT asked.trial_id, asked.request_id, kind, asked.patient_id, asked.team_id, asked.detector, asked.threshold,
       budget, plan, plan_before, asked.based_on, asked.author, asked.reason, asked_at, display_name AS asked_by,
       coalesce(state, 'waiting') AS state,
       coalesce(progress, 0)::float8 AS progress, result, problem,
       decision.decided_at, decision.reason AS decided_why,
       (SELECT display_name FROM app_user WHERE user_id = decision.author) AS decided_by,
       (SELECT display_name FROM app_user WHERE user_id = decision.second) AS decided_with
FROM trial_request AS asked JOIN app_user ON user_id = asked.author
LEFT JOIN trial_answer USING (trial_id) LEFT JOIN setting_decision AS decision USING (trial_id)
"""
ONE: LiteralString = TRIALS + " WHERE trial_id = %(trial_id)s"
NEWEST: LiteralString = (
    TRIALS
    + """
WHERE kind = 'change' AND asked.patient_id IS NOT DISTINCT FROM %(patient_id)s
  AND (asked.patient_id IS NOT NULL OR asked.team_id IS NOT DISTINCT FROM %(team_id)s)
ORDER BY 1 DESC LIMIT 10
"""
)
NEWEST_BESIDE: LiteralString = TRIALS + " WHERE kind = 'shadow' ORDER BY 1 DESC LIMIT 1"
SIGNATURES: LiteralString = """
SELECT author, display_name AS name, reason, signed_at FROM trial_signature JOIN app_user ON user_id = author
WHERE trial_id = %(trial_id)s ORDER BY signature_id
"""
# One after the other: of two who sign at once the second must see what the first has done.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('vigie.sign'))"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to try: a detector with a threshold or a budget; or the plan of a patient or a team.

    `request_id` is the form's; `team_id` of a patient: the team as it would be.
    """

    request_id: UUID
    kind: Literal["change", "shadow"] = "change"
    patient_id: str | None = None
    team_id: int | None = None
    detector: str
    threshold: float | None = None
    budget: float | None = None
    plan: dict[str, Any] | None = None
    plan_before: dict[str, Any] | None = None
    based_on: int
    author: int
    reason: str = ""
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A request with its answer, if there is one, and the decision, if there is one."""

    trial_id: int
    request_id: UUID
    kind: Literal["change", "shadow"]
    patient_id: str | None
    team_id: int | None
    detector: str
    threshold: float | None
    budget: float | None
    plan: dict[str, Any] | None
    plan_before: dict[str, Any] | None
    based_on: int
    author: int
    reason: str
    asked_at: datetime
    asked_by: str
    state: Literal["waiting", "running", "done", "failed"]
    progress: float
    result: dict[str, Any] | None
    problem: str | None
    decided_at: datetime | None
    decided_why: str | None
    decided_by: str | None
    decided_with: str | None

    @property
    def answer(self) -> Result | None:
        return Result.model_validate(self.result) if self.result and self.kind == "change" else None

    @property
    def beside(self) -> Beside | None:
        return Beside.model_validate(self.result) if self.result and self.kind == "shadow" else None


@dataclass(frozen=True, kw_only=True)
class Signature:
    author: int
    name: str
    reason: str
    signed_at: datetime


def ask(conn: Connection, asked: Asked) -> int:
    """Its number; the same form sent twice is one trial."""
    plans = {name: value if value is None else Jsonb(value) for name, value in vars(asked).items() if "plan" in name}
    conn.execute(ASK, vars(asked) | plans)
    row = conn.execute(ASKED, vars(asked)).fetchone()
    assert row
    return int(str(row[0]))


def trial(conn: Connection, trial_id: int) -> Trial | None:
    if trial_id >= 2**31:
        return None
    with conn.cursor(row_factory=class_row(Trial)) as cursor:
        return cursor.execute(ONE, {"trial_id": trial_id}).fetchone()


def newest(conn: Connection, *, patient_id: str | None = None, team_id: int | None = None) -> list[Trial]:
    """The last ten: the clinic's, one patient's or one team's."""
    with conn.cursor(row_factory=class_row(Trial)) as cursor:
        return cursor.execute(NEWEST, {"patient_id": patient_id, "team_id": team_id}).fetchall()


def newest_beside(conn: Connection) -> Trial | None:
    """The last comparison with the shadow that was asked for."""
    with conn.cursor(row_factory=class_row(Trial)) as cursor:
        return cursor.execute(NEWEST_BESIDE).fetchone()


def signatures(conn: Connection, trial_id: int) -> list[Signature]:
    with conn.cursor(row_factory=class_row(Signature)) as cursor:
        return cursor.execute(SIGNATURES, {"trial_id": trial_id}).fetchall()


def lock(conn: Connection) -> None:
    """Until the transaction ends nobody else signs anything."""
    conn.execute(LOCK)
