"""On which of a person's channels is a notification tried? The first that is awake, then the next, then nobody's.

One statement a second over what is stuck: a hung gateway need not answer before the next one is tried.
"""

from datetime import datetime, timedelta
from typing import LiteralString

from schemas.database import Connection

LOOK_AGAIN = timedelta(minutes=15)
"""Whoever has no channel may be given one."""

# Quiet hours are hours in Paris; a channel sleeps through everything but an alarm. After the last channel it is the
# first one's turn again, for as long as it takes: whoever reads failed_at tells the next person.
ROUTE: LiteralString = """
WITH stuck AS (
    SELECT waiting.notification_id, waiting.user_id, waiting.failed_at, event.severity = 'alarm' AS wakes,
           tried.channel_id, tried.position
    FROM notification AS waiting JOIN episode_event AS event USING (event_id)
    LEFT JOIN usable_channel AS tried ON tried.channel_id = waiting.channel_id
    WHERE waiting.delivered_at IS NULL AND waiting.withdrawn_at IS NULL
      AND coalesce(waiting.leased_until, '-infinity') <= %(now)s
      AND ((waiting.due_at <= %(now)s AND tried.channel_id IS NULL) OR waiting.channel_since <= %(tried_since)s)
    ORDER BY waiting.due_at LIMIT 1000
    FOR UPDATE OF waiting SKIP LOCKED
), choice AS (
    SELECT channel.*, CASE
               WHEN quiet_from IS NULL OR quiet_from = quiet_until THEN NULL
               WHEN quiet_from < quiet_until AND (here::time < quiet_from OR here::time >= quiet_until) THEN NULL
               WHEN quiet_from > quiet_until AND here::time < quiet_from AND here::time >= quiet_until THEN NULL
               WHEN here::time < quiet_until THEN (here::date + quiet_until) AT TIME ZONE 'Europe/Paris'
               ELSE (here::date + 1 + quiet_until) AT TIME ZONE 'Europe/Paris'
           END AS sleeps_until
    FROM usable_channel AS channel, (SELECT %(now)s AT TIME ZONE 'Europe/Paris' AS here) AS clock
    WHERE user_id IN (SELECT user_id FROM stuck)
), next AS (
    SELECT stuck.*, later.channel_id AS later_id, first.channel_id AS first_id, asleep.until AS wakes_at
    FROM stuck
    LEFT JOIN LATERAL (
        SELECT choice.channel_id FROM choice WHERE choice.user_id = stuck.user_id AND (wakes OR sleeps_until IS NULL)
          AND (choice.position, choice.channel_id) > (stuck.position, stuck.channel_id)
        ORDER BY choice.position, choice.channel_id LIMIT 1) AS later ON true
    LEFT JOIN LATERAL (
        SELECT choice.channel_id FROM choice WHERE choice.user_id = stuck.user_id AND (wakes OR sleeps_until IS NULL)
        ORDER BY choice.position, choice.channel_id LIMIT 1) AS first ON true
    CROSS JOIN LATERAL (
        SELECT min(sleeps_until) AS until FROM choice WHERE choice.user_id = stuck.user_id) AS asleep
), states AS (
    INSERT INTO channel_state (channel_id)
    SELECT DISTINCT coalesce(later_id, first_id) FROM next WHERE coalesce(later_id, first_id) IS NOT NULL
    ON CONFLICT DO NOTHING
)
UPDATE notification SET
    channel_id = coalesce(later_id, first_id),
    channel_since = CASE WHEN coalesce(later_id, first_id) IS NOT NULL THEN %(now)s END,
    leased_until = NULL,
    failed_at = CASE WHEN later_id IS NULL AND (next.channel_id IS NOT NULL OR first_id IS NULL AND wakes_at IS NULL)
                     THEN coalesce(next.failed_at, %(now)s) ELSE next.failed_at END,
    due_at = CASE WHEN first_id IS NULL THEN coalesce(wakes_at, %(look_again)s)
                  WHEN later_id IS NOT NULL AND next.failed_at IS NULL THEN %(now)s
                  ELSE due_at END
FROM next WHERE notification.notification_id = next.notification_id
RETURNING notification.failed_at = %(now)s
"""


def route(conn: Connection, *, now: datetime, fallback: timedelta) -> int:
    """Give each stuck notification its channel; how many have just failed on all of their person's.

    A notification is stuck that has no channel, or whose channel was tried for `fallback` or may be used no longer.
    """
    wanted = {"now": now, "tried_since": now - fallback, "look_again": now + LOOK_AGAIN}
    return sum(failed is True for (failed,) in conn.execute(ROUTE, wanted).fetchall())
