"""Of whom is no weight expected, until when, and who said so? Pauses: entered, ended, and all of them in one list."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, LiteralString, get_args
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException
from psycopg.rows import class_row
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import CLINIC_ZONE, message
from clinician_api.patient import patient_record
from schemas.database import Connection

router = APIRouter()
Kind = Literal["holiday", "hospital", "other"]
KINDS: dict[Kind, str] = {
    "holiday": message("Holiday"),
    "hospital": message("Hospital stay"),
    "other": message("Other reason"),
}
LONGEST = timedelta(days=183)
EARLIEST, LATEST = timedelta(days=90), timedelta(days=366)
LONGEST_NOTE = 1000
SOON = timedelta(days=2)
BAD_KIND = message(
    "Choose why no weight is expected; another reason must be said in words, in at most 1,000 characters."
)
BAD_DAYS = message(
    "Choose a first day between %(earliest)s and %(latest)s and a last day, at most half a year later. "
    "A pause always ends."
)
OVERLAPS = message("From %(first)s to %(last)s the watch is paused already: change the end of that pause.")


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Both days are paused, of the patient's own calendar; `author` set or moved its end last."""

    pause_id: int
    patient_id: str
    kind: Kind
    first_day: date
    last_day: date
    note: str
    author: str
    changed_at: datetime
    family_name: str | None
    given_name: str | None


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A form as it was filled in, to be shown again with what is wrong."""

    kind: str = ""
    first_day: str = ""
    last_day: str = ""
    note: str = ""
    problem: str = ""


LISTED: LiteralString = """
SELECT pause_id, pause.patient_id, kind, first_day, last_day, note, display_name AS author, changed_at,
       family_name, given_name
FROM standing_pause AS pause JOIN app_user ON user_id = author LEFT JOIN patient_identity USING (patient_id)
"""
OF_PATIENT: LiteralString = (
    LISTED
    + "WHERE patient_id = %(patient_id)s AND last_day >= greatest(first_day, %(since)s) ORDER BY first_day, pause_id"
)
STANDING: LiteralString = (
    LISTED
    + """WHERE last_day >= greatest(first_day, %(since)s)
    AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = pause.patient_id)
    ORDER BY last_day, first_day, pause_id LIMIT 2000"""
)


def of_patient(conn: Connection, patient_id: str, *, since: date) -> list[Pause]:
    """Those that end on `since` or later, in the order of their days."""
    with conn.cursor(row_factory=class_row(Pause)) as cursor:
        return cursor.execute(OF_PATIENT, {"patient_id": patient_id, "since": since}).fetchall()


@router.get("/pauses")
def show_all(conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """Every pause that holds or is to come, the one that ends first at the top."""
    today = now.astimezone(ZoneInfo(CLINIC_ZONE)).date()
    audit.write(conn, "pauses.read", of="", by=user.user_id, at=now)
    with conn.cursor(row_factory=class_row(Pause)) as cursor:
        found = cursor.execute(STANDING, {"since": today}).fetchall()
    return page.answer("pauses.html", pauses=found, today=today, soon=today + SOON, kinds=KINDS)


PATIENT_OF: LiteralString = "SELECT patient_id, first_day FROM pause WHERE pause_id = %(pause_id)s"


def _find(conn: Connection, pause_id: int) -> tuple[str, date]:
    row = conn.execute(PATIENT_OF, {"pause_id": pause_id}).fetchone() if pause_id < 2**63 else None
    if row is None:
        raise HTTPException(404)
    assert isinstance(row[1], date)
    return str(row[0]), row[1]


@router.get("/pauses/{pause_id}")
def lead(pause_id: int, conn: Transaction, user: SignedIn) -> Response:
    """The address in reminders: the patient's pauses."""
    return _page_of(_find(conn, pause_id)[0])


def _page_of(patient_id: str) -> Response:
    return RedirectResponse(f"/patients/{patient_id}/pauses", status_code=303)


