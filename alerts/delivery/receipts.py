"""Did what a gateway took arrive after all? If it says no, the message's notifications go on to the next channel."""

from datetime import datetime
from typing import LiteralString

from schemas.database import Connection

# A receipt may be faster than the answer it belongs to. Each counts once: its number stands in the attempts.
UNDELIVER: LiteralString = """
WITH refused AS (
    SELECT receipt_id, sent.user_id, sent.channel_id, sent.delivered_at
    FROM delivery_receipt AS receipt JOIN notification AS sent USING (notification_id)
    JOIN episode USING (episode_id)
    WHERE closed_at IS NULL AND status = 'failed' AND receipt.at > %(now)s - interval '3 days'
      AND sent.delivered_at < receipt.at + interval '5 minutes'
      AND NOT EXISTS (SELECT FROM delivery_attempt AS told WHERE told.notification_id = sent.notification_id
                        AND detail = 'did not arrive: receipt ' || receipt_id)
), again AS (
    UPDATE notification SET delivered_at = NULL, due_at = %(now)s + interval '5 minutes',
                            channel_since = channel_since - interval '1 day'
    FROM refused WHERE notification.user_id = refused.user_id AND notification.channel_id = refused.channel_id
      AND notification.delivered_at = refused.delivered_at
    RETURNING notification_id, receipt_id, notification.channel_id
)
INSERT INTO delivery_attempt (notification_id, at, ok, detail, channel_id)
SELECT notification_id, %(now)s, false, 'did not arrive: receipt ' || receipt_id, channel_id FROM again
"""


def heed(conn: Connection, *, now: datetime) -> int:
    """How many notifications are to be sent again."""
    return conn.execute(UNDELIVER, {"now": now}).rowcount
