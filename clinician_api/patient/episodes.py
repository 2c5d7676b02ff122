"""Who acts on an episode, and how does it end? Taking it, closing it with an outcome; each form is one act."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, LiteralString, get_args
from uuid import UUID

import psycopg
from fastapi import APIRouter, Form, HTTPException
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import patients
from clinician_api.patient.patients import Draft
from schemas.alert import Outcome
from schemas.database import Connection

router = APIRouter()
LONGEST_NOTE = 10_000
ALREADY_CLOSED = "VG001"
NO_OUTCOME = message("Choose how it ended.")
NOTE_TOO_LONG = message("The note may have 10,000 characters at most; it has %(length)s. Nothing was recorded yet.")
CLOSED_MEANWHILE = message("%(who)s closed this episode on %(when)s. Your note was not recorded; it is kept below.")


@dataclass(frozen=True, kw_only=True)
class Act:
    """What somebody does to an episode; `request_id` is the form's, so that sending it twice is one act."""

    request_id: UUID
    episode_id: int
    action: Literal["take", "close"]
    outcome: Outcome | None
    note: str
    author: int
    at: datetime


ACT: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, note, author, at)
VALUES (%(request_id)s, %(episode_id)s, %(action)s, %(outcome)s, %(note)s, %(author)s, %(at)s)
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
    audit.write(
        conn,
        "episode.take" if act.action == "take" else "episode.close",
        of=str(act.episode_id),
        by=act.author,
        at=act.at,
    )
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
        request_id=request_id, episode_id=episode_id, action="take", outcome=None, note="", author=user.user_id, at=now
    )
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
    note = note.replace("\r\n", "\n").replace("\0", "")  # browsers send \r\n and count \n
    coded = next((known for known in get_args(Outcome) if known == outcome), None)
    if coded is None or len(note) > LONGEST_NOTE:
        problem = page.words.text(NO_OUTCOME if coded is None else NOTE_TOO_LONG)
        text = problem % {"length": page.words.number(len(note), digits=0).rstrip(",.")}
        draft = Draft(episode_id=episode_id, problem=text, note=note, outcome=outcome)
        return patients.answer(conn, page, patient_id, draft=draft, status=422)
    act = Act(
        request_id=request_id, episode_id=episode_id, action="close", outcome=coded, note=note, author=user.user_id,
        at=now,
    )  # fmt: skip
    return _page_at(patient_id, episode_id) if do(conn, act) else _too_late(conn, page, act)


CLOSED_BY: LiteralString = """
SELECT e.patient_id, u.display_name, e.closed_at FROM episode AS e
LEFT JOIN acknowledgement AS a ON a.episode_id = e.episode_id AND a.action = 'close'
LEFT JOIN app_user AS u ON u.user_id = a.author WHERE e.episode_id = %(episode_id)s
"""


def _too_late(conn: Connection, page: Page, act: Act) -> Response:
    """Say who closed it and when; what was typed stays on the page."""
    row = conn.execute(CLOSED_BY, {"episode_id": act.episode_id}).fetchone()
    assert row
    patient_id, who, at = row
    assert isinstance(at, datetime)
    problem = page.words.text(CLOSED_MEANWHILE) % {"who": who or "–", "when": page.words.moment(at)}
    draft = Draft(episode_id=act.episode_id, problem=problem, note=act.note, outcome=act.outcome or "")
    return patients.answer(conn, page, str(patient_id), draft=draft, status=409)