@router.get("/patients/{patient_id}/pauses")
def show(patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """One patient's pauses, and the form for another."""
    audit.write(conn, "patient.read", of=patient_id, by=user.user_id, at=now)
    return _answer(conn, page, patient_id, typed=Typed())


def _answer(conn: Connection, page: Page, patient_id: str, *, typed: Typed) -> Response:
    who = patient_record.patient(conn, patient_id)
    if who is None:
        raise HTTPException(404)
    today = page.now.astimezone(ZoneInfo(who.time_zone)).date()
    return page.answer(
        "patient_pauses.html",
        status=422 if typed.problem else 200,
        zone=who.time_zone,
        patient=who,
        pauses=of_patient(conn, patient_id, since=date.min),
        today=today,
        typed=typed,
        kinds=KINDS,
        departed=patient_record.departed(conn, patient_id),
        request_id=uuid4,
    )


ADD: LiteralString = """
INSERT INTO pause (request_id, patient_id, kind, first_day, last_day, note, author, recorded_at)
VALUES (%(request_id)s, %(patient_id)s, %(kind)s, %(first_day)s, %(last_day)s, %(note)s, %(author)s, %(now)s)
ON CONFLICT (request_id) DO NOTHING
"""
IS_DONE: LiteralString = "SELECT FROM pause WHERE request_id = %(request_id)s"


@router.post("/patients/{patient_id}/pauses", dependencies=[OwnForm])
def add(  # noqa: PLR0913, PLR0917 a form's fields
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()],
    kind: Annotated[str, Form()] = "", first_day: Annotated[str, Form()] = "", last_day: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """No weight is expected from the first day to the last."""
    if conn.execute(IS_DONE, {"request_id": request_id}).fetchone() is not None:
        return _page_of(patient_id)  # a double click
    note = note.replace("\r\n", "\n").replace("\0", "").strip()
    first, last = _day(first_day), _day(last_day)
    problem = _problem(conn, page, patient_id, kind=kind, note=note, first=first, last=last)
    if problem:
        typed = Typed(kind=kind[:20], first_day=first_day[:10], last_day=last_day[:10], note=note, problem=problem)
        return _answer(conn, page, patient_id, typed=typed)
    if patient_record.patient(conn, patient_id) is None:
        raise HTTPException(404)
    values = {"request_id": request_id, "patient_id": patient_id, "kind": kind, "first_day": first, "last_day": last}
    conn.execute(ADD, {**values, "note": note, "author": user.user_id, "now": now})
    audit.write(conn, "patient.pause", of=f"{patient_id} {kind} {first} {last}", by=user.user_id, at=now)
    return _page_of(patient_id)


def _problem(
    conn: Connection, page: Page, patient_id: str, *, kind: str, note: str, first: date | None, last: date | None
) -> str | None:
    """What is wrong with a new pause, in the reader's language."""
    words, today = page.words, page.now.astimezone(ZoneInfo(CLINIC_ZONE)).date()
    earliest, latest = today - EARLIEST, today + LATEST
    if kind not in get_args(Kind) or (kind == "other" and not note) or len(note) > LONGEST_NOTE:
        return words.text(BAD_KIND)
    if not (first and last and earliest <= first <= latest and first <= last <= first + LONGEST):
        return words.text(BAD_DAYS) % {"earliest": words.day(earliest), "latest": words.day(latest)}
    for known in of_patient(conn, patient_id, since=first):
        if known.first_day <= last:
            return words.text(OVERLAPS) % {"first": words.day(known.first_day), "last": words.day(known.last_day)}
    return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


MOVE: LiteralString = """
INSERT INTO pause_change (request_id, pause_id, last_day, author, recorded_at)
VALUES (%(request_id)s, %(pause_id)s, %(last_day)s, %(author)s, %(now)s)
ON CONFLICT (request_id) DO NOTHING
"""


@router.post("/pauses/{pause_id}/end", dependencies=[OwnForm])
def move(  # noqa: PLR0913, PLR0917 a form's fields
    pause_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()],
    back: Annotated[str, Form()] = "", last_day: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """It ends on another day; with `back`, yesterday: weights are expected from today on."""
    patient_id, first = _find(conn, pause_id)
    who = patient_record.patient(conn, patient_id)
    assert who is not None
    yesterday = now.astimezone(ZoneInfo(who.time_zone)).date() - timedelta(days=1)
    never = first - timedelta(days=1)
    last = max(never, yesterday) if back else _day(last_day)
    if last is None or not never <= last <= first + LONGEST:
        bounds = {"earliest": page.words.day(never), "latest": page.words.day(first + LONGEST)}
        return _answer(conn, page, patient_id, typed=Typed(problem=page.words.text(BAD_DAYS) % bounds))
    values = {"request_id": request_id, "pause_id": pause_id, "last_day": last}
    conn.execute(MOVE, {**values, "author": user.user_id, "now": now})
    audit.write(conn, "patient.pause", of=f"{patient_id} {first} {last}", by=user.user_id, at=now)
    return _page_of(patient_id)
