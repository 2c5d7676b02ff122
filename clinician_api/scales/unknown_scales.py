"""Whose is this scale? Scales that send and are on loan to nobody; one is lent together with what it sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, LiteralString
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException
from psycopg.rows import class_row
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.access.sessions import User
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.enrol import enrolment
from clinician_api.language import CLINIC_ZONE, message
from clinician_api.patient import patient_record, patient_search
from schemas.database import Connection
from schemas.patient import LentScale

router = APIRouter()
MOST_PATIENTS = 20
NO_PATIENT = message("Choose the patient who has this scale.")
BAD_TIME = message("That is no time the scale can have been lent: give a day and an hour that have passed.")
CLAIMED_MEANWHILE = message("Somebody has lent this scale to %(patient)s meanwhile. Nothing was changed.")


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A scale that sends and is on loan to nobody; `weights` of its weights (kg) belong to no patient."""

    site: str
    device_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    weights: int
    first_at: datetime | None
    last_at: datetime | None
    last_kg: float | None


# The key of `reading` begins with site and device, so that only these scales' weights are counted.
STRANGERS: LiteralString = """
SELECT site, device_id, first_seen_at, last_seen_at, sent.weights, sent.first_at, last.measured_at AS last_at,
       last.weight_kg::float8 AS last_kg
FROM device_sighting AS s
CROSS JOIN LATERAL (
    SELECT count(*) AS weights, min(measured_at) AS first_at FROM reading AS r
    WHERE r.site = s.site AND r.device_id = s.device_id AND patient_id IS NULL
) AS sent
LEFT JOIN LATERAL (
    SELECT measured_at, weight_kg FROM reading AS r
    WHERE r.site = s.site AND r.device_id = s.device_id AND patient_id IS NULL ORDER BY measured_at DESC LIMIT 1
) AS last ON true
WHERE last_seen_at > %(now)s - interval '30 days'
  AND (%(site)s::text IS NULL OR (site, device_id) = (%(site)s, %(device_id)s))
  AND NOT EXISTS
      (SELECT FROM device_loan AS l WHERE l.site = s.site AND l.device_id = s.device_id AND returned_at IS NULL)
ORDER BY last_seen_at DESC LIMIT 200
"""


def strangers(conn: Connection, *, now: datetime, only: LentScale | None = None) -> list[Stranger]:
    """Those heard in the last 30 days, the latest first; or `only` this one, if it is one of them."""
    asked = {"now": now, "site": only and only.site, "device_id": only and only.device_id}
    with conn.cursor(row_factory=class_row(Stranger)) as cursor:
        return cursor.execute(STRANGERS, asked).fetchall()


