"""What does the link in a message do? It shows a button for each alert; that takes it, once, without a sign-in.

A mail scanner opens links, but presses no button. Whoever holds the message learns number and severity, no more.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Literal, LiteralString
from uuid import UUID

from fastapi import APIRouter, Form, Request
from psycopg.rows import class_row
from starlette.responses import RedirectResponse, Response

from clinician_api import pages
from clinician_api.dependencies import Now, Transaction
from clinician_api.language import Language, Words, preferred
from clinician_api.patient import episodes
from schemas import one_tap
from schemas.alert import Severity
from schemas.database import Connection

router = APIRouter()
VALID = timedelta(hours=72)

KEY: LiteralString = "SELECT key FROM signing_key"
TOLD: LiteralString = """
SELECT notification_id, notification.event_id AS number, event.severity, notification.episode_id, notification.user_id,
       notification.created_at, app_user.language, episode.state
FROM notification JOIN episode_event AS event USING (event_id) JOIN app_user USING (user_id)
JOIN episode ON episode.episode_id = notification.episode_id
WHERE notification_id BETWEEN %(first)s AND %(last)s AND disabled_at IS NULL
  AND notification.user_id = (SELECT user_id FROM notification WHERE notification_id = %(first)s)
ORDER BY notification_id
"""
USED: LiteralString = "SELECT request_id FROM acknowledgement WHERE request_id = ANY(%(request_ids)s)"
State = Literal["wrong", "expired", "used", "closed", "taken", "open", "done"]
STATUS: dict[State, int] = {"wrong": 404, "expired": 410, "used": 410, "closed": 410}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A notification in whose message the link stood."""

    notification_id: int
    number: int
    severity: Severity
    episode_id: int
    user_id: int
    created_at: datetime
    language: Language
    state: str
    used: bool = False

    def now(self, at: datetime) -> State:
        if self.used:
            return "used"
        if at - self.created_at > VALID:
            return "expired"
        if self.state == "closed":
            return "closed"
        return "open" if self.state == "new" else "taken"


@router.get("/t/{token}")
def show(token: str, request: Request, conn: Transaction, now: Now) -> Response:
    """One button, or why there is none."""
    told = _one(conn, token)
    return _page(request, told, token, told.now(now) if told else "wrong")


@router.post("/t/{token}")
def take(token: str, request: Request, conn: Transaction, now: Now) -> Response:
    """The button was pressed: the alert is its recipient's."""
    told = _one(conn, token)
    state = told.now(now) if told else "wrong"
    if told is None or state not in ("open", "taken"):
        return _page(request, told, token, state)
    return _page(request, told, token, "done" if _take(conn, told, at=now) else "closed")


@router.get("/b/{token}")
def show_bundle(token: str, request: Request, conn: Transaction, now: Now) -> Response:
    """The alerts of one message, each with its button or why there is none."""
    told = _bundle(conn, token)
    states = [(one, one.now(now)) for one in told]
    whole: State = "wrong" if not told else "expired" if all(state == "expired" for _, state in states) else "open"
    content: dict[str, object] = {"user": None, "here": "", "told": states, "token": token, "state": whole}
    return pages.answer("bundle.html", words=_words(request, told), content=content, status=STATUS.get(whole, 200))


@router.post("/b/{token}")
def take_of_bundle(
    token: str, request: Request, conn: Transaction, now: Now, number: Annotated[int, Form(ge=0, lt=2**63)]
) -> Response:
    """The button of one of them was pressed."""
    told = [one for one in _bundle(conn, token) if one.number == number]
    if not told:
        return show_bundle(token, request, conn, now)
    if told[0].now(now) in ("open", "taken"):
        _take(conn, told[0], at=now)
    return RedirectResponse(f"/b/{token}", status_code=303)


def _take(conn: Connection, told: Told, *, at: datetime) -> bool:
    """Whether it is taken; False if somebody has closed it meanwhile."""
    act = episodes.Act(
        request_id=_request_id(told.notification_id, key=signing_key(conn)), episode_id=told.episode_id, action="take",
        outcome=None, note="", author=told.user_id, at=at, until=at + episodes.FORGOTTEN,
    )  # fmt: skip
    return episodes.do(conn, act)


def _one(conn: Connection, token: str) -> Told | None:
    number = one_tap.read(token, key=signing_key(conn))
    return next(iter(_told(conn, number, number)), None) if number is not None else None


def _bundle(conn: Connection, token: str) -> list[Told]:
    ends = one_tap.read_bundle(token, key=signing_key(conn))
    return _told(conn, *ends) if ends else []


def _told(conn: Connection, first: int, last: int) -> list[Told]:
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        told = cursor.execute(TOLD, {"first": first, "last": last}).fetchall()
    key = signing_key(conn)
    acts = {_request_id(one.notification_id, key=key): one for one in told}
    used = {row[0] for row in conn.execute(USED, {"request_ids": list(acts)})}
    return [replace(one, used=request_id in used) for request_id, one in acts.items()]


def signing_key(conn: Connection) -> bytes:
    """What our messages' links and references are signed with."""
    row = conn.execute(KEY).fetchone()
    assert row
    assert isinstance(row[0], bytes)
    return row[0]


def _request_id(notification_id: int, *, key: bytes) -> UUID:
    """The same for each press, whichever link led to it, so that its act is one; nobody else can have chosen it."""
    token = one_tap.token(notification_id, key=key)
    return UUID(bytes=hmac.digest(key, f"act {token}".encode(), hashlib.sha256)[:16])


def _words(request: Request, told: Sequence[Told]) -> Words:
    return Words(language=told[0].language if told else preferred(request.headers.get("accept-language", "")))


def _page(request: Request, told: Told | None, token: str, state: State) -> Response:
    content: dict[str, object] = {"user": None, "here": "", "told": told, "token": token, "state": state}
    words = _words(request, [told] if told else [])
    return pages.answer("one_tap.html", words=words, content=content, status=STATUS.get(state, 200))
