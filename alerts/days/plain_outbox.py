"""Which plain notices wait to be sent? Leased rows: sent after a commit, marked after that; the caller owns both."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from alerts.days.texts import OutageKind
from alerts.messages import Language
from schemas.database import Connection

LEASE: LiteralString = """
WITH due AS (
    SELECT notice_id FROM plain_notice WHERE delivered_at IS NULL AND due_at <= %(now)s
    ORDER BY due_at, notice_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE plain_notice SET due_at = %(until)s, attempts = attempts + 1
    FROM due WHERE plain_notice.notice_id = due.notice_id RETURNING plain_notice.*
)
SELECT notice_id, kind, attempts, outage_id, patients, app_user.notify_url, app_user.language
FROM leased JOIN service_outage USING (outage_id) JOIN app_user USING (user_id)
WHERE disabled_at IS NULL AND notify_url IS NOT NULL ORDER BY notice_id
"""
DELIVERED: LiteralString = "UPDATE plain_notice SET delivered_at = %(now)s WHERE notice_id = %(notice_id)s"
AGAIN: LiteralString = """
UPDATE plain_notice SET due_at = %(due_at)s WHERE notice_id = %(notice_id)s AND delivered_at IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A notice that is ours until its lease runs out."""

    notice_id: int
    kind: OutageKind
    attempts: int
    outage_id: int
    patients: int
    notify_url: str
    language: Language

    def __repr__(self) -> str:
        return f"Leased(notice_id={self.notice_id})"


def lease(conn: Connection, *, now: datetime, until: datetime, limit: int) -> list[Leased]:
    """What is due, ours until `until` once the caller has committed."""
    with conn.cursor(row_factory=class_row(Leased)) as cursor:
        return cursor.execute(LEASE, {"now": now, "until": until, "limit": limit}).fetchall()


def delivered(conn: Connection, leased: Leased, *, now: datetime) -> None:
    conn.execute(DELIVERED, {"notice_id": leased.notice_id, "now": now})


def failed(conn: Connection, leased: Leased, *, due_at: datetime) -> None:
    """It is tried again at `due_at`."""
    conn.execute(AGAIN, {"notice_id": leased.notice_id, "due_at": due_at})
