"""Which notifications wait to be sent? Leased rows: sent after a commit, marked after that; the caller owns both.

A kill between sending and marking costs a repeat once the lease has run out, never a loss. What is due to one person at
once goes in one message; after a message the next one waits 2 minutes, unless it is an alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg.rows import class_row

from alerts.messages import Language
from schemas.alert import Severity
from schemas.database import Connection

BUNDLED = timedelta(minutes=2)

# Whoever closed it knows of it. What is being sent at that moment arrives; its page then says that it is closed.
WITHDRAW: LiteralString = """
UPDATE notification SET withdrawn_at = %(now)s
FROM (SELECT waiting.notification_id FROM notification AS waiting JOIN episode USING (episode_id)
      WHERE delivered_at IS NULL AND withdrawn_at IS NULL AND closed_at IS NOT NULL
        AND coalesce(leased_until, '-infinity') <= %(now)s
      LIMIT 1000 FOR UPDATE OF waiting SKIP LOCKED) AS needless
WHERE notification.notification_id = needless.notification_id
"""
# What a clock that ran ahead wrote, known by lying further ahead than anything waits; only quiet hours last longer.
# What is being sent is left to its sender for one more lease.
SET_RIGHT: LiteralString = """
UPDATE notification SET
    due_at = CASE WHEN leased_until > %(now)s THEN %(released)s ELSE %(now)s END,
    leased_until = CASE WHEN leased_until > %(now)s THEN %(released)s ELSE leased_until END,
    channel_since = least(channel_since, %(now)s)
WHERE delivered_at IS NULL AND withdrawn_at IS NULL AND (
    channel_since > %(ahead)s OR leased_until > %(ahead)s
    OR due_at > %(ahead)s AND (channel_id IS NOT NULL OR due_at = created_at OR due_at > %(now)s + interval '26 hours'))
"""
DUE_CHANNELS: LiteralString = """
SELECT DISTINCT channel_id, url FROM notification JOIN usable_channel USING (channel_id)
WHERE delivered_at IS NULL AND withdrawn_at IS NULL AND due_at <= %(now)s
"""
# The channel's own row is locked while its notifications are leased, so that two lanes make no two messages of one.
CHANNEL: LiteralString = """
SELECT state.channel_id FROM channel_state AS state JOIN (
    SELECT channel_id, min(due_at) AS since
    FROM notification AS waiting JOIN episode_event AS event USING (event_id)
    LEFT JOIN delivery_preference AS preferred ON preferred.user_id = waiting.user_id
    WHERE delivered_at IS NULL AND withdrawn_at IS NULL AND due_at <= %(now)s AND channel_id = ANY(%(channel_ids)s)
      AND (severity = 'alarm' OR bundle IS FALSE OR NOT EXISTS (
          SELECT FROM notification AS sent WHERE sent.user_id = waiting.user_id
            AND sent.delivered_at > %(bundled_since)s AND sent.delivered_at <= %(now)s))
    GROUP BY channel_id
) AS due USING (channel_id)
ORDER BY since LIMIT 1 FOR UPDATE OF state SKIP LOCKED
"""
LEASE: LiteralString = """
WITH preferred AS (
    SELECT coalesce((SELECT bundle FROM delivery_preference JOIN channel USING (user_id)
                     WHERE channel_id = %(channel_id)s), true) AS bundle
), due AS (
    SELECT notification_id FROM notification AS waiting
    WHERE delivered_at IS NULL AND withdrawn_at IS NULL AND due_at <= %(now)s AND channel_id = %(channel_id)s
      AND NOT EXISTS (SELECT FROM episode WHERE episode.episode_id = waiting.episode_id AND closed_at IS NOT NULL)
      AND NOT ((SELECT bundle FROM preferred) AND EXISTS (
          SELECT FROM notification AS sending WHERE sending.channel_id = %(channel_id)s
            AND sending.delivered_at IS NULL AND sending.leased_until > %(now)s)
          AND NOT EXISTS (SELECT FROM episode_event AS event
                          WHERE event.event_id = waiting.event_id AND severity = 'alarm'))
    ORDER BY due_at, notification_id
    LIMIT (SELECT CASE WHEN bundle THEN 50 ELSE 1 END FROM preferred)
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE notification SET due_at = %(until)s, leased_until = %(until)s, attempts = attempts + 1
    FROM due WHERE notification.notification_id = due.notification_id
    RETURNING notification.*
)
SELECT leased.notification_id, leased.episode_id, leased.event_id AS number, leased.attempts, leased.channel_id,
       leased.channel_since, leased.created_at, leased.failed_at, event.severity, channel.url, app_user.language
