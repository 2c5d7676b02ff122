"""Who acts on an episode, and how does it end? Take, follow up, snooze, close with an outcome; each form is one act."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, LiteralString, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from fastapi import APIRouter, Form, HTTPException
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import CLINIC_ZONE, message
from clinician_api.patient import patients
from clinician_api.patient.patients import Draft
from schemas.alert import Outcome
from schemas.database import Connection

router = APIRouter()
LONGEST_NOTE = 10_000
FORGOTTEN = timedelta(hours=24)
"""What was taken and then neither followed up nor closed comes back after so long."""
LONGEST_FOLLOW_UP, LONGEST_SNOOZE = timedelta(days=90), timedelta(days=14)
MORNING = time(8)
"""At which hour of the day chosen it comes back."""
ALREADY_CLOSED = "VG001"
NO_OUTCOME = message("Choose how it ended.")
NO_REASON = message("Say why it may wait: a snooze needs a reason.")
BAD_DAY = message("Choose a day from tomorrow to %(last)s. Nothing was recorded yet.")
NOTE_TOO_LONG = message("The note may have 10,000 characters at most; it has %(length)s. Nothing was recorded yet.")
CLOSED_MEANWHILE = message("%(who)s closed this episode on %(when)s. Your note was not recorded; it is kept below.")


@dataclass(frozen=True, kw_only=True)
class Act:
    """What somebody does to an episode; `request_id` is the form's, so that sending it twice is one act."""

    request_id: UUID
    episode_id: int
    action: Literal["take", "follow_up", "snooze", "close"]
    outcome: Outcome | None
    note: str
    author: int
    at: datetime
    until: datetime | None = None


AUDITED: dict[str, audit.Action] = {
    "take": "episode.take",
    "follow_up": "episode.follow_up",
    "snooze": "episode.snooze",
    "close": "episode.close",
}

ACT: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, note, author, at, until)
VALUES (%(request_id)s, %(episode_id)s, %(action)s, %(outcome)s, %(note)s, %(author)s, %(at)s, %(until)s)
ON CONFLICT (request_id) DO NOTHING
"""
IS_DONE: LiteralString = "SELECT FROM acknowledgement WHERE request_id = %(request_id)s"


def do(conn: Connection, act: Act) -> bool:
    """Record the act, once; False if somebody closed the episode before."""
    same = {"request_id": act.request_id}
    if conn.execute(IS_DONE, same).fetchone() is not None:
        return True
    try:
        with conn.transaction():
            conn.execute(ACT, vars(act))
    except psycopg.Error as error:
        if error.sqlstate != ALREADY_CLOSED:
            raise
        return conn.execute(IS_DONE, same).fetchone() is not None  # a double click, both at once
    audit.write(conn, AUDITED[act.action], of=str(act.episode_id), by=act.author, at=act.at)
    return True


PATIENT_OF: LiteralString = "SELECT patient_id FROM episode WHERE episode_id = %(episode_id)s"


def _patient_of(conn: Connection, episode_id: int) -> str:
    row = conn.execute(PATIENT_OF, {"episode_id": episode_id}).fetchone() if episode_id < 2**63 else None
    if row is None:
        raise HTTPException(404)
    return str(row[0])


def _page_at(patient_id: str, episode_id: int) -> Response:
    return RedirectResponse(f"/patients/{patient_id}#episode-{episode_id}", status_code=303)


@router.get("/episodes/{episode_id}")
def lead(episode_id: int, conn: Transaction, user: SignedIn) -> Response:
    """The address in e-mails: the patient's page, at the episode."""
    return _page_at(_patient_of(conn, episode_id), episode_id)


@router.post("/episodes/{episode_id}/take", dependencies=[OwnForm])
def take(
    episode_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, request_id: Annotated[UUID, Form()]
) -> Response:
    """I am on it."""
    patient_id = _patient_of(conn, episode_id)
    act = Act(
        request_id=request_id, episode_id=episode_id, action="take", outcome=None, note="", author=user.user_id, at=now,
        until=now + FORGOTTEN,
    )  # fmt: skip
    return _page_at(patient_id, episode_id) if do(conn, act) else _too_late(conn, page, act)


