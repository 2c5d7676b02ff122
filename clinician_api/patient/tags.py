"""By which words does the clinic group its patients? Tags, given and taken away; the worklist filters by one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patients, tag_record
from clinician_api.patient.patients import Draft

router = APIRouter()
BAD_TAG = message("A tag has 1 to 40 letters, and a patient at most 20 tags.")


@router.post("/patients/{patient_id}/tags", dependencies=[OwnForm])
def give_or_take(  # noqa: PLR0913, PLR0917 a form's fields
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()],
    tag: Annotated[str, Form()] = "", remove: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """One more tag, or `remove`: one less."""
    patients.found(conn, patient_id)
    asked = tag_record.cleaned(remove or tag)
    held = {one.tag for one in tag_record.of_patient(conn, patient_id)}
    if asked is None or (not remove and len(held | {asked}) > tag_record.MOST):
        draft = Draft(form="tags", problem=page.words.text(BAD_TAG), typed={"tag": tag[:200]})
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    given = {"request_id": request_id, "patient_id": patient_id, "author": user.user_id, "now": now}
    tag_record.change(conn, [asked], given, is_removal=bool(remove))
    audit.write(conn, "tag.change", of=patient_id, by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}", status_code=303)
