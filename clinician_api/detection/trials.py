"""What would a change have done here? It is asked for in a form, and the page shows how far the answer is."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from clinician_api import audit, vocabulary
from clinician_api.access import sessions
from clinician_api.dependencies import LIVE_HEADER, Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.detection import in_force, trial_rows
from clinician_api.detection.trial_rows import Asked, Trial
from clinician_api.language import message
from clinician_api.patient import plan_form, plan_record
from schemas.database import Connection
from schemas.plan import DEFAULT_DETECTOR

router = APIRouter()
MOST_BUDGET = 50.0
MOST_THRESHOLD = 1000.0
HISTORY = 10
NO_DETECTOR = message("Choose a detector.")
ONE_OF_TWO = message("Give either a threshold or a budget, not both.")
BAD_THRESHOLD = message("The threshold must be a number above 0 and at most 1,000.")
BAD_BUDGET = message("The budget must be a number above 0 and at most 50 false alerts per patient-year.")


def number(typed: str) -> float | None:
    """As people write it, with a comma or a point; None if it is no number."""
    try:
        value = float(typed.strip().replace(",", ".").replace("\u202f", ""))
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 NaN


@router.get("/detection")
def show(conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """What is in force, and the form to try another."""
    audit.write(conn, "detection.read", of="clinic", by=user.user_id, at=now)
    return _detection(conn, page)


def _detection(conn: Connection, page: Page, *, problem: str | None = None, typed: Asked | None = None) -> Response:
    alerting = in_force.in_force(conn, "alerting")
    return page.answer(
        "detection.html",
        status=422 if problem else 200,
        alerting=alerting,
        shadow=in_force.in_force(conn, "shadow"),
        default=DEFAULT_DETECTOR,
        earlier=in_force.choices(conn, "alerting", limit=HISTORY),
        trials=trial_rows.newest(conn),
        based_on=alerting.choice_id if alerting else 0,
        problem=problem,
        typed=typed,
        request_id=uuid4,
    )


@router.post("/detection/trials", dependencies=[OwnForm])
def ask(  # noqa: PLR0913, PLR0917 a form's fields
    conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()], detector: Annotated[str, Form()] = "",
    threshold: Annotated[str, Form()] = "", budget: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Try another detector, threshold or budget on the whole clinic."""
    asked = Asked(
        request_id=request_id, detector=detector, threshold=number(threshold), budget=number(budget),
        based_on=in_force.newest(conn), author=user.user_id, now=now,
    )  # fmt: skip
    if problem := _problem(asked, threshold=threshold, budget=budget):
        return _detection(conn, page, problem=page.words.text(problem), typed=asked)
    return try_it(conn, asked)


def _problem(asked: Asked, *, threshold: str, budget: str) -> str | None:
    if asked.detector not in vocabulary.DETECTORS:
        return NO_DETECTOR
    if threshold.strip() and budget.strip():
        return ONE_OF_TWO
    if threshold.strip() and not (asked.threshold and 0 < asked.threshold <= MOST_THRESHOLD):
        return BAD_THRESHOLD
    if budget.strip() and not (asked.budget and 0 < asked.budget <= MOST_BUDGET):
        return BAD_BUDGET
    return None


def try_it(conn: Connection, asked: Asked) -> Response:
    """To the page that shows how far the answer is."""
    trial_id = trial_rows.ask(conn, asked)
    audit.write(conn, "trial.ask", of=str(trial_id), by=asked.author, at=asked.now)
    return RedirectResponse(f"/detection/trials/{trial_id}", status_code=303)


@router.post("/detection/trials/{trial_id}/again", dependencies=[OwnForm])
def again(
    trial_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()]
) -> Response:
    """The same against what is in force by now; of a plan, what others changed meanwhile stays."""
    before = known(conn, trial_id)
    now_in_force = _plan_in_force(conn, before)
    asked = Asked(
        request_id=request_id, patient_id=before.patient_id, team_id=before.team_id,
        detector=before.detector if before.plan is None else in_force.alerting(conn),
        threshold=before.threshold, budget=before.budget,
        plan=None if before.plan is None else _changed(before, now_in_force), plan_before=now_in_force,
        based_on=in_force.newest(conn, patient_id=before.patient_id, team_id=before.team_id),
        author=user.user_id, reason=before.reason, now=now,
    )  # fmt: skip
    return try_it(conn, asked)


def _plan_in_force(conn: Connection, trial: Trial) -> dict[str, Any] | None:
    """The settings that the trial's plan would replace, as they are now; None if it is none of a plan."""
    if trial.plan is None:
        return None
    if trial.patient_id is not None:
        return next(iter(plan_record.versions(conn, trial.patient_id)), plan_record.NO_VERSION).settings
    return plan_record.group_settings(conn, trial.team_id)


def _changed(trial: Trial, now_in_force: dict[str, Any] | None) -> dict[str, Any]:
    """The settings in force with what the trial would change in those it was typed over."""
    old, new = trial.plan_before or {}, trial.plan or {}
    left = {name: value for name, value in (now_in_force or {}).items() if name in new or name not in old}
    return left | {name: value for name, value in new.items() if name not in old or old[name] != value}


def is_stale(conn: Connection, trial: Trial) -> bool:
    """Whether what it compared with is no longer in force."""
    if trial.plan is not None and trial.detector != in_force.alerting(conn):
        return True
    return trial.based_on != in_force.newest(conn, patient_id=trial.patient_id, team_id=trial.team_id)


def known(conn: Connection, trial_id: int) -> Trial:
    """The trial of this number.

    Raises:
        HTTPException: 404, there is none.
    """
    found = trial_rows.trial(conn, trial_id)
    if found is None or found.kind != "change":
        raise HTTPException(404)
    return found


@router.get("/detection/trials/{trial_id}")
def show_trial(trial_id: int, request: Request, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """How far it is; then before and after, and the form to sign."""
    found = known(conn, trial_id)
    if LIVE_HEADER not in request.headers:
        audit.write(conn, "trial.read", of=str(trial_id), by=user.user_id, at=now)
    return answer(conn, page, user, found)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What a refused signature held, but the password; and the problem, in the reader's language."""

    problem: str
    reason: str
    ticked: list[str]


def answer(
    conn: Connection,
    page: Page,
    user: sessions.User,
    found: Trial,
    *,
    status: int = 200,
    refused: Refused | None = None,
) -> Response:
    """The trial's page."""
    signed = trial_rows.signatures(conn, found.trial_id)
    return page.answer(
        "trial.html",
        status=status,
        trial=found,
        found=found.answer,
        signed=signed,
        mine=any(one.author == user.user_id for one in signed),
        is_stale=found.decided_at is None and is_stale(conn, found),
        fields=plan_form.changes(found.plan_before or {}, found.plan or {}, words=page.words),
        request_id=uuid4,
        refused=refused,
    )