@router.post("/episodes/{episode_id}/close", dependencies=[OwnForm])
def close(  # noqa: PLR0913, PLR0917 a form's fields
    episode_id: int,
    conn: Transaction,
    user: SignedIn,
    now: Now,
    page: ThePage,
    request_id: Annotated[UUID, Form()],
    outcome: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """It is over, and this is how it ended."""
    patient_id = _patient_of(conn, episode_id)
    note = typed(note)
    coded = next((known for known in get_args(Outcome) if known == outcome), None)
    if coded is None or len(note) > LONGEST_NOTE:
        problem = page.words.text(NO_OUTCOME) if coded is None else too_long(page, note)
        draft = Draft(episode_id=episode_id, problem=problem, note=note, outcome=outcome)
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    act = Act(
        request_id=request_id, episode_id=episode_id, action="close", outcome=coded, note=note, author=user.user_id,
        at=now,
    )  # fmt: skip
    return _page_at(patient_id, episode_id) if do(conn, act) else _too_late(conn, page, act)


PUT_OFF: dict[str, tuple[Literal["follow_up", "snooze"], timedelta]] = {
    "follow-up": ("follow_up", LONGEST_FOLLOW_UP),
    "snooze": ("snooze", LONGEST_SNOOZE),
}


@router.post("/episodes/{episode_id}/{how}", dependencies=[OwnForm])
def put_off(  # noqa: PLR0913, PLR0917 a form's fields
    episode_id: int, how: Literal["follow-up", "snooze"], conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()],
    day: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """I come back to it on that day; or nobody is told again until then, for a reason, unless it becomes worse."""
    action, longest = PUT_OFF[how]
    act = Act(
        request_id=request_id, episode_id=episode_id, action=action, outcome=None, note=typed(note),
        author=user.user_id, at=now, until=morning_of(day, now=now, longest=longest),
    )  # fmt: skip
    return _put_off(conn, page, act, day=day, longest=longest)


def _put_off(conn: Connection, page: Page, act: Act, *, day: str, longest: timedelta) -> Response:
    patient_id = _patient_of(conn, act.episode_id)
    problem = None
    if act.until is None:
        problem = page.words.text(BAD_DAY) % {"last": page.words.day(act.at + longest)}
    elif len(act.note) > LONGEST_NOTE:
        problem = too_long(page, act.note)
    elif act.action == "snooze" and not act.note.strip():
        problem = page.words.text(NO_REASON)
    if problem is None:
        return _page_at(patient_id, act.episode_id) if do(conn, act) else _too_late(conn, page, act)
    draft = Draft(episode_id=act.episode_id, problem=problem, act=act.action, note=act.note, until=day[:10])
    return patients.answer(conn, page, patient_id, draft=draft, status=422)


def morning_of(day: str, *, now: datetime, longest: timedelta) -> datetime | None:
    """The clinic's morning of a day after today and within `longest`, or None."""
    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        return None
    zone = ZoneInfo(CLINIC_ZONE)
    today = now.astimezone(zone).date()
    if not today < chosen <= today + longest:
        return None
    return datetime.combine(chosen, MORNING, tzinfo=zone)


def typed(note: str) -> str:
    """A note as its author sees it."""
    return note.replace("\r\n", "\n").replace("\0", "")  # browsers send \r\n and count \n


def too_long(page: Page, note: str) -> str:
    """That it is, in a sentence."""
    return page.words.text(NOTE_TOO_LONG) % {"length": page.words.number(len(note), digits=0).rstrip(",.")}


CLOSED_BY: LiteralString = """
SELECT e.patient_id, u.display_name, e.closed_at FROM episode AS e
LEFT JOIN acknowledgement AS a ON a.episode_id = e.episode_id AND a.action = 'close'
LEFT JOIN app_user AS u ON u.user_id = a.author WHERE e.episode_id = %(episode_id)s
"""


def closed_meanwhile(conn: Connection, page: Page, episode_id: int) -> str:
    """Who closed it and when, in a sentence."""
    row = conn.execute(CLOSED_BY, {"episode_id": episode_id}).fetchone()
    assert row
    _, who, at = row
    assert isinstance(at, datetime)
    return page.words.text(CLOSED_MEANWHILE) % {"who": who or "–", "when": page.words.moment(at)}


def is_of(conn: Connection, episode_id: int, patient_id: str) -> bool:
    """Whether the episode is this patient's."""
    row = conn.execute(PATIENT_OF, {"episode_id": episode_id}).fetchone()
    return row is not None and row[0] == patient_id


def _too_late(conn: Connection, page: Page, act: Act) -> Response:
    """Say who closed it and when; what was typed stays on the page."""
    problem, patient_id = closed_meanwhile(conn, page, act.episode_id), _patient_of(conn, act.episode_id)
    draft = Draft(episode_id=act.episode_id, problem=problem, act=act.action, note=act.note, outcome=act.outcome or "")
    return patients.answer(conn, page, patient_id, draft=draft, status=409)
