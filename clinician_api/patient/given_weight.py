"""What did she weigh, if no scale of ours says so? A weight told or measured elsewhere, signed, read like any other."""

from datetime import timedelta
from typing import Annotated, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patients, typed
from clinician_api.patient.patient_record import Patient
from clinician_api.patient.patients import Draft
from schemas import plausibility
from schemas.database import Connection
from schemas.plausibility import Weighed

router = APIRouter()
BAD_WEIGHT = message("The weight must be a number of kg between 20 and 400, such as 72.5.")
BAD_TIME = message("Give when it was weighed: not in the future, and at most a year ago.")
LONG_NOTE = message("The note may have 10,000 characters at most. Nothing was recorded yet.")
UNLIKELY = message(
    "%(kg)s is far from the last weight, %(last)s. If it was read rightly, tick the box and send it again."
)
OLDEST = timedelta(days=366)
LATE = timedelta(minutes=2)


class Given(BaseModel):
    """The form's fields, as typed; `sure` once a weight far from the last one was looked at again."""

    request_id: UUID
    weight: str = ""
    at: str = ""
    note: str = ""
    sure: str = ""


@router.post("/patients/{patient_id}/weights", dependencies=[OwnForm])
def add(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Given, Form()]
) -> Response:
    """Add it to the patient's weights."""
    who = patients.found(conn, patient_id)
    weight_kg, note = typed.kg(form.weight), typed.note(form.note)
    at = typed.moment(form.at, zone=ZoneInfo(who.time_zone)) if form.at else now
    is_time = at is not None and now - OLDEST <= at <= now + LATE
    faults = {BAD_WEIGHT: weight_kg is None, BAD_TIME: not is_time, LONG_NOTE: len(note) > typed.LONGEST_NOTE}
    problem = next((fault for fault, is_so in faults.items() if is_so), None) or patients.ended(conn, patient_id)
    said = page.words.text(problem) if problem else ""
    if weight_kg is not None and at is not None and not said:
        weighed = Weighed(measured_at=min(at, now), weight_kg=weight_kg)
        said = "" if form.sure else _unlikely(page, who, weighed)
        if not said:
            values = vars_of(weighed) | {"request_id": form.request_id, "patient_id": patient_id, "note": note}
            if keep(conn, values | {"author": user.user_id, "now": now}):
                audit.write(conn, "weight.add", of=patient_id, by=user.user_id, at=now)
            return RedirectResponse(f"/patients/{patient_id}#weights", status_code=303)
    draft = Draft(form="weight", problem=said, typed=form.model_dump() | {"unlikely": "" if problem else "yes"})
    return patients.answer(conn, page, patient_id, draft=draft, status=422)


def vars_of(weighed: Weighed) -> dict[str, object]:
    """The parameters that say which weighing it was."""
    return {"measured_at": weighed.measured_at, "weight_kg": weighed.weight_kg}


def _unlikely(page: Page, who: Patient, weighed: Weighed) -> str:
    """What a scale would be doubted for is asked back: a slip of the keyboard is as likely as a slip on the carpet."""
    if who.last_at is None or who.last_kg is None:
        return ""
    last = Weighed(measured_at=min(who.last_at, weighed.measured_at), weight_kg=who.last_kg)
    if plausibility.doubt(weighed.weight_kg, weighed.measured_at, before=[last]) is None:
        return ""
    kg = {"kg": page.words.kg(weighed.weight_kg), "last": page.words.kg(who.last_kg)}
    return page.words.text(UNLIKELY) % kg


KEEP: LiteralString = """
INSERT INTO given_weight (request_id, patient_id, measured_at, weight_kg, source, note, author, at)
VALUES (%(request_id)s, %(patient_id)s, %(measured_at)s, %(weight_kg)s, 'manual', %(note)s, %(author)s, %(now)s)
ON CONFLICT (request_id) DO NOTHING
"""


def keep(conn: Connection, values: dict[str, object]) -> bool:
    """Record it, and so make it a reading (0080); False if this form was recorded before."""
    return conn.execute(KEEP, values).rowcount == 1
