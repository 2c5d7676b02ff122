"""Does a channel work? What its gateway said, and the end of one that refuses for good."""

from datetime import datetime
from typing import LiteralString

from alerts.delivery.notify import DeliveryError, UselessAddressError
from schemas.database import Connection

REFUSALS = 3
"""For good, in a row: one may be a provider's bad hour."""

WORKED: LiteralString = """
INSERT INTO channel_state (channel_id, delivered_at) VALUES (%(channel_id)s, %(now)s)
ON CONFLICT (channel_id) DO UPDATE SET delivered_at = excluded.delivered_at, refusals = 0, problem = ''
"""
FAILED: LiteralString = """
INSERT INTO channel_state AS known (channel_id, refusals, problem)
VALUES (%(channel_id)s, %(refused)s, %(problem)s)
ON CONFLICT (channel_id) DO UPDATE SET refusals = known.refusals + excluded.refusals, problem = excluded.problem
RETURNING refusals
"""
DISABLE: LiteralString = """
UPDATE channel_state SET disabled_at = %(now)s, refusals = 0
FROM channel WHERE channel.channel_id = channel_state.channel_id AND channel_state.channel_id = %(channel_id)s
  AND (disabled_at IS NULL OR disabled_at < renewed_at)
RETURNING user_id, split_part(url, ':', 1)
"""
# Its owner by another channel; operations, whoever that is here, by theirs.
TELL: LiteralString = """
INSERT INTO plain_notice (kind, about, user_id, duty, created_at, due_at, facts)
SELECT 'channel_disabled', %(about)s, user_id, duty, %(now)s, %(now)s,
       jsonb_build_object('channel', %(channel_id)s::bigint, 'scheme', %(scheme)s::text)
FROM (SELECT %(user_id)s::bigint AS user_id, NULL AS duty UNION ALL
      SELECT user_id, duty FROM told_of WHERE told_of.of = 'operations') AS told
ON CONFLICT DO NOTHING
"""


def worked(conn: Connection, channel_id: int, *, now: datetime) -> None:
    conn.execute(WORKED, {"channel_id": channel_id, "now": now})


def failed(conn: Connection, channel_id: int, error: DeliveryError, *, now: datetime) -> bool:
    """Remember the failure; whether the channel has just been disabled, and its owner and operations will be told."""
    values = {"channel_id": channel_id, "now": now, "problem": str(error), "refused": int(error.permanent)}
    row = conn.execute(FAILED, values).fetchone()
    assert row
    useless = isinstance(error, UselessAddressError)
    if not error.permanent or not (useless or int(str(row[0])) >= REFUSALS):
        return False
    disabled = conn.execute(DISABLE, values).fetchone()
    if disabled is not None:
        about = f"{channel_id} at {now.isoformat()}"
        conn.execute(TELL, values | {"about": about, "user_id": disabled[0], "scheme": disabled[1]})
    return disabled is not None
