"""Is this weight really hers? A doubted weight is asked about and released or excluded, and either undone, signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, LiteralString
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Form, HTTPException
from psycopg.rows import class_row
from pydantic import AwareDatetime
from starlette.responses import RedirectResponse, Response

from clinician_api import audit, vocabulary
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patient_record, typed
from schemas.database import Connection

router = APIRouter()
Action = Literal["release", "exclude", "undo", "asked"]
POSSIBLE = {
    "quarantined": ("release", "exclude", "asked"),
    "accepted": ("exclude", "undo"),
    "excluded": ("undo",),
    "superseded": (),
}
"""What a person can do to a weight, by how it stands."""
NO_REASON = message("Choose why this weight does not count.")
NOTE_TOO_LONG = message("The note may have 10,000 characters at most. Nothing was recorded yet.")
DECIDED_MEANWHILE = message(
    "%(who)s decided otherwise on %(when)s. Your decision was not recorded; see how it stands now."
)
TAKEN_BACK_MEANWHILE = message(
    "This weight stands otherwise by now. Your decision was not recorded; see how it stands."
)
_ACTIONS: dict[Action, audit.Action] = {
    "release": "reading.release", "exclude": "reading.exclude", "undo": "reading.undo", "asked": "reading.asked",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A weight (kg) as it stands now, and as ingest judged it."""

    reading_id: int
    site: str
    device_id: str
    measured_at: datetime
    received_at: datetime
    weight_kg: float
    source: str
    state: str
    quarantine_reason: str | None
    doubted_for: str | None


READING: LiteralString = (
    """
SELECT reading_id, s.site, s.device_id, measured_at, s.received_at, s.weight_kg::float8 AS weight_kg, s.source, s.state,
       s.quarantine_reason, r.quarantine_reason AS doubted_for
FROM standing_reading AS s JOIN reading AS r USING (reading_id, measured_at)
WHERE s.patient_id = ANY("""
    + patient_record.RECORDS
    + """) AND measured_at = %(at)s AND reading_id = %(reading_id)s
"""
)


@dataclass(frozen=True, kw_only=True)
class Review:
    """What somebody said of a weight."""

    review_id: int
    request_id: UUID
    action: Action
    reason: str | None
    note: str
    who: str
    at: datetime


