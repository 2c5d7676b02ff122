"""Whose was it, then? A weight that another patient's scale sent goes to that patient, signed; both records say so."""

from typing import Annotated, LiteralString
from uuid import UUID, uuid4

from fastapi import APIRouter, Form
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patient_record, patient_search, reading_review, typed
from clinician_api.patient.patients import Draft
from clinician_api.patient.reading_review import Decision, Reading
from schemas.database import Connection

router = APIRouter()
MOST_PATIENTS = 20
NO_PATIENT = message("Choose the patient whose weight this is.")
LONG_NOTE = message("The note may have 10,000 characters at most. Nothing was recorded yet.")
NOT_NOW = message("This weight was decided otherwise meanwhile. Nothing was reassigned; see how it stands.")


@router.get("/patients/{patient_id}/readings/{reading_id}/reassign")
def choose(
    patient_id: str, reading_id: int, at: AwareDatetime, conn: Transaction, user: SignedIn, now: Now, page: ThePage
) -> Response:
    """The form: search the patient whose weight it is."""
    audit.write(conn, "patients.read", of="", by=user.user_id, at=now)
    return _form(conn, page, patient_id, reading_review.find(conn, patient_id, reading_id=reading_id, at=at), q="")


def _form(
    conn: Connection, page: Page, patient_id: str, reading: Reading, *, q: str, refused: Draft | None = None
) -> Response:
    who = patient_record.patient(conn, patient_id)
    assert who  # a reading's patient
    found = [one for one in patient_search.find(conn, q, most=MOST_PATIENTS + 2) if one.patient_id != patient_id]
    return page.answer(
        "reassign.html",
        status=422 if refused else 200,
        zone=who.time_zone,
        patient=who,
        reading=reading,
        after=next((said.review_id for said in reversed(reading_review.reviews(conn, reading.reading_id))), 0),
        patients=found[:MOST_PATIENTS],
        more=len(found) > MOST_PATIENTS,
        q=q,
        draft=refused,
        request_id=uuid4(),
    )


class Reassignment(BaseModel):
    """The form's fields; `after` is the last review that its author saw; `search`: for a patient, by no address."""

    request_id: UUID
    at: AwareDatetime
    after: int
    to: str = ""
    note: str = ""
    q: Annotated[str, Field(max_length=100)] = ""
    search: bool = False


GIVE: LiteralString = """
INSERT INTO given_weight (request_id, patient_id, measured_at, weight_kg, source, of_reading, note, author, at)
VALUES (%(request_id)s, %(to)s, %(measured_at)s, %(weight_kg)s, 'reassigned', %(reading_id)s, %(note)s, %(author)s,
        %(now)s)
ON CONFLICT (request_id) DO NOTHING
"""


@router.post("/patients/{patient_id}/readings/{reading_id}/reassign", dependencies=[OwnForm])
def reassign(
    patient_id: str, reading_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    form: Annotated[Reassignment, Form()],
) -> Response:  # fmt: skip
    """It counts for the other patient, and no longer for this one."""
    conn.execute(reading_review.LOCK_READING, {"reading_id": reading_id})
    reading = reading_review.find(conn, patient_id, reading_id=reading_id, at=form.at)
    if form.search:
        audit.write(conn, "patients.read", of="", by=user.user_id, at=now)
        return _form(conn, page, patient_id, reading, q=form.q)
    note, to = typed.note(form.note), form.to.replace("\0", "")
    there = to != patient_id and patient_record.patient(conn, to) is not None
    if not there or len(note) > typed.LONGEST_NOTE:
        draft = Draft(problem=page.words.text(LONG_NOTE if there else NO_PATIENT), note=note)
        return _form(conn, page, patient_id, reading, q=form.q, refused=draft)
    decision = Decision(
        request_id=form.request_id, action="exclude", reason="other_patient", note=note, after=form.after
    )
    if reading_review.late(page, reading, reading_review.reviews(conn, reading_id), decision):
        draft = Draft(problem=page.words.text(NOT_NOW), note=note)
        return _form(conn, page, patient_id, reading, q=form.q, refused=draft)
    if reading_review.record(conn, reading, decision, author=user.user_id, now=now):
        given = {"request_id": form.request_id, "to": to, "note": note, "author": user.user_id, "now": now}
        conn.execute(GIVE, vars(reading) | given)
        audit.write(conn, "reading.reassign", of=f"{patient_id} {reading_id} {to}", by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}#checks", status_code=303)
