"""What would a change have done here? It is asked for in a form, and the page shows how far the answer is."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, HTTPException, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from clinician_api import audit, vocabulary
from clinician_api.access import sessions
from clinician_api.dependencies import LIVE_HEADER, Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.detection import in_force, trial_rows
from clinician_api.detection.trial_rows import Asked, Trial
from clinician_api.language import message
from clinician_api.patient import plan_record
from schemas.database import Connection
from schemas.plan import Plan

router = APIRouter()
MOST_BUDGET = 50.0
MOST_THRESHOLD = 1000.0
HISTORY = 10
NO_DETECTOR = message("Choose a detector.")
ONE_OF_TWO = message("Give either a threshold or a budget, not both.")
BAD_THRESHOLD = message("The threshold must be a number above 0 and at most 1,000.")
BAD_BUDGET = message("The budget must be a number above 0 and at most 50 false alerts per patient-year.")
BAD_PLAN = message("This threshold is outside what a patient's plan allows: from %(low)s to %(high)s.")


class RefusedError(Exception):
    """What was asked for cannot be tried; the message says why."""


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
        default=in_force.DEFAULT,
        earlier=in_force.choices(conn, "alerting", limit=HISTORY),
        trials=trial_rows.newest(conn, None),
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
        request_id=request_id, patient_id=None, detector=detector, threshold=number(threshold), budget=number(budget),
        plan=None, based_on=in_force.newest(conn, None), author=user.user_id, now=now,
    )  # fmt: skip
    if problem := _problem(asked, threshold=threshold, budget=budget):
        return _detection(conn, page, problem=page.words.text(problem), typed=asked)
    return _asked(conn, asked)


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


def _asked(conn: Connection, asked: Asked) -> Response:
    trial_id = trial_rows.ask(conn, asked)
    audit.write(conn, "trial.ask", of=str(trial_id), by=asked.author, at=asked.now)
    return RedirectResponse(f"/detection/trials/{trial_id}", status_code=303)


@router.post("/detection/trials/{trial_id}/again", dependencies=[OwnForm])
def again(
    trial_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()]
) -> Response:
    """The same against what is in force by now."""
    before = known(conn, trial_id)
    plan = before.plan
    if before.patient_id:  # what was changed meanwhile stays: only the threshold is tried
        typed = "" if before.threshold is None else str(before.threshold)
        plan = _with_threshold(conn, before.patient_id, before.detector, typed, page)
    asked = {name: getattr(before, name) for name in ("patient_id", "detector", "threshold", "budget")}
    based_on = in_force.newest(conn, before.patient_id)
    return _asked(
        conn, Asked(**asked, plan=plan, request_id=request_id, based_on=based_on, author=user.user_id, now=now)
    )


@router.get("/patients/{patient_id}/try")
def show_patient(patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """One patient's threshold, and the form to try another."""
    audit.write(conn, "detection.read", of=patient_id, by=user.user_id, at=now)
    return _patient(conn, page, patient_id)


IS_THERE = "SELECT FROM patient WHERE patient_id = %(patient_id)s"


def _patient(conn: Connection, page: Page, patient_id: str, *, problem: str | None = None, typed: str = "") -> Response:
    if conn.execute(IS_THERE, {"patient_id": patient_id}).fetchone() is None:
        raise HTTPException(404)
    choice, settings = in_force.in_force(conn, "alerting"), in_force.plan_settings(conn, patient_id)
    detector = (choice and choice.detector) or in_force.DEFAULT
    return page.answer(
        "patient_try.html",
        status=422 if problem else 200,
        patient_id=patient_id,
        detector=detector,
        threshold=in_force.threshold(choice, settings),
        is_own=in_force.field(detector) in settings,
        trials=trial_rows.newest(conn, patient_id),
        problem=problem,
        typed=typed,
        request_id=uuid4,
    )


@router.post("/patients/{patient_id}/try", dependencies=[OwnForm])
def ask_patient(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()], threshold: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Try another threshold on one patient."""
    choice = in_force.in_force(conn, "alerting")
    detector = (choice and choice.detector) or in_force.DEFAULT
    try:
        plan = _with_threshold(conn, patient_id, detector, threshold, page)
    except RefusedError as error:
        return _patient(conn, page, patient_id, problem=str(error), typed=threshold[:100])
    asked = Asked(
        request_id=request_id, patient_id=patient_id, detector=detector, threshold=number(threshold), budget=None,
        plan=plan, based_on=in_force.newest(conn, patient_id), author=user.user_id, now=now,
    )  # fmt: skip
    if conn.execute(IS_THERE, {"patient_id": patient_id}).fetchone() is None:
        raise HTTPException(404)
    return _asked(conn, asked)


def _with_threshold(conn: Connection, patient_id: str, detector: str, typed: str, page: Page) -> dict[str, object]:
    """The patient's settings with this threshold; an empty one gives the team's or the clinic's back.

    Raises:
        RefusedError: it is no number, or outside the plan's bounds.
    """
    settings, name = in_force.plan_settings(conn, patient_id), in_force.field(detector)
    others = {field: value for field, value in settings.items() if field != name}
    if not typed.strip():
        return others | {name: group[name]} if name in (group := _group(conn, patient_id)) else others
    value = number(typed)
    if value is None or not 0 < value <= MOST_THRESHOLD:
        raise RefusedError(page.words.text(BAD_THRESHOLD))
    try:
        Plan.model_validate(others | {name: value})
    except ValidationError:
        low, high = _bounds(name)
        raise RefusedError(page.words.text(BAD_PLAN) % {"low": low, "high": high}) from None
    return others | {name: value}


def _group(conn: Connection, patient_id: str) -> dict[str, object]:
    """What the patient's team has set."""
    team_id = plan_record.team_of(conn, patient_id)
    return next((group.settings for group in plan_record.groups(conn) if group.team_id == team_id), {})


def _bounds(name: str) -> tuple[float, float]:
    limits = {type(one).__name__: one for one in Plan.model_fields[name].metadata}
    return limits["Ge"].ge, limits["Le"].le


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
        is_stale=found.decided_at is None and found.based_on != in_force.newest(conn, found.patient_id),
        request_id=uuid4,
        refused=refused,
    )
