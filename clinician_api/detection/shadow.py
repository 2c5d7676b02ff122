"""How does the shadow do beside the detector in force? Started and stopped by a signature, promoted through a trial."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, LiteralString
from uuid import UUID, uuid4

import psycopg
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from clinician_api import audit, vocabulary
from clinician_api.access import confirmation
from clinician_api.dependencies import LIVE_HEADER, Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.detection import in_force, trial_rows, trials
from clinician_api.detection.signing import CHOSEN_MEANWHILE, LONGEST_REASON, NO_REASON
from clinician_api.detection.trial_rows import Asked
from clinician_api.detection.trials import BAD_THRESHOLD, MOST_THRESHOLD, NO_DETECTOR
from clinician_api.language import message
from schemas.database import Connection
from schemas.plan import DEFAULT_DETECTOR

router = APIRouter()
OTHER_SHADOW = message("Somebody changed the shadow meanwhile. Look at it, and sign again if you still want to.")
NO_SHADOW = message("No detector runs in the shadow: there is nothing to compare.")

DECIDE: LiteralString = """
INSERT INTO setting_decision (request_id, duty, detector, threshold, based_on, author, reason, decided_at)
VALUES (%(request_id)s, 'shadow', %(detector)s, %(threshold)s, %(based_on)s, %(author)s, %(reason)s, %(now)s)
"""
IS_DONE: LiteralString = "SELECT FROM setting_decision WHERE request_id = %(request_id)s"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the form asks for; detector None: no shadow any more."""

    request_id: UUID
    detector: str | None
    threshold: float | None
    based_on: int
    author: int
    reason: str
    now: datetime


@router.get("/detection/shadow")
def show(request: Request, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """The two side by side, as last computed."""
    if LIVE_HEADER not in request.headers:
        audit.write(conn, "shadow.read", of="clinic", by=user.user_id, at=now)
    return _answer(conn, page)


def _answer(
    conn: Connection, page: Page, *, status: int = 200, problem: str | None = None, typed: Wish | None = None
) -> Response:
    shadow = in_force.in_force(conn, "shadow")
    running = shadow if shadow and shadow.detector else None
    asked = trial_rows.newest_beside(conn)
    # What was computed for another shadow, or another detector in force, would compare what is no more.
    ours = asked if asked and running and asked.asked_at >= running.recorded_at else None
    return page.answer(
        "shadow.html",
        status=status,
        alerting=in_force.in_force(conn, "alerting"),
        default=DEFAULT_DETECTOR,
        shadow=running,
        based_on=shadow.choice_id if shadow else 0,
        asked=ours,
        beside=ours.beside if ours else None,
        problem=problem,
        typed=typed,
        request_id=uuid4,
    )


@router.post("/detection/shadow/compare", dependencies=[OwnForm])
def compare(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()]
) -> Response:
    """Have it computed from what both have said until now."""
    shadow = in_force.in_force(conn, "shadow")
    if shadow is None or shadow.detector is None:
        return _answer(conn, page, status=409, problem=page.words.text(NO_SHADOW))
    asked = Asked(
        request_id=request_id, kind="shadow", patient_id=None, detector=shadow.detector, threshold=shadow.threshold,
        budget=None, plan=None, based_on=shadow.choice_id, author=user.user_id, now=now,
    )  # fmt: skip
    trial_rows.ask(conn, asked)
    return RedirectResponse("/detection/shadow", status_code=303)


@router.post("/detection/shadow", dependencies=[OwnForm])
def choose(  # noqa: PLR0913, PLR0917 a form's fields
    conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()], based_on: Annotated[int, Form(ge=0, lt=2**63)],
    act: Annotated[Literal["start", "stop"], Form()], detector: Annotated[str, Form()] = "",
    threshold: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Another shadow, or none, from now on; pages nobody either way."""
    if conn.execute(IS_DONE, {"request_id": request_id}).fetchone() is not None:
        return RedirectResponse("/detection/shadow", status_code=303)
    wish = Wish(
        request_id=request_id, detector=detector if act == "start" else None,
        threshold=trials.number(threshold) if act == "start" else None, based_on=based_on, author=user.user_id,
        reason=reason.replace("\0", "").strip(), now=now,
    )  # fmt: skip
    status, problem = 422, _problem(wish, threshold=threshold)
    if problem is None and (refusal := confirmation.refusal(conn, user, password)):
        status, problem = refusal
    if problem is None and not _decide(conn, wish):
        status, problem = 409, OTHER_SHADOW
    if problem:
        return _answer(conn, page, status=status, problem=page.words.text(problem), typed=wish)
    return RedirectResponse("/detection/shadow", status_code=303)


def _problem(wish: Wish, *, threshold: str) -> str | None:
    if wish.detector is not None:
        if wish.detector not in vocabulary.DETECTORS:
            return NO_DETECTOR
        if threshold.strip() and not (wish.threshold and 0 < wish.threshold <= MOST_THRESHOLD):
            return BAD_THRESHOLD
    return None if 0 < len(wish.reason) <= LONGEST_REASON else NO_REASON


def _decide(conn: Connection, wish: Wish) -> bool:
    """Put it in force; False if somebody chose meanwhile. The same form sent twice at once is one choice."""
    try:
        with conn.transaction():
            conn.execute(DECIDE, vars(wish))
    except psycopg.Error as error:
        if isinstance(error, psycopg.errors.UniqueViolation):
            return True
        if error.sqlstate != CHOSEN_MEANWHILE:
            raise
        return conn.execute(IS_DONE, {"request_id": wish.request_id}).fetchone() is not None
    audit.write(conn, "shadow.set", of=wish.detector or "none", by=wish.author, at=wish.now)
    return True
