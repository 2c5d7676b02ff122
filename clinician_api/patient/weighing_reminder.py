"""Does the patient wish to be reminded to weigh? Consent with its day, the hour, the number that no page shows."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Literal, LiteralString
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from psycopg.rows import class_row
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patient_record, patients, phone, typed
from clinician_api.patient.patient_record import Patient
from schemas.database import Connection

router = APIRouter()
BAD_HOUR = message("Choose an hour such as 10:00.")
NO_CONSENT = message("Note the day on which the patient agreed, today at the latest. Without it nobody is reminded.")
NO_GATEWAY = message("No SMS gateway for reminders is set up here: whoever runs Vigie can set VIGIE_REMINDER_URL.")

STANDING: LiteralString = """
SELECT at, patient_reminder.language, number_end, agreed_on, agreed_at, display_name AS author
FROM patient_reminder LEFT JOIN app_user ON user_id = author WHERE patient_id = %(patient_id)s
"""
LAST: LiteralString = """
SELECT max(delivered_at) FROM plain_notice WHERE kind = 'reminder' AND patient_id = %(patient_id)s
"""
SET: LiteralString = """
INSERT INTO patient_reminder (patient_id, url, at, language, agreed_at, author, agreed_on, number_end)
VALUES (%(patient_id)s, %(url)s, %(at)s, %(language)s, %(now)s, %(author)s, %(agreed_on)s, %(number_end)s)
ON CONFLICT (patient_id) DO UPDATE SET
    url = excluded.url, at = excluded.at, language = excluded.language, agreed_at = excluded.agreed_at,
    author = excluded.author, agreed_on = excluded.agreed_on, number_end = excluded.number_end
"""
STOP: LiteralString = "DELETE FROM patient_reminder WHERE patient_id = %(patient_id)s"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The reminder that goes out each morning without a weight; of the number only its last two digits."""

    at: time
    language: str
    number_end: str
    agreed_on: date | None
    agreed_at: datetime
    author: str | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A form as it was filled in, but for the number."""

    problem: str
    at: str = "10:00"
    agreed_on: str = ""
    language: str = "fr"


@router.get("/patients/{patient_id}/weighing-reminder")
def show(patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """What stands, and the form."""
    return _answer(conn, page, patients.found(conn, patient_id))


@router.post("/patients/{patient_id}/weighing-reminder", dependencies=[OwnForm])
def agree(  # noqa: PLR0913, PLR0917 a form's fields
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    number: Annotated[str, Form()] = "", at: Annotated[str, Form()] = "", agreed_on: Annotated[str, Form()] = "",
    language: Annotated[Literal["fr", "en"], Form()] = "fr",
) -> Response:  # fmt: skip
    """The patient wishes it."""
    who = patients.found(conn, patient_id)
    digits, day, gateway = typed.phone(number), typed.day(agreed_on), page.request.app.state.settings.reminder_url
    hour = _hour(at)
    today = now.astimezone(ZoneInfo(who.time_zone)).date()
    wrong = {
        NO_GATEWAY: gateway is None,
        phone.NO_NUMBER: digits is None,
        BAD_HOUR: hour is None,
        NO_CONSENT: day is None or day > today,
    }
    problem = next((said for said, is_wrong in wrong.items() if is_wrong), None) or patients.ended(conn, patient_id)
    if problem is not None or gateway is None or digits is None:
        said = page.words.text(problem or NO_GATEWAY)
        asked = Asked(problem=said, at=at[:5], agreed_on=agreed_on[:10], language=language)
        return _answer(conn, page, who, asked=asked, status=422)
    values = {
        "patient_id": patient_id, "url": gateway.get_secret_value().replace("{number}", digits), "at": hour,
        "language": language, "now": now, "author": user.user_id, "agreed_on": day, "number_end": digits[-2:],
    }  # fmt: skip
    conn.execute(SET, values)
    audit.write(conn, "weighing_reminder.set", of=patient_id, by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}/weighing-reminder", status_code=303)


@router.post("/patients/{patient_id}/weighing-reminder/stop", dependencies=[OwnForm])
def stop(patient_id: str, conn: Transaction, user: SignedIn, now: Now) -> Response:
    """The patient wishes it no more; the number is forgotten."""
    patients.found(conn, patient_id)
    if conn.execute(STOP, {"patient_id": patient_id}).rowcount:
        audit.write(conn, "weighing_reminder.stop", of=patient_id, by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}/weighing-reminder", status_code=303)


def _hour(text: str) -> time | None:
    try:
        return time.fromisoformat(text) if len(text) == 5 else None
    except ValueError:
        return None


def _answer(conn: Connection, page: Page, who: Patient, *, asked: Asked | None = None, status: int = 200) -> Response:
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        standing = cursor.execute(STANDING, {"patient_id": who.patient_id}).fetchone()
    (last,) = conn.execute(LAST, {"patient_id": who.patient_id}).fetchone() or (None,)
    return page.answer(
        "weighing_reminder.html",
        status=status,
        zone=who.time_zone,
        patient=who,
        standing=standing,
        last=last,
        asked=asked or Asked(problem="", agreed_on=page.now.astimezone(ZoneInfo(who.time_zone)).date().isoformat()),
        gateway=page.request.app.state.settings.reminder_url is not None,
        departed=patient_record.departed(conn, who.patient_id),
    )
