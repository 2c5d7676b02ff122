"""What does the link in a message do? It shows one button; that takes the alert, once, without a sign-in.

A mail scanner opens links, but presses no button. Whoever holds the message learns number and severity, no more.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg.rows import class_row
from starlette.responses import Response

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
SELECT notification.event_id AS number, event.severity, notification.episode_id, notification.user_id,
       notification.created_at, app_user.language, episode.state,
       EXISTS (SELECT FROM acknowledgement WHERE request_id = %(request_id)s) AS used
FROM notification JOIN episode_event AS event USING (event_id) JOIN app_user USING (user_id)
JOIN episode ON episode.episode_id = notification.episode_id
WHERE notification_id = %(notification_id)s AND disabled_at IS NULL
"""
State = Literal["wrong", "expired", "used", "closed", "taken", "open", "done"]
STATUS: dict[State, int] = {"wrong": 404, "expired": 410, "used": 410, "closed": 410}


@dataclass(frozen=True, kw_only=True)
class Told:
    """The notification in whose message the link stood."""

    number: int
    severity: Severity
    episode_id: int
    user_id: int
    created_at: datetime
    language: Language
    state: str
    used: bool

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
    told = _told(conn, token)
    return _page(request, told, token, told.now(now) if told else "wrong")


@router.post("/t/{token}")
def take(token: str, request: Request, conn: Transaction, now: Now) -> Response:
    """The button was pressed: the alert is its recipient's."""
    told = _told(conn, token)
    state = told.now(now) if told else "wrong"
    if told is None or state not in ("open", "taken"):
        return _page(request, told, token, state)
    act = episodes.Act(
        request_id=_request_id(conn, token), episode_id=told.episode_id, action="take", outcome=None, note="",
        author=told.user_id, at=now, until=now + episodes.FORGOTTEN,
    )  # fmt: skip
    return _page(request, told, token, "done" if episodes.do(conn, act) else "closed")


def _told(conn: Connection, token: str) -> Told | None:
    notification_id = one_tap.read(token, key=signing_key(conn))
    if notification_id is None:
        return None
    wanted = {"notification_id": notification_id, "request_id": _request_id(conn, token)}
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(TOLD, wanted).fetchone()


def signing_key(conn: Connection) -> bytes:
    """What our messages' links and references are signed with."""
    row = conn.execute(KEY).fetchone()
    assert row
    assert isinstance(row[0], bytes)
    return row[0]


def _request_id(conn: Connection, token: str) -> UUID:
    """The same for each press of the same link, so that its act is one; nobody else can have chosen it before."""
    return UUID(bytes=hmac.digest(signing_key(conn), f"act {token}".encode(), hashlib.sha256)[:16])


def _page(request: Request, told: Told | None, token: str, state: State) -> Response:
    language = told.language if told else preferred(request.headers.get("accept-language", ""))
    content: dict[str, object] = {"user": None, "here": "", "told": told, "token": token, "state": state}
    return pages.answer("one_tap.html", words=Words(language=language), content=content, status=STATUS.get(state, 200))
