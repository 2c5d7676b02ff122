"""On which number is somebody reached, and was it tried? Asked at the enrolment, corrected on the patient's page."""

from typing import Annotated, LiteralString
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patients, typed
from clinician_api.patient.patients import Draft
from schemas.database import Connection

router = APIRouter()
NO_NUMBER = message("A telephone number has 6 to 15 digits, such as 06 12 34 56 78 or +33 6 12 34 56 78.")
LONG_WHOSE = message("Whose number it is may have 100 characters at most.")


KEEP: LiteralString = """
INSERT INTO patient_phone (request_id, patient_id, number, whose, verified, author, recorded_at)
VALUES (%(request_id)s, %(patient_id)s, %(number)s, %(whose)s, %(verified)s, %(author)s, %(now)s)
ON CONFLICT (request_id) DO NOTHING
"""


def keep(conn: Connection, values: dict[str, object]) -> bool:
    """It holds from now on; False if this form was recorded before."""
    return conn.execute(KEEP, values).rowcount == 1


@router.post("/patients/{patient_id}/phone", dependencies=[OwnForm])
def change(  # noqa: PLR0913, PLR0917 a form's fields
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()],
    number_typed: Annotated[str, Form(alias="number")] = "", whose: Annotated[str, Form()] = "",
    verified: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Another number, or the same one, tried."""
    patients.found(conn, patient_id)
    digits, whose = typed.phone(number_typed), typed.note(whose)
    if digits is None or len(whose) > 100:
        said = page.words.text(NO_NUMBER if digits is None else LONG_WHOSE)
        draft = Draft(form="phone", problem=said, typed={"number": number_typed[:40], "whose": whose})
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    values = {"request_id": request_id, "patient_id": patient_id, "number": digits, "whose": whose}
    if keep(conn, values | {"verified": bool(verified), "author": user.user_id, "now": now}):
        audit.write(conn, "phone.set", of=patient_id, by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}", status_code=303)