FROM leased
JOIN episode_event AS event ON event.event_id = leased.event_id
JOIN channel ON channel.channel_id = leased.channel_id
JOIN app_user ON app_user.user_id = leased.user_id
ORDER BY leased.notification_id
"""
DELIVERED: LiteralString = """
UPDATE notification SET delivered_at = %(now)s, leased_until = NULL, channel_id = %(channel_id)s
WHERE notification_id = ANY(%(notification_ids)s) AND delivered_at IS NULL
"""
# Only while the lease is ours: after it, others may have been sending for long.
AGAIN: LiteralString = """
UPDATE notification SET due_at = again.due_at, leased_until = NULL,
                        channel_since = channel_since - CASE WHEN %(permanent)s THEN interval '1 day' ELSE '0' END
FROM unnest(%(notification_ids)s::bigint[], %(attempts)s::int[], %(due)s::timestamptz[])
     AS again (notification_id, attempts, due_at)
WHERE notification.notification_id = again.notification_id AND notification.attempts = again.attempts
  AND delivered_at IS NULL
"""
RECORD_ATTEMPT: LiteralString = """
INSERT INTO delivery_attempt (notification_id, at, ok, detail, channel_id)
SELECT notification_id, %(now)s, %(ok)s, %(detail)s, %(channel_id)s
FROM unnest(%(notification_ids)s::bigint[]) AS of (notification_id)
"""
SIGNING_KEY: LiteralString = "SELECT key FROM signing_key"


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A notification that is ours until its lease runs out. `number` is the alert's, the same at each attempt."""

    notification_id: int
    episode_id: int
    number: int
    attempts: int
    channel_id: int
    channel_since: datetime
    created_at: datetime
    failed_at: datetime | None
    severity: Severity
    url: str
    language: Language

    def __repr__(self) -> str:
        return f"Leased(notification_id={self.notification_id})"


def withdraw(conn: Connection, *, now: datetime) -> int:
    """How many were still to be sent though their episode has been closed: they are not, and say since when."""
    return conn.execute(WITHDRAW, {"now": now}).rowcount


def set_right(conn: Connection, *, now: datetime, lease: timedelta, longest: timedelta) -> int:
    """How many were to wait longer than `longest`, since the clock was set back: they are due now."""
    return conn.execute(SET_RIGHT, {"now": now, "released": now + lease, "ahead": now + longest}).rowcount


def due_channels(conn: Connection, *, now: datetime) -> dict[int, str]:
    """The channels on which something is due, and their addresses, which are secrets."""
    rows = conn.execute(DUE_CHANNELS, {"now": now}).fetchall()
    return {int(str(channel_id)): str(url) for channel_id, url in rows}


def lease(conn: Connection, *, channel_ids: Sequence[int], now: datetime, until: datetime) -> list[Leased]:
    """One message's notifications on one of these channels, ours until `until` once the caller has committed."""
    wanted = {"channel_ids": list(channel_ids), "now": now, "until": until, "bundled_since": now - BUNDLED}
    if (row := conn.execute(CHANNEL, wanted).fetchone()) is None:
        return []
    with conn.cursor(row_factory=class_row(Leased)) as cursor:
        return cursor.execute(LEASE, wanted | {"channel_id": row[0]}).fetchall()


def delivered(conn: Connection, leased: Sequence[Leased], *, now: datetime, detail: str) -> None:
    """The gateway took the message, also if the lease was another's by then."""
    values = _values(leased, now=now, detail=detail) | {"ok": True}
    conn.execute(DELIVERED, values)
    conn.execute(RECORD_ATTEMPT, values)


def failed(
    conn: Connection, leased: Sequence[Leased], *, now: datetime, due: Sequence[datetime], detail: str, permanent: bool
) -> None:
    """Record the attempt; each is made again at its `due`, after a permanent failure on the next channel."""
    values = _values(leased, now=now, detail=detail) | {"ok": False, "due": list(due), "permanent": permanent}
    conn.execute(AGAIN, values)
    conn.execute(RECORD_ATTEMPT, values)


def signing_key(conn: Connection) -> bytes:
    row = conn.execute(SIGNING_KEY).fetchone()
    assert row
    assert isinstance(row[0], bytes)
    return row[0]


def _values(leased: Sequence[Leased], *, now: datetime, detail: str) -> dict[str, object]:
    return {
        "notification_ids": [one.notification_id for one in leased],
        "attempts": [one.attempts for one in leased],
        "channel_id": leased[0].channel_id,
        "now": now,
        "detail": detail,
    }