REVIEWS: LiteralString = """
SELECT review_id, request_id, action, reason, note, u.display_name AS who, at
FROM reading_review JOIN app_user AS u ON u.user_id = author
WHERE reading_id = %(reading_id)s ORDER BY review_id
"""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a form says; `after` is the last review that its author saw, 0 if there was none."""

    request_id: UUID
    action: Action
    reason: str | None
    note: str
    after: int


def find(conn: Connection, patient_id: str, *, reading_id: int, at: datetime) -> Reading:
    """The weight of this patient, under whatever record, by its number and its time.

    Raises:
        HTTPException: 404, there is none.
    """
    asked = {"patient_id": patient_id, "reading_id": reading_id, "at": at}
    with conn.cursor(row_factory=class_row(Reading)) as cursor:
        found = cursor.execute(READING, asked).fetchone() if 0 < reading_id < 2**63 else None
    if found is None:
        raise HTTPException(404)
    return found


def reviews(conn: Connection, reading_id: int) -> list[Review]:
    """Everything people said of it, in order."""
    with conn.cursor(row_factory=class_row(Review)) as cursor:
        return cursor.execute(REVIEWS, {"reading_id": reading_id}).fetchall()


def possible(reading: Reading, said: list[Review]) -> tuple[str, ...]:
    """What can be done to it now: only what a person did can be undone, never what its source said."""
    last = said[-1].action if said else "undo"
    return tuple(action for action in POSSIBLE[reading.state] if action != "undo" or last not in {"undo", "asked"})


@router.get("/patients/{patient_id}/readings/{reading_id}")
def show(
    patient_id: str, reading_id: int, at: AwareDatetime, conn: Transaction, user: SignedIn, now: Now, page: ThePage
) -> Response:
    """One weight: why it is doubted, what people said of it, and what can be done."""
    audit.write(conn, "patient.read", of=patient_id, by=user.user_id, at=now)
    return _answer(conn, page, patient_id, find(conn, patient_id, reading_id=reading_id, at=at))


def _answer(
    conn: Connection, page: Page, patient_id: str, reading: Reading, *, problem: str = "", note: str = "",
    status: int = 200,
) -> Response:  # fmt: skip
    who, said = patient_record.patient(conn, patient_id), reviews(conn, reading.reading_id)
    assert who  # a reading's patient
    return page.answer(
        "reading.html",
        status=status,
        zone=who.time_zone,
        patient=who,
        reading=reading,
        reviews=said,
        possible=possible(reading, said),
        problem=problem,
        note=note,
        request_id=uuid4,
    )


@router.post("/patients/{patient_id}/readings/{reading_id}", dependencies=[OwnForm])
def decide(  # noqa: PLR0913, PLR0917 a form's fields
    patient_id: str,
    reading_id: int,
    conn: Transaction,
    user: SignedIn,
    now: Now,
    page: ThePage,
    at: Annotated[AwareDatetime, Form()],
    request_id: Annotated[UUID, Form()],
    decision: Annotated[Action, Form()],
    after: Annotated[int, Form()],
    reason: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """It is hers, it does not count, or: what was said last was wrong."""
    conn.execute(LOCK_READING, {"reading_id": reading_id})
    reading = find(conn, patient_id, reading_id=reading_id, at=at)
    note = typed.note(note)
    coded = reason if decision == "exclude" else None
    said = Decision(request_id=request_id, action=decision, reason=coded, note=note, after=after)
    if refused := _refused(page, said):
        return _answer(conn, page, patient_id, reading, problem=refused, note=note, status=422)
    if problem := late(page, reading, reviews(conn, reading_id), said):
        return _answer(conn, page, patient_id, reading, problem=problem, note=note, status=409)
    if record(conn, reading, said, author=user.user_id, now=now):
        if decision == "undo":
            _take_back(conn, reading, said, author=user.user_id, now=now)
        audit.write(conn, _ACTIONS[decision], of=f"{patient_id} {reading_id}", by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}#checks", status_code=303)


def _refused(page: Page, decision: Decision) -> str | None:
    if len(decision.note) > typed.LONGEST_NOTE:
        return page.words.text(NOTE_TOO_LONG)
    is_known = decision.reason is None or decision.reason in vocabulary.EXCLUSIONS
    return None if is_known else page.words.text(NO_REASON)


# Two decisions about one weight go one after the other, so that the second sees the first.
LOCK_READING: LiteralString = "SELECT pg_advisory_xact_lock(14, hashtext(%(reading_id)s::text))"
RECORD: LiteralString = """
INSERT INTO reading_review (request_id, reading_id, site, device_id, measured_at, action, reason, note, author, at)
VALUES (%(request_id)s, %(reading_id)s, %(site)s, %(device_id)s, %(measured_at)s, %(action)s, %(reason)s, %(note)s,
        %(author)s, %(at)s)
ON CONFLICT (request_id) DO NOTHING
"""


def record(conn: Connection, reading: Reading, decision: Decision, *, author: int, now: datetime) -> bool:
    """Record it; False if this very form was recorded before. Alerts and screens are told (0014)."""
    return conn.execute(RECORD, vars(reading) | vars(decision) | {"author": author, "at": now}).rowcount == 1


def late(page: Page, reading: Reading, said: list[Review], decision: Decision) -> str | None:
    """Why this cannot be done any more; a form sent twice is no problem."""
    if any(review.request_id == decision.request_id for review in said):
        return None
    last = said[-1] if said else None
    if last and last.review_id != decision.after:
        return page.words.text(DECIDED_MEANWHILE) % {"who": last.who, "when": page.words.moment(last.at)}
    return None if decision.action in possible(reading, said) else page.words.text(TAKEN_BACK_MEANWHILE)


# The weight as it counts for the patient to whom it was reassigned, if nobody has excluded it there.
COPY: LiteralString = """
SELECT s.patient_id, s.reading_id, s.measured_at FROM given_weight AS g JOIN standing_reading AS s
  ON s.site = 'manual' AND s.device_id = g.patient_id AND s.measured_at = g.measured_at AND s.weight_kg = g.weight_kg
WHERE g.of_reading = %(reading_id)s AND s.state = 'accepted' ORDER BY g.given_id DESC LIMIT 1
"""


def _take_back(conn: Connection, reading: Reading, undo: Decision, *, author: int, now: datetime) -> None:
    """A reassignment undone here no longer counts there either."""
    row = conn.execute(COPY, {"reading_id": reading.reading_id}).fetchone()
    if row is None:
        return
    patient_id, reading_id, at = row
    assert isinstance(reading_id, int)
    assert isinstance(at, datetime)
    copy = find(conn, str(patient_id), reading_id=reading_id, at=at)
    excluded = Decision(
        request_id=uuid5(undo.request_id, "copy"), action="exclude", reason="other_patient", note="", after=0
    )
    record(conn, copy, excluded, author=author, now=now)
