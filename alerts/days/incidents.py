"""Who is told of an outage of ours? The nurses, once when it has lasted and once when it is over; never per patient."""

from datetime import datetime, timedelta
from typing import LiteralString

from schemas.database import Connection

TOLD_AFTER = timedelta(minutes=10)

ANNOUNCE: LiteralString = """
WITH grave AS (
    UPDATE service_outage SET announced_at = %(now)s
    WHERE announced_at IS NULL AND coalesce(until_at, %(now)s) - from_at >= %(told_after)s
      AND from_at > %(now)s - interval '7 days'
    RETURNING outage_id, patients
)
INSERT INTO plain_notice (kind, about, outage_id, user_id, created_at, due_at, facts)
SELECT 'outage_began', outage_id::text, outage_id, user_id, %(now)s, %(now)s,
       jsonb_build_object('outage', outage_id, 'patients', patients)
FROM grave, app_user WHERE role = 'nurse' AND user_id IN (SELECT user_id FROM usable_channel)
ON CONFLICT DO NOTHING
"""
ANNOUNCE_END: LiteralString = """
INSERT INTO plain_notice (kind, about, outage_id, user_id, created_at, due_at, facts)
SELECT 'outage_ended', outage_id::text, outage_id, user_id, %(now)s, %(now)s, facts
FROM plain_notice AS told JOIN service_outage AS outage USING (outage_id)
WHERE told.kind = 'outage_began' AND outage.until_at < %(now)s - interval '10 minutes'
  AND outage.until_at > %(now)s - interval '7 days'
ON CONFLICT DO NOTHING
"""


def announce(conn: Connection, *, now: datetime) -> None:
    """Write what is to be told now: that one began 10 minutes ago, that one has been over for 10."""
    conn.execute(ANNOUNCE, {"now": now, "told_after": TOLD_AFTER})
    conn.execute(ANNOUNCE_END, {"now": now})
