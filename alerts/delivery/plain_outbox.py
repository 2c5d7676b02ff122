"""Which plain notices wait to be sent, and where? Leased rows like the notifications'; the caller owns transactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import class_row

from alerts.delivery.plain_texts import Kind
from alerts.messages import Language
from schemas.database import Connection

STALE = timedelta(days=7)

# A person's next channel at each attempt; one that is to be tested or verified is taken as it is. A patient who has
# weighed meanwhile is reminded no more. What lies further ahead than anything waits, a clock that ran ahead wrote.
DUE: LiteralString = """
SELECT notice_id, address.url FROM plain_notice AS notice CROSS JOIN LATERAL (
    SELECT url FROM channel WHERE channel.channel_id = notice.channel_id AND removed_at IS NULL
    UNION ALL
    SELECT url FROM contact WHERE contact.duty = notice.duty
    UNION ALL
    SELECT url FROM patient_reminder AS agreed JOIN patient USING (patient_id)
    WHERE agreed.patient_id = notice.patient_id AND NOT EXISTS (
        SELECT FROM latest_reading AS latest WHERE latest.patient_id = agreed.patient_id
          AND (latest.measured_at AT TIME ZONE time_zone)::date >= notice.about::date)
    UNION ALL
    (SELECT url FROM usable_channel AS mine WHERE notice.channel_id IS NULL AND mine.user_id = notice.user_id
     ORDER BY position, channel_id LIMIT 1 OFFSET notice.attempts %% greatest(1, (
         SELECT count(*) FROM usable_channel AS counted WHERE counted.user_id = notice.user_id)))
) AS address
WHERE delivered_at IS NULL AND given_up_at IS NULL AND (due_at <= %(now)s OR due_at > %(ahead)s)
  AND created_at > %(stale)s
ORDER BY due_at, notice_id LIMIT 5000
"""
LEASE: LiteralString = """
WITH due AS (
    SELECT notice_id FROM plain_notice
    WHERE notice_id = ANY(%(notice_ids)s) AND delivered_at IS NULL AND given_up_at IS NULL
      AND (due_at <= %(now)s OR due_at > %(ahead)s)
    ORDER BY due_at, notice_id LIMIT 1 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE plain_notice SET due_at = %(until)s, attempts = attempts + 1
    FROM due WHERE plain_notice.notice_id = due.notice_id RETURNING plain_notice.*
)
SELECT notice_id, kind, attempts, facts, leased.created_at, leased.channel_id,
       coalesce(app_user.language, contact.language, agreed.language) AS language
FROM leased LEFT JOIN contact USING (duty) LEFT JOIN channel USING (channel_id)
LEFT JOIN patient_reminder AS agreed USING (patient_id)
LEFT JOIN app_user ON app_user.user_id = coalesce(leased.user_id, channel.user_id)
"""
DELIVERED: LiteralString = "UPDATE plain_notice SET delivered_at = %(now)s WHERE notice_id = %(notice_id)s"
AGAIN: LiteralString = """
UPDATE plain_notice SET due_at = %(due_at)s
WHERE notice_id = %(notice_id)s AND attempts = %(attempts)s AND delivered_at IS NULL
"""
GIVE_UP: LiteralString = "UPDATE plain_notice SET given_up_at = %(now)s WHERE notice_id = %(notice_id)s"


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A notice that is ours until its lease runs out."""

    notice_id: int
    kind: Kind
    attempts: int
    facts: dict[str, Any]
    created_at: datetime
    channel_id: int | None
    language: Language

    def __repr__(self) -> str:
        return f"Leased(notice_id={self.notice_id})"


def due(conn: Connection, *, now: datetime, longest: timedelta) -> dict[int, str]:
    """What is due, and the addresses, which are secrets; nothing waits as long as `longest`."""
    rows = conn.execute(DUE, {"now": now, "stale": now - STALE, "ahead": now + longest}).fetchall()
    return {int(str(notice_id)): str(url) for notice_id, url in rows}


def lease(
    conn: Connection, *, notice_ids: Sequence[int], now: datetime, until: datetime, longest: timedelta
) -> Leased | None:
    """One of these that is still due, ours until `until` once the caller has committed."""
    wanted = {"notice_ids": list(notice_ids), "now": now, "until": until, "ahead": now + longest}
    with conn.cursor(row_factory=class_row(Leased)) as cursor:
        return cursor.execute(LEASE, wanted).fetchone()


def delivered(conn: Connection, leased: Leased, *, now: datetime) -> None:
    conn.execute(DELIVERED, {"notice_id": leased.notice_id, "now": now})


def failed(conn: Connection, leased: Leased, *, due_at: datetime) -> None:
    """It is tried again at `due_at`."""
    conn.execute(AGAIN, {"notice_id": leased.notice_id, "attempts": leased.attempts, "due_at": due_at})


def give_up(conn: Connection, leased: Leased, *, now: datetime) -> None:
    """What helps nobody later: a test, a code."""
    conn.execute(GIVE_UP, {"notice_id": leased.notice_id, "now": now})
