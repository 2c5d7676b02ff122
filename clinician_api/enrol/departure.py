"""How does a patient leave, and return? Whoever leaves gives the scale back, and what is open ends with the reason."""

from datetime import datetime
from typing import Annotated, Literal, LiteralString
from uuid import UUID, uuid5

from fastapi import APIRouter, Form, HTTPException
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import episodes, patients
from clinician_api.patient.patients import Draft
from schemas.database import Connection

router = APIRouter()
Status = Literal["active", "discharged", "deceased"]
LONGEST_REASON = 1000
NO_REASON = message("Say why, in at most 1,000 characters: it stays in the patient's record.")


ADD_STATUS: LiteralString = """
INSERT INTO patient_status (request_id, patient_id, status, reason, author, recorded_at)
SELECT %(request_id)s, patient_id, %(status)s, %(reason)s, %(author)s, %(now)s
FROM patient WHERE patient_id = %(patient_id)s
ON CONFLICT (request_id) DO NOTHING
RETURNING status_id
"""
IS_THERE: LiteralString = "SELECT FROM patient WHERE patient_id = %(patient_id)s"
RETURN_SCALES: LiteralString = """
UPDATE device_loan SET returned_at = greatest(%(now)s, lent_at + interval '1 microsecond')
WHERE patient_id = %(patient_id)s AND returned_at IS NULL
"""
OPEN_EPISODES: LiteralString = "SELECT episode_id FROM episode WHERE patient_id = %(patient_id)s AND closed_at IS NULL"


class Change(BaseModel):
    """A patient's new status; `request_id` is the form's, so that sending it twice is one change."""

    request_id: UUID
    patient_id: str
    status: Status
    reason: str
    author: int
    now: datetime


def change(conn: Connection, asked: Change) -> None:
    """Record it; who leaves gives the scale back, and what is open is closed with the reason.

    Raises:
        HTTPException: 404, no such patient.
    """
    if conn.execute(IS_THERE, vars(asked)).fetchone() is None:
        raise HTTPException(404)
    if conn.execute(ADD_STATUS, vars(asked)).fetchone() is None:
        return  # a double click
    audit.write(conn, "patient.status", of=f"{asked.patient_id} {asked.status}", by=asked.author, at=asked.now)
    if asked.status == "active":
        return
    conn.execute(RETURN_SCALES, vars(asked))
    for (episode_id,) in conn.execute(OPEN_EPISODES, vars(asked)).fetchall():
        assert isinstance(episode_id, int)
        episodes.do(conn, _end(asked, episode_id))


def _end(asked: Change, episode_id: int) -> episodes.Act:
    return episodes.Act(
        request_id=uuid5(asked.request_id, str(episode_id)),
        episode_id=episode_id,
        action="close",
        outcome="other",
        note=f"{asked.status}: {asked.reason}",
        author=asked.author,
        at=asked.now,
    )


@router.post("/patients/{patient_id}/status", dependencies=[OwnForm])
def set_status(  # noqa: PLR0913, PLR0917 a form's fields
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()], status: Annotated[Status, Form()], reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """The patient leaves, or comes back."""
    reason = reason.replace("\0", "").strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        draft = Draft(form="departure", problem=page.words.text(NO_REASON), typed={"reason": reason, "status": status})
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    asked = Change(
        request_id=request_id, patient_id=patient_id, status=status, reason=reason, author=user.user_id, now=now
    )
    change(conn, asked)
    return RedirectResponse(f"/patients/{patient_id}", status_code=303)
