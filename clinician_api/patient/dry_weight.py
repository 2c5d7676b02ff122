"""What is the dry weight from when on, and why? Each is a signed version; the day after, detectors begin afresh."""

from datetime import datetime, timedelta
from typing import Annotated, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit, vocabulary
from clinician_api.dependencies import Now, OwnForm, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patients, typed
from clinician_api.patient.patients import Draft
from schemas.database import Connection

router = APIRouter()
BAD_WEIGHT = message("The dry weight must be a number of kg between 20 and 400, such as 72.5.")
NO_REASON = message("Say why the dry weight is set: the usual weight is learnt anew from then on.")
BAD_DAY = message("The dry weight can hold from today or from a day of the last 366, not from a day to come.")
LONG_NOTE = message("The note may have 1,000 characters at most.")
OLDEST = timedelta(days=366)


class Setting(BaseModel):
    """The form's fields, as typed."""

    request_id: UUID
    weight: str = ""
    since: str = ""
    reason: str = ""
    note: str = ""


@router.post("/patients/{patient_id}/dry-weight", dependencies=[OwnForm])
def set_dry_weight(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Setting, Form()]
) -> Response:
    """Set it, signed by the user; what held before stays in the record."""
    who = patients.found(conn, patient_id)
    weight_kg, since = typed.kg(form.weight), _since(form.since, now=now, zone=ZoneInfo(who.time_zone))
    note = typed.note(form.note)
    faults = {
        BAD_WEIGHT: weight_kg is None,
        NO_REASON: form.reason not in vocabulary.ANCHORS,
        BAD_DAY: since is None,
        LONG_NOTE: len(note) > 1000,
    }
    if problem := next((fault for fault, is_so in faults.items() if is_so), None) or patients.ended(conn, patient_id):
        draft = Draft(form="dry-weight", problem=page.words.text(problem), typed=form.model_dump())
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    values = {"request_id": form.request_id, "patient_id": patient_id, "weight_kg": weight_kg, "since": since}
    if keep(conn, values | {"reason": form.reason, "note": note, "author": user.user_id, "now": now}):
        audit.write(conn, "dry_weight.set", of=patient_id, by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}#dry", status_code=303)


def _since(text: str, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """From now on, or from the beginning of an earlier day of the patient's."""
    if not text.strip():
        return now
    day = typed.day(text)
    if day is None:
        return None
    at = datetime(day.year, day.month, day.day, tzinfo=zone)
    if day == now.astimezone(zone).date():
        return now
    return at if now - OLDEST <= at <= now else None


KEEP: LiteralString = """
INSERT INTO dry_weight (request_id, patient_id, weight_kg, valid_from, recorded_at, reason, note, author)
VALUES (%(request_id)s, %(patient_id)s, %(weight_kg)s, %(since)s, %(now)s, %(reason)s, %(note)s, %(author)s)
ON CONFLICT (request_id) DO NOTHING
"""


def keep(conn: Connection, values: dict[str, object]) -> bool:
    """Add it; False if this form was recorded before."""
    return conn.execute(KEEP, values).rowcount == 1
