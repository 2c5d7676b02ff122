"""What happened, and who should know? Notes, contacts and treatment changes, each signed; a form sent twice is one."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit, vocabulary
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patients, typed
from clinician_api.patient.patients import Draft
from schemas.database import Connection

router = APIRouter()
EMPTY = message("Write something: an empty note tells nobody anything.")
TOO_LONG = message("The note may have 10,000 characters at most; it has %(length)s. Nothing was recorded yet.")
NO_RESULT = message("Say whether somebody was reached.")
NO_DRUG = message("Choose the kind of drug and what was changed.")
LONG_DOSE = message("The dose may have 200 characters at most.")
NOT_YET = message("That moment lies in the future, or before 1900: give when it happened.")
PAST_REMINDER = message("A reminder needs a day from today on, at most two years ahead.")
LATE = timedelta(minutes=2)  # a browser's clock may be a little ahead of ours


class Entry(BaseModel):
    """The form's fields, as typed."""

    request_id: UUID
    kind: Literal["note", "contact", "treatment"]
    at: str = ""
    result: str = ""
    drug_class: str = ""
    direction: str = ""
    dose: str = ""
    note: str = ""
    remind_on: str = ""


@router.post("/patients/{patient_id}/journal", dependencies=[OwnForm])
def write(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Entry, Form()]
) -> Response:
    """Keep it, with its reminder."""
    who = patients.found(conn, patient_id)
    zone = ZoneInfo(who.time_zone)
    form = form.model_copy(update={"note": typed.note(form.note), "dose": typed.note(form.dose)})
    happened_at = typed.moment(form.at, zone=zone) if form.at else now
    problem = _fault(form, happened_at, now=now, zone=zone)
    if problem:
        return _again(conn, page, patient_id, form, problem)
    keep(conn, form, patient_id, happened_at=happened_at or now, author=user.user_id, now=now)
    return RedirectResponse(f"/patients/{patient_id}#journal", status_code=303)


def _again(conn: Connection, page: Page, patient_id: str, form: Entry, problem: str) -> Response:
    length = page.words.number(len(form.note), digits=0).rstrip(",.")
    said = page.words.text(problem)
    draft = Draft(
        form=form.kind, problem=said % {"length": length} if problem == TOO_LONG else said, typed=form.model_dump()
    )
    return patients.answer(conn, page, patient_id, draft=draft, status=422)


def _fault(form: Entry, happened_at: datetime | None, *, now: datetime, zone: ZoneInfo) -> str | None:
    """What is wrong with it, if anything."""
    today, remind_on = now.astimezone(zone).date(), typed.day(form.remind_on)
    is_drug = form.drug_class in vocabulary.DRUG_CLASSES and form.direction in vocabulary.DIRECTIONS
    faults = {
        TOO_LONG: len(form.note) > typed.LONGEST_NOTE,
        EMPTY: form.kind == "note" and not form.note,
        NO_RESULT: form.kind == "contact" and form.result not in vocabulary.RESULTS,
        NO_DRUG: form.kind == "treatment" and not is_drug,
        LONG_DOSE: len(form.dose) > 200,
        NOT_YET: happened_at is None or happened_at > now + LATE,
        PAST_REMINDER: bool(form.remind_on) and not (remind_on and 0 <= (remind_on - today).days <= 731),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


WRITE: LiteralString = """
INSERT INTO journal_entry (request_id, patient_id, kind, happened_at, result, drug_class, direction, dose, note, author,
                           recorded_at)
VALUES (%(request_id)s, %(patient_id)s, %(kind)s, %(happened_at)s, %(result)s, %(drug_class)s, %(direction)s, %(dose)s,
        %(note)s, %(author)s, %(now)s)
ON CONFLICT (request_id) DO NOTHING
RETURNING entry_id
"""
REMIND: LiteralString = """
INSERT INTO reminder (entry_id, patient_id, remind_on) VALUES (%(entry_id)s, %(patient_id)s, %(remind_on)s)
"""


def keep(
    conn: Connection, form: Entry, patient_id: str, *, happened_at: datetime, author: int, now: datetime
) -> None:  # fmt: skip
    """Record it once."""
    values = form.model_dump() | {"patient_id": patient_id, "happened_at": min(happened_at, now), "author": author}
    values |= {"now": now, "result": form.result if form.kind == "contact" else None}
    if form.kind != "treatment":
        values |= {"drug_class": None, "direction": None, "dose": ""}
    row = conn.execute(WRITE, values).fetchone()
    if row is None:
        return  # a double click
    if remind_on := typed.day(form.remind_on):
        conn.execute(REMIND, {"entry_id": row[0], "patient_id": patient_id, "remind_on": remind_on})
    audit.write(conn, "journal.write", of=f"{patient_id} {row[0]}", by=author, at=now)


SEEN: LiteralString = """
INSERT INTO journal_seen (entry_id, user_id, at)
SELECT entry_id, %(user_id)s, %(now)s FROM journal_entry
WHERE entry_id = %(entry_id)s AND patient_id = %(patient_id)s
ON CONFLICT DO NOTHING
"""
DONE: LiteralString = """
UPDATE reminder SET done_at = %(now)s, done_by = %(user_id)s
WHERE entry_id = %(entry_id)s AND patient_id = %(patient_id)s AND done_at IS NULL
"""


@router.post("/patients/{patient_id}/journal/{entry_id}/seen", dependencies=[OwnForm])
def seen(patient_id: str, entry_id: int, conn: Transaction, user: SignedIn, now: Now) -> Response:
    """I have read this."""
    return _mark(conn, patient_id, entry_id, SEEN, user_id=user.user_id, now=now, action="journal.seen")


@router.post("/patients/{patient_id}/journal/{entry_id}/done", dependencies=[OwnForm])
def done(patient_id: str, entry_id: int, conn: Transaction, user: SignedIn, now: Now) -> Response:
    """What I was to be reminded of is done."""
    return _mark(conn, patient_id, entry_id, DONE, user_id=user.user_id, now=now, action="reminder.done")


def _mark(
    conn: Connection, patient_id: str, entry_id: int, statement: LiteralString, *, user_id: int, now: datetime,
    action: audit.Action,
) -> Response:  # fmt: skip
    marked = {"patient_id": patient_id, "entry_id": entry_id, "user_id": user_id, "now": now}
    if entry_id < 2**63 and conn.execute(statement, marked).rowcount:
        audit.write(conn, action, of=f"{patient_id} {entry_id}", by=user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}#journal", status_code=303)
