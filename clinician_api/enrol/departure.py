"""How does a patient leave, and return? Whoever leaves gives the scale back, and what is open ends with the reason."""

from datetime import date, datetime
from typing import Annotated, Literal, LiteralString
from uuid import UUID, uuid5

from fastapi import APIRouter, Form, HTTPException
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, SignedIn, ThePage, Transaction
from clinician_api.enrol import enrolment
from clinician_api.language import Words, message
from clinician_api.patient import episodes, patients
from clinician_api.patient.patients import Draft
from schemas.database import Connection
from schemas.patient import LentScale

router = APIRouter()
Status = Literal["active", "discharged", "deceased", "merged"]
LONGEST_REASON = 1000
NO_REASON = message("Say why, in at most 1,000 characters: it stays in the patient's record.")
UNLIKE = message(
    "%(patient)s is %(name)s, born on %(day)s: not the same name or date of birth as here. Nothing was recorded yet; "
    "if it is the same person all the same, say so below."
)
NOT_INTO = message("Give the pseudonym of the record that goes on: another one, which is watched.")


ADD_STATUS: LiteralString = """
INSERT INTO patient_status (request_id, patient_id, status, into_patient, reason, author, recorded_at)
SELECT %(request_id)s, patient_id, %(status)s, %(into)s, %(reason)s, %(author)s, %(now)s
FROM patient WHERE patient_id = %(patient_id)s
ON CONFLICT (request_id) DO NOTHING
RETURNING status_id
"""
IS_THERE: LiteralString = "SELECT FROM patient WHERE patient_id = %(patient_id)s"
RETURN_SCALES: LiteralString = """
UPDATE device_loan SET returned_at = greatest(%(now)s, lent_at + interval '1 microsecond')
WHERE patient_id = %(patient_id)s AND returned_at IS NULL
"""
LENT: LiteralString = """
SELECT site, device_id FROM device_loan WHERE patient_id = %(patient_id)s AND returned_at IS NULL
"""
IS_WATCHED: LiteralString = """
SELECT FROM patient WHERE patient_id = %(into)s AND patient_id <> %(patient_id)s
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = patient.patient_id)
"""
# Of two records merged into one another at once, the second must see the first.
ONE_AT_A_TIME: LiteralString = "SELECT pg_advisory_xact_lock(122)"
OPEN_EPISODES: LiteralString = "SELECT episode_id FROM episode WHERE patient_id = %(patient_id)s AND closed_at IS NULL"


class Change(BaseModel):
    """A patient's new status; `request_id` is the form's, so that sending it twice is one change."""

    request_id: UUID
    patient_id: str
    status: Status
    into: str | None = None
    """Of a merged record: the one that goes on."""
    reason: str
    author: int
    now: datetime


def change(conn: Connection, asked: Change) -> None:
    """Record it; who leaves gives the scale back, and what is open is closed with the reason.

    The scale of a merged record is the other's from now on.

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
    for site, device_id in conn.execute(LENT, vars(asked)).fetchall() if asked.into else ():
        scale = LentScale(site=str(site), device_id=str(device_id))
        enrolment.lend(conn, scale, patient_id=str(asked.into), since=asked.now, now=asked.now)
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
    into: Annotated[str, Form(max_length=100)] = "", sure: Annotated[str, Form(max_length=100)] = "",
) -> Response:  # fmt: skip
    """The patient leaves, or comes back; or the record is another's, which is asked back if it looks like a slip."""
    conn.execute(ONE_AT_A_TIME)
    reason, into = reason.replace("\0", "").strip(), into.replace("\0", "").strip()
    asked = Change(
        request_id=request_id, patient_id=patient_id, status=status, into=into if status == "merged" else None,
        reason=reason, author=user.user_id, now=now,
    )  # fmt: skip
    problem = _problem(conn, asked)
    unlike = None if problem or sure == into else _unlike(conn, asked, page.words)
    if problem or unlike:
        typed = {"reason": reason, "status": status, "into": into, "unlike": unlike}
        draft = Draft(form="departure", problem=unlike or page.words.text(problem or ""), typed=typed)
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    change(conn, asked)
    return RedirectResponse(f"/patients/{asked.into or patient_id}", status_code=303)


IS_DONE: LiteralString = "SELECT FROM patient_status WHERE request_id = %(request_id)s"


def _problem(conn: Connection, asked: Change) -> str | None:
    if not 0 < len(asked.reason) <= LONGEST_REASON:
        return NO_REASON
    if asked.status != "merged" or conn.execute(IS_DONE, vars(asked)).fetchone() is not None:
        return None
    return NOT_INTO if conn.execute(IS_WATCHED, vars(asked)).fetchone() is None else None


IDENTITIES_DIFFER: LiteralString = """
SELECT other.family_name || ' ' || other.given_name, other.birth_date
FROM patient_identity AS one JOIN patient_identity AS other ON other.patient_id = %(into)s
WHERE one.patient_id = %(patient_id)s AND NOT (
    other.birth_date = one.birth_date
    AND (other.ins = one.ins OR folded(other.family_name) = folded(one.family_name)))
  AND NOT EXISTS (SELECT FROM patient_status WHERE request_id = %(request_id)s)
"""


def _unlike(conn: Connection, asked: Change, words: Words) -> str | None:
    """A digit of a pseudonym mistyped, and somebody would be judged by another's weights."""
    row = conn.execute(IDENTITIES_DIFFER, vars(asked)).fetchone() if asked.into else None
    if row is None:
        return None
    name, born = row
    assert isinstance(born, date)
    return words.text(UNLIKE) % {"patient": asked.into, "name": name, "day": words.day(born)}
