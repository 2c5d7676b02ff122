"""Which notifications wait to be sent? Leased rows: sent after a commit, marked after that; the caller owns both.

A kill between sending and marking costs a repeat once the lease has run out, never a loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from alerts.messages import Language
from schemas.alert import Severity
from schemas.database import Connection

CHANNELS: LiteralString = """
SELECT user_id, notify_url FROM app_user WHERE disabled_at IS NULL AND notify_url IS NOT NULL
"""
LEASE: LiteralString = """
WITH due AS (
    SELECT notification_id FROM notification
    WHERE delivered_at IS NULL AND due_at <= %(now)s AND user_id = ANY(%(user_ids)s)
    ORDER BY due_at, notification_id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE notification SET due_at = %(until)s, attempts = attempts + 1
    FROM due WHERE notification.notification_id = due.notification_id
    RETURNING notification.*
)
SELECT leased.notification_id, leased.episode_id, leased.event_id AS number, leased.attempts, leased.user_id,
       event.severity, app_user.notify_url, app_user.language
FROM leased
JOIN episode_event AS event ON event.event_id = leased.event_id
JOIN app_user ON app_user.user_id = leased.user_id
ORDER BY leased.notification_id
"""
DELIVERED: LiteralString = "UPDATE notification SET delivered_at = %(now)s WHERE notification_id = %(notification_id)s"
AGAIN: LiteralString = """
UPDATE notification SET due_at = %(due_at)s WHERE notification_id = %(notification_id)s AND delivered_at IS NULL
"""
RECORD_ATTEMPT: LiteralString = """
INSERT INTO delivery_attempt (notification_id, at, ok, detail)
VALUES (%(notification_id)s, %(now)s, %(ok)s, %(detail)s)
"""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A clinician's apprise address; a secret, kept out of repr and logs."""

    user_id: int
    notify_url: str

    def __repr__(self) -> str:
        return f"Channel(user_id={self.user_id})"


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A notification that is ours until its lease runs out. `number` is the alert's, the same at each attempt."""

    notification_id: int
    episode_id: int
    number: int
    attempts: int
    user_id: int
    severity: Severity
    notify_url: str
    language: Language

    def __repr__(self) -> str:
        return f"Leased(notification_id={self.notification_id})"


def channels(conn: Connection) -> list[Channel]:
    """The addresses of everyone who can be told something."""
    with conn.cursor(row_factory=class_row(Channel)) as cursor:
        return cursor.execute(CHANNELS).fetchall()


def lease(conn: Connection, *, user_ids: Sequence[int], now: datetime, until: datetime, limit: int) -> list[Leased]:
    """Notifications due to these users, ours until `until` once the caller has committed."""
    wanted = {"user_ids": list(user_ids), "now": now, "until": until, "limit": limit}
    with conn.cursor(row_factory=class_row(Leased)) as cursor:
        return cursor.execute(LEASE, wanted).fetchall()


def delivered(conn: Connection, leased: Leased, *, now: datetime, detail: str) -> None:
    values = {"notification_id": leased.notification_id, "now": now, "ok": True, "detail": detail}
    conn.execute(DELIVERED, values)
    conn.execute(RECORD_ATTEMPT, values)


def failed(conn: Connection, leased: Leased, *, now: datetime, due_at: datetime, detail: str) -> None:
    """Record the attempt; it is made again at `due_at`."""
    values = {"notification_id": leased.notification_id, "now": now, "due_at": due_at, "ok": False, "detail": detail}
    conn.execute(AGAIN, values)
    conn.execute(RECORD_ATTEMPT, values)
