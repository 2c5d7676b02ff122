"""Was it you, each of these mornings? One answer for all the weights of somebody else that wait, each signed as one."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid5

from fastapi import APIRouter, Form
from pydantic import AwareDatetime, TypeAdapter, ValidationError
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patients, reading_review
from clinician_api.patient.patients import Draft
from clinician_api.patient.reading_review import Decision

router = APIRouter()
MOST_AT_ONCE = patients.MOST_CHECKS
NOT_ALL = message("Some of these weights were decided otherwise meanwhile and stay so; the others are excluded.")
UNREADABLE = message("Nothing was recorded: choose the weights again.")
_NAMED = TypeAdapter(tuple[int, AwareDatetime, int])
"""A weight, when it was measured, and the last review that the form's author saw."""


@router.post("/patients/{patient_id}/others-weights", dependencies=[OwnForm])
def exclude(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()], weight: Annotated[list[str], Form(max_length=MOST_AT_ONCE)],
) -> Response:  # fmt: skip
    """All of these are another person's."""
    named = _named(weight)
    if not named:
        draft = Draft(form="checks", problem=page.words.text(UNREADABLE))
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    left = 0
    for reading_id, at, after in named:
        conn.execute(reading_review.LOCK_READING, {"reading_id": reading_id})
        reading = reading_review.find(conn, patient_id, reading_id=reading_id, at=at)
        own = uuid5(request_id, str(reading_id))
        said = Decision(request_id=own, action="exclude", reason="other_person", note="", after=after)
        if reading_review.late(page, reading, reading_review.reviews(conn, reading_id), said):
            left += 1
        elif reading_review.record(conn, reading, said, author=user.user_id, now=now):
            audit.write(conn, "reading.exclude", of=f"{patient_id} {reading_id}", by=user.user_id, at=now)
    if left:
        draft = Draft(form="checks", problem=page.words.text(NOT_ALL))
        return patients.answer(conn, page, patient_id, draft=draft, status=409)
    return RedirectResponse(f"/patients/{patient_id}#checks", status_code=303)


def _named(weights: list[str]) -> list[tuple[int, datetime, int]]:
    """In one order, so that two such forms at once wait for one another; empty if one of them names nothing."""
    try:
        return sorted(_NAMED.validate_python(tuple(one.split())) for one in weights)
    except ValidationError:
        return []
