"""How do I want to be told? My channels in their order, my quiet hours, bundles and the daily count.

An address is a secret: the page shows its kind and its end. Times of codes are the machine's, as those of sessions.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, time
from typing import Literal, LiteralString
from urllib.parse import parse_qs, urlsplit

from psycopg.rows import class_row

from schemas.database import Connection

MOST = 6
A_HOUR = 5
"""Tests and codes of one channel in an hour: an SMS costs money."""
TRIES = 5

MINE: LiteralString = """
SELECT channel.channel_id, url, quiet_from, quiet_until, verified_at, state.delivered_at,
       coalesce(state.disabled_at >= renewed_at, false) AS disabled, coalesce(problem, '') AS problem,
       CASE WHEN asked.request_id IS NULL THEN NULL WHEN told.delivered_at IS NOT NULL THEN 'sent'
            WHEN told.given_up_at IS NOT NULL THEN 'failed' ELSE 'waiting' END AS asked
FROM channel LEFT JOIN channel_state AS state USING (channel_id)
LEFT JOIN LATERAL (SELECT request_id FROM channel_request WHERE channel_request.channel_id = channel.channel_id
                     AND at > now() - interval '15 minutes' ORDER BY request_id DESC LIMIT 1) AS asked ON true
LEFT JOIN plain_notice AS told ON told.channel_id = channel.channel_id AND told.about = asked.request_id::text
WHERE channel.user_id = %(user_id)s AND removed_at IS NULL ORDER BY position, channel.channel_id
"""
ADD: LiteralString = """
INSERT INTO channel (user_id, url, position, quiet_from, quiet_until, created_at, renewed_at)
SELECT %(user_id)s, %(url)s, coalesce(max(position), 0) + 1, %(quiet_from)s, %(quiet_until)s, %(now)s, %(now)s
FROM channel WHERE user_id = %(user_id)s AND removed_at IS NULL HAVING count(*) < %(most)s
RETURNING channel_id
"""
REMOVE: LiteralString = """
UPDATE channel SET removed_at = %(now)s
WHERE channel_id = %(channel_id)s AND user_id = %(user_id)s AND removed_at IS NULL
"""
FIRST: LiteralString = """
UPDATE channel SET position = (SELECT min(position) - 1 FROM channel AS mine WHERE mine.user_id = %(user_id)s)
WHERE channel_id = %(channel_id)s AND user_id = %(user_id)s AND removed_at IS NULL
"""
RENEW: LiteralString = """
UPDATE channel SET renewed_at = %(now)s
WHERE channel_id = %(channel_id)s AND user_id = %(user_id)s AND removed_at IS NULL
"""
ASK: LiteralString = """
INSERT INTO channel_request (channel_id, code, at)
SELECT channel_id, %(code)s, now() FROM channel
WHERE channel_id = %(channel_id)s AND user_id = %(user_id)s AND removed_at IS NULL
  AND (SELECT count(*) FROM channel_request AS before
       WHERE before.channel_id = channel.channel_id AND at > now() - interval '1 hour') < %(a_hour)s
RETURNING request_id
"""
TRY_CODE: LiteralString = """
UPDATE channel_request SET tries = tries + 1 FROM channel
WHERE channel.channel_id = channel_request.channel_id AND user_id = %(user_id)s AND removed_at IS NULL
  AND request_id = (SELECT max(request_id) FROM channel_request AS newest
                    WHERE newest.channel_id = %(channel_id)s AND code IS NOT NULL)
  AND at > now() - interval '15 minutes' AND tries < %(tries)s
RETURNING code
"""
VERIFY: LiteralString = """
UPDATE channel SET verified_at = %(now)s, renewed_at = %(now)s
WHERE channel_id = %(channel_id)s AND user_id = %(user_id)s
"""
PREFERENCE: LiteralString = "SELECT bundle, digest_at FROM delivery_preference WHERE user_id = %(user_id)s"
PREFER: LiteralString = """
INSERT INTO delivery_preference (user_id, bundle, digest_at) VALUES (%(user_id)s, %(bundle)s, %(digest_at)s)
ON CONFLICT (user_id) DO UPDATE SET bundle = excluded.bundle, digest_at = excluded.digest_at
"""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One of a person's channels, in its order; `asked`: what became of the last test or code."""

    channel_id: int
    url: str
    quiet_from: time | None
    quiet_until: time | None
    verified_at: datetime | None
    delivered_at: datetime | None
    disabled: bool
    problem: str
    asked: Literal["sent", "failed", "waiting"] | None

    def __repr__(self) -> str:
        return f"Channel(channel_id={self.channel_id})"

    @property
    def shown(self) -> str:
        return masked(self.url)


@dataclass(frozen=True, kw_only=True)
class Preference:
    bundle: bool = True
    digest_at: time | None = None


def masked(url: str) -> str:
    """The kind of an address, and as much of its end as its owner needs to know it again."""
    parts = urlsplit(url)
    recipient = parse_qs(parts.query).get("to", [""])[0]
    _, at, domain = recipient.rpartition("@")
    tail = f"@{domain}" if at else (parts.path or parts.netloc).rstrip("/")[-2:]
    return f"{parts.scheme}://…{tail}"


def mine(conn: Connection, user_id: int) -> list[Channel]:
    with conn.cursor(row_factory=class_row(Channel)) as cursor:
        return cursor.execute(MINE, {"user_id": user_id}).fetchall()


def add(conn: Connection, user_id: int, url: str, *, quiet: tuple[time, time] | None, now: datetime) -> int | None:
    """A channel after the others, still to be verified; None if there are too many."""
    quiet_from, quiet_until = quiet or (None, None)
    values = {"user_id": user_id, "url": url, "quiet_from": quiet_from, "quiet_until": quiet_until}
    row = conn.execute(ADD, values | {"now": now, "most": MOST}).fetchone()
    return int(str(row[0])) if row else None


def change(
    conn: Connection, user_id: int, channel_id: int, *, to: Literal["removed", "first", "renewed"], now: datetime
) -> bool:
    """Whether it is theirs."""
    statement = {"removed": REMOVE, "first": FIRST, "renewed": RENEW}[to]
    return conn.execute(statement, {"user_id": user_id, "channel_id": channel_id, "now": now}).rowcount == 1


def ask(conn: Connection, user_id: int, channel_id: int, *, for_code: bool) -> bool:
    """Have a test or a code sent; False if too many were, or it is not theirs."""
    code = f"{secrets.randbelow(10**6):06d}" if for_code else None
    wanted = {"user_id": user_id, "channel_id": channel_id, "code": code, "a_hour": A_HOUR}
    return conn.execute(ASK, wanted).fetchone() is not None


def verify(conn: Connection, user_id: int, channel_id: int, code: str, *, now: datetime) -> bool:
    """Whether that was the code; five tries, a quarter of an hour."""
    values = {"user_id": user_id, "channel_id": channel_id, "tries": TRIES, "now": now}
    row = conn.execute(TRY_CODE, values).fetchone()
    if row is None or not secrets.compare_digest(str(row[0]).encode(), code.strip().encode()):
        return False
    conn.execute(VERIFY, values)
    return True


def preference(conn: Connection, user_id: int) -> Preference:
    with conn.cursor(row_factory=class_row(Preference)) as cursor:
        return cursor.execute(PREFERENCE, {"user_id": user_id}).fetchone() or Preference()


def prefer(conn: Connection, user_id: int, wish: Preference) -> None:
    conn.execute(PREFER, {"user_id": user_id, **vars(wish)})
