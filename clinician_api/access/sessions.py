"""Who is at this browser? Sessions kept in the database, so that signing out ends them everywhere.

Their times are the machine's: a clock that runs fast in a demo must not sign people out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, LiteralString

from psycopg.rows import class_row

from clinician_api.language import Language
from schemas.database import Connection

IDLE = timedelta(minutes=60)  # a clinic: a call to a patient takes its time
ABSOLUTE = timedelta(hours=12)  # one shift
LIMITS = {"idle": IDLE, "absolute": ABSOLUTE}


@dataclass(frozen=True, kw_only=True)
class User:
    """A signed-in clinician."""

    user_id: int
    email: str
    display_name: str
    role: Literal["nurse", "cardiologist"]
    language: Language
    csrf_token: str
    seems_away: bool = False
    """Whether nothing was asked for in the last minute, as far as the session's row tells."""


START: LiteralString = """
INSERT INTO web_session (token_sha256, user_id, csrf_token, created_at, last_seen_at)
VALUES (%(digest)s, %(user_id)s, %(csrf_token)s, now(), now())
"""
SWEEP: LiteralString = """
DELETE FROM web_session WHERE created_at < now() - %(absolute)s OR last_seen_at < now() - %(idle)s
"""


def start(conn: Connection, user_id: int) -> str:
    """A new session's token, for the cookie; only its hash is stored. Dead sessions are swept."""
    token = secrets.token_urlsafe(32)
    conn.execute(SWEEP, LIMITS)
    conn.execute(START, {"digest": _digest(token), "user_id": user_id, "csrf_token": secrets.token_urlsafe(32)})
    return token


FIND: LiteralString = """
SELECT u.user_id, u.email, u.display_name, u.role, u.language, s.csrf_token,
       s.last_seen_at < now() - interval '1 minute' AS seems_away
FROM web_session AS s JOIN app_user AS u USING (user_id)
WHERE s.token_sha256 = %(digest)s AND u.disabled_at IS NULL
  AND s.created_at > now() - %(absolute)s AND s.last_seen_at > now() - %(idle)s
"""
TOUCH: LiteralString = "UPDATE web_session SET last_seen_at = now() WHERE token_sha256 = %(digest)s"


def find(conn: Connection, token: str) -> User | None:
    """Whose session this is, if it lives; looking does not keep it alive."""
    with conn.cursor(row_factory=class_row(User)) as cursor:
        return cursor.execute(FIND, {"digest": _digest(token)} | LIMITS).fetchone()


def touch(conn: Connection, token: str) -> None:
    """Somebody is there: the idle time starts again."""
    conn.execute(TOUCH, {"digest": _digest(token)})


END: LiteralString = "DELETE FROM web_session WHERE token_sha256 = %(digest)s"


def end(conn: Connection, token: str) -> None:
    """Sign out."""
    conn.execute(END, {"digest": _digest(token)})


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