@router.get("/unknown-scales")
def show(conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    audit.write(conn, "unknown_scales.read", of="", by=user.user_id, at=now)
    return page.answer("unknown_scales.html", scales=strangers(conn, now=now))


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What was typed and could not be accepted, and why."""

    problem: str
    since: str = ""
    patient_id: str = ""


@router.get("/unknown-scales/claim")
def choose(conn: Transaction, user: SignedIn, page: ThePage, site: str, device_id: str) -> Response:
    """The form: search the patient, say since when."""
    return _search(conn, page, user, LentScale(site=_text(site), device_id=_text(device_id)), q="")


def _search(conn: Connection, page: Page, user: User, scale: LentScale, *, q: str) -> Response:
    audit.write(conn, "patients.read", of="", by=user.user_id, at=page.now)
    if has_it := borrower(conn, scale):
        return _claimed_meanwhile(page, has_it)
    return _form(conn, page, scale, q=q)


def _form(conn: Connection, page: Page, scale: LentScale, *, q: str, draft: Draft | None = None) -> Response:
    found = strangers(conn, now=page.now, only=scale)
    if not found:
        raise HTTPException(404)
    patients = patient_search.find(conn, q, most=MOST_PATIENTS + 1)
    return page.answer(
        "claim.html",
        status=422 if draft else 200,
        scale=found[0],
        patients=patients[:MOST_PATIENTS],
        more=len(patients) > MOST_PATIENTS,
        q=q,
        draft=draft,
    )


@router.post("/unknown-scales/claim", dependencies=[OwnForm])
def claim(  # noqa: PLR0913, PLR0917 a form's fields
    conn: Transaction,
    user: SignedIn,
    now: Now,
    page: ThePage,
    site: Annotated[str, Form()],
    device_id: Annotated[str, Form()],
    patient_id: Annotated[str, Form()] = "",
    since: Annotated[str, Form()] = "",
    q: Annotated[str, Form(max_length=100)] = "",
    act: Annotated[Literal["search", "claim"], Form()] = "claim",
) -> Response:
    """It is this patient's, and so is what it sent since then; or a search, whose names must stand in no address."""
    scale = LentScale(site=_text(site), device_id=_text(device_id))
    if act == "search":
        return _search(conn, page, user, scale, q=q)
    conn.execute(LOCK_SCALE, vars(scale))
    if has_it := borrower(conn, scale):
        return _to_patient(conn, scale, has_it) if has_it == patient_id else _claimed_meanwhile(page, has_it)
    at, is_time = _instant(since)
    is_time = is_time and (at is None or at <= now)
    if patient_record.patient(conn, _text(patient_id)) is None or not is_time:
        problem = page.words.text(BAD_TIME if patient_id and not is_time else NO_PATIENT)
        return _form(conn, page, scale, q=q, draft=Draft(problem=problem, since=since[:40], patient_id=patient_id))
    lend(conn, scale, patient_id, since=at, now=now)
    audit.write(conn, "scale.claim", of=f"{patient_id} {scale.site}/{scale.device_id}", by=user.user_id, at=now)
    return _to_patient(conn, scale, patient_id)


def lend(conn: Connection, scale: LentScale, patient_id: str, *, since: datetime | None, now: datetime) -> None:
    """Lend it since then, or since its first weight; what it sent since belongs to the patient (0011_late_owners.sql).

    Raises:
        HTTPException: 404, no such scale has been heard.
    """
    found = strangers(conn, now=now, only=scale)
    if not found:
        raise HTTPException(404)
    at = since or found[0].first_at or found[0].first_seen_at
    enrolment.lend(conn, scale, patient_id=patient_id, since=at, now=now)


# Two claims of one scale go one after the other, so that the second sees the first.
LOCK_SCALE: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%(site)s || '/' || %(device_id)s, 11))"
BORROWER: LiteralString = """
SELECT patient_id FROM device_loan WHERE site = %(site)s AND device_id = %(device_id)s AND returned_at IS NULL
"""


def borrower(conn: Connection, scale: LentScale) -> str | None:
    """Who has the scale now."""
    row = conn.execute(BORROWER, vars(scale)).fetchone()
    return None if row is None else str(row[0])


JOINED: LiteralString = """
SELECT count(*) FROM device_loan AS l JOIN reading AS r USING (site, device_id)
WHERE l.site = %(site)s AND l.device_id = %(device_id)s AND l.returned_at IS NULL
  AND r.patient_id = l.patient_id AND r.measured_at >= l.lent_at
"""


def _to_patient(conn: Connection, scale: LentScale, patient_id: str) -> Response:
    [joined] = conn.execute(JOINED, vars(scale)).fetchone() or (0,)
    return RedirectResponse(f"/patients/{patient_id}?joined={joined}", status_code=303)


def _claimed_meanwhile(page: Page, borrower: str) -> Response:
    problem = page.words.text(CLAIMED_MEANWHILE) % {"patient": borrower}
    return page.answer("claimed_meanwhile.html", status=409, problem=problem, patient_id=borrower)


def _instant(text: str) -> tuple[datetime | None, bool]:
    """A time as a browser's field gives it, in the clinic's zone, or nothing; and whether that can be used."""
    if not text.strip():
        return None, True
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(CLINIC_ZONE))), at.year > 1900
    except ValueError:
        return None, False


def _text(given: str) -> str:
    return given.replace("\0", "")  # no text in the database holds one
