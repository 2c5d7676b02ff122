"""How does a patient's course leave the screen? As text to paste into the hospital's record, and as one page of PDF."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, Page, SignedIn, ThePage, Transaction
from clinician_api.language import Words
from clinician_api.patient import chart, patients, scene, summary
from clinician_api.patient.summary import Summary
from schemas.database import Connection

router = APIRouter()
SHOWN = timedelta(days=90)


def _summary(conn: Connection, page: Page, patient_id: str) -> Summary:
    who = patients.found(conn, patient_id)
    known = patients.known(conn, patient_id, ZoneInfo(who.time_zone), start=page.now - SHOWN, end=page.now)
    words = Words(language=page.words.language, zone=who.time_zone)
    return Summary(who=who, known=known, words=words, now=page.now)


@router.get("/patients/{patient_id}/summary.txt")
def as_text(patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """Plain text."""
    said = _summary(conn, page, patient_id)
    audit.write(conn, "patient.export", of=patient_id, by=user.user_id, at=now)
    return PlainTextResponse(summary.as_text(said))


@router.get("/patients/{patient_id}/summary.pdf")
def as_pdf(patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """One page; the file is called by the pseudonym."""
    said = _summary(conn, page, patient_id)
    audit.write(conn, "patient.export", of=patient_id, by=user.user_id, at=now)
    drawn = chart.draw(scene.scene(said.known, start=now - SHOWN, end=now))
    name = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_" for letter in patient_id
    )
    disposition = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(summary.as_pdf(said, drawn), media_type="application/pdf", headers=disposition)
