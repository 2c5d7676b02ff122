"""Who puts a tried change in force? One signs; two, if it would have missed a decompensation, the second naming it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, LiteralString
from uuid import UUID

import psycopg
from fastapi import APIRouter, Form
from psycopg.types.json import Jsonb
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.access import confirmation, sessions
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.detection import trial_rows, trials
from clinician_api.detection.trial_rows import Signature, Trial
from clinician_api.detection.trials import Refused
from clinician_api.language import message
from clinician_api.patient import plan_record
from schemas.database import Connection
from schemas.trial import Result

router = APIRouter()
CHOSEN_MEANWHILE = "VG002"
LONGEST_REASON = 1000
NOT_ANSWERED = message("There is nothing to sign yet: the answer is not there.")
DECIDED = message("This change is in force already.")
MEANWHILE = message(
    "Somebody changed the setting meanwhile: this trial compares with what is no longer in force. Try it again."
)
NO_REASON = message("Say why, in at most 1,000 characters: it is kept with the choice.")
NAME_THEM = message("Tick each decompensation that this change would have missed: your signature names them.")
NOT_TWICE = message("You have signed already; a colleague must sign, too.")


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A signature as it was sent; `request_id` is the form's, so that sending it twice is one signature."""

    request_id: UUID
    trial_id: int
    author: int
    reason: str
    cases: list[str]
    now: datetime


SIGN: LiteralString = """
INSERT INTO trial_signature (request_id, trial_id, author, reason, cases, signed_at)
VALUES (%(request_id)s, %(trial_id)s, %(author)s, %(reason)s, %(cases)s, %(now)s)
"""
IS_DONE: LiteralString = "SELECT FROM trial_signature WHERE request_id = %(request_id)s"
DECIDE: LiteralString = """
INSERT INTO setting_decision (request_id, duty, trial_id, detector, threshold, price, based_on, author, second, reason,
                              decided_at)
VALUES (%(request_id)s, %(duty)s, %(trial_id)s, %(detector)s, %(threshold)s, %(price)s, %(based_on)s, %(author)s,
        %(second)s, %(reason)s, %(now)s)
"""


@router.post("/detection/trials/{trial_id}/sign", dependencies=[OwnForm])
def sign(  # noqa: PLR0913, PLR0917 a form's fields
    trial_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()], password: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = "",
    case: Annotated[list[str] | None, Form()] = None,
) -> Response:  # fmt: skip
    """Sign it; when nobody else must, it is in force."""
    trial_rows.lock(conn)
    found = trials.known(conn, trial_id)
    if conn.execute(IS_DONE, {"request_id": request_id}).fetchone() is not None:
        return _back(found)
    reason = reason.replace("\0", "").replace("\r\n", "\n").strip()
    signed = trial_rows.signatures(conn, trial_id)
    asked = Sign(
        request_id=request_id, trial_id=trial_id, author=user.user_id, reason=reason, cases=case or [], now=now
    )
    status, problem = _problem(conn, found, signed, asked)
    if problem is None and (refusal := confirmation.refusal(conn, user, password)):
        status, problem = refusal
    if problem is None:
        try:
            with conn.transaction():
                _sign(conn, found, signed, asked)
        except psycopg.Error as error:
            if error.sqlstate != CHOSEN_MEANWHILE:
                raise
            status, problem = 409, MEANWHILE
    if problem is None:
        return _back(found)
    return _refused(conn, page, user, found, asked, status=status, problem=problem)


def _refused(
    conn: Connection, page: Page, user: sessions.User, found: Trial, asked: Sign, *, status: int, problem: str
) -> Response:
    """The page again, with what was typed, but the password."""
    typed = Refused(problem=page.words.text(problem), reason=asked.reason, ticked=asked.cases)
    return trials.answer(conn, page, user, found, status=status, refused=typed)


def _back(found: Trial) -> Response:
    return RedirectResponse(f"/detection/trials/{found.trial_id}", status_code=303)


def _problem(conn: Connection, found: Trial, signed: list[Signature], asked: Sign) -> tuple[int, str | None]:
    answer = found.answer
    if answer is None:
        return 409, NOT_ANSWERED
    too_late = {
        DECIDED: found.decided_at is not None,
        MEANWHILE: trials.is_stale(conn, found),
        NOT_TWICE: any(one.author == asked.author for one in signed),
    }
    incomplete = {
        NO_REASON: not 0 < len(asked.reason) <= LONGEST_REASON,
        NAME_THEM: bool(signed) and bool({one.name for one in answer.lost} - set(asked.cases)),
    }
    for status, problems in ((409, too_late), (422, incomplete)):
        for problem, holds in problems.items():
            if holds:
                return status, problem
    return 200, None


def _sign(conn: Connection, found: Trial, signed: list[Signature], asked: Sign) -> None:
    answer = found.answer
    assert answer
    named = sorted({one.name for one in answer.lost} & set(asked.cases))
    conn.execute(SIGN, vars(asked) | {"cases": named})
    audit.write(conn, "trial.sign", of=str(found.trial_id), by=asked.author, at=asked.now)
    if answer.lost and not signed:
        return  # a colleague must look at what it would have missed
    author, second = (signed[0].author, asked.author) if signed else (asked.author, None)
    reason = signed[0].reason if signed else asked.reason
    conn.execute(
        DECIDE,
        vars(asked)
        | {
            "duty": "alerting" if found.plan is None else "plan",
            "detector": found.detector,
            "threshold": _threshold(found, answer),
            "price": Jsonb(price(found, answer)),
            "based_on": found.based_on,
            "author": author,
            "second": second,
            "reason": reason,
        },
    )
    if found.plan is not None:
        _set_plan(conn, found, replace(asked, reason=reason), plan=found.plan)


def _set_plan(conn: Connection, found: Trial, signed: Sign, *, plan: dict[str, object]) -> None:
    """A version of the patient's, or of the team's and each of its patients'."""
    of = found.patient_id or f"team {found.team_id}"
    audit.write(conn, "plan.set", of=of, by=signed.author, at=signed.now)
    if found.patient_id is None:
        before = found.plan_before or {}
        plan_record.set_team_plan(conn, vars(signed) | {"team_id": found.team_id}, before=before, after=plan)
        return
    plan_record.add(conn, vars(signed) | {"patient_id": found.patient_id}, plan)
    if found.team_id != plan_record.team_of(conn, found.patient_id):
        plan_record.join_team(conn, found.patient_id, team_id=found.team_id, author=signed.author, now=signed.now)


def _threshold(found: Trial, answer: Result) -> float | None:
    """The budget's, as it was solved; None if none was asked for: each patient's plan says."""
    return answer.own.after.threshold if found.budget else found.threshold


def price(found: Trial, answer: Result) -> dict[str, object]:
    """What was shown, under the names that `vigie budget` keeps it by."""
    shown = answer.simulated or answer.own
    after, on = shown.after, "simulated patients" if answer.simulated else "own history"
    return {
        "trial": found.trial_id,
        "budget": found.budget,
        "detector": found.detector,
        "threshold": after.threshold,
        "solved_on": on,
        "patient_years": shown.patient_years,
        "false_alerts_per_patient_year": after.false_alerts_per_patient_year,
        "sensitivity_on": on,
        "events": shown.decompensations,
        "found": after.found,
        "sensitivity": after.found / shown.decompensations if shown.decompensations else None,
        "calls_per_nurse_day": after.calls_per_nurse_day,
        "would_have_missed": [one.name for one in answer.lost],
    }
