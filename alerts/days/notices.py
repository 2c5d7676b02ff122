"""What is told by the hour, without being an alert? Tests asked for, the daily count, reminders, mute scales, pauses.

A mute scale is the technician's; the nurse is told, as the arrêté asks, by the alert of no transmission. Each row is
written once, whoever looks how often.
"""

from datetime import datetime
from typing import LiteralString

from alerts.days import ending_pauses
from schemas.database import Connection

REQUESTS: LiteralString = """
INSERT INTO plain_notice (kind, about, channel_id, created_at, due_at, facts)
SELECT CASE WHEN code IS NULL THEN 'channel_test' ELSE 'channel_code' END, request_id::text, channel_id,
       %(now)s, %(now)s, jsonb_build_object('code', code)
FROM channel_request AS asked WHERE at > now() - interval '15 minutes' AND NOT EXISTS (
    SELECT FROM plain_notice AS told WHERE told.channel_id = asked.channel_id AND about = request_id::text)
ON CONFLICT DO NOTHING
"""
# At its hour in Paris, at most two hours late: nobody reads the morning's count in the evening. Of the patients of the
# reader's teams and of those without a team; of everybody's, for who has no duty in any.
DIGESTS: LiteralString = """
INSERT INTO plain_notice (kind, about, user_id, created_at, due_at, facts)
SELECT 'digest', here::date::text, user_id, %(now)s, %(now)s, (
    SELECT jsonb_build_object(
        'open', count(*) FILTER (WHERE severity <> 'watch'), 'alarm', count(*) FILTER (WHERE severity = 'alarm'),
        'new', count(*) FILTER (WHERE severity <> 'watch' AND state = 'new'),
        'recent', count(*) FILTER (WHERE severity <> 'watch' AND opened_at > %(now)s - interval '1 day'),
        'watch', count(*) FILTER (WHERE severity = 'watch'))
    FROM episode WHERE closed_at IS NULL AND patient_id <> 'VIGIE-CANARY' AND (own.teams = '{}' OR coalesce((
        SELECT team_id FROM patient_team AS known WHERE known.patient_id = episode.patient_id
        ORDER BY patient_team_id DESC LIMIT 1) = ANY(own.teams), true)))
FROM delivery_preference CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT team_id FROM duty_shift WHERE user_id = delivery_preference.user_id AND ended_at IS NULL
                 UNION SELECT team_id FROM duty_stand_in WHERE user_id = delivery_preference.user_id
                   AND ended_at IS NULL AND until > %(now)s) AS teams) AS own,
    (SELECT %(now)s AT TIME ZONE 'Europe/Paris' AS here) AS clock
WHERE here::time >= digest_at AND here::time - digest_at < interval '2 hours'
  AND user_id IN (SELECT user_id FROM usable_channel)
ON CONFLICT DO NOTHING
"""
REMINDERS: LiteralString = """
INSERT INTO plain_notice (kind, about, patient_id, created_at, due_at)
SELECT 'reminder', (%(now)s AT TIME ZONE time_zone)::date::text, patient_id, %(now)s, %(now)s
FROM patient_reminder JOIN patient USING (patient_id)
WHERE (%(now)s AT TIME ZONE time_zone)::time >= at
  AND (%(now)s AT TIME ZONE time_zone)::time - at < interval '2 hours'
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = patient.patient_id)
  AND NOT EXISTS (SELECT FROM patient_day AS today WHERE today.patient_id = patient.patient_id
                    AND day = (%(now)s AT TIME ZONE time_zone)::date AND state IN ('weighed', 'waiting', 'paused'))
ON CONFLICT DO NOTHING
"""
# Each scale once: on the morning after its third mute day.
MUTE_SCALES: LiteralString = """
INSERT INTO plain_notice (kind, about, user_id, duty, created_at, due_at, facts)
SELECT 'scales_silent', here::date::text, user_id, duty, %(now)s, %(now)s,
       jsonb_build_object('count', mute.count, 'days', 3)
FROM told_of, (SELECT %(now)s AT TIME ZONE 'Europe/Paris' AS here) AS clock, LATERAL (
    SELECT count(*) FROM patient_day AS third
    WHERE third.day = here::date - 1 AND third.state = 'scale_silent'
      AND 2 = (SELECT count(*) FROM patient_day AS before WHERE before.patient_id = third.patient_id
                 AND before.day IN (third.day - 1, third.day - 2) AND before.state = 'scale_silent')
      AND NOT EXISTS (SELECT FROM patient_day AS before WHERE before.patient_id = third.patient_id
                        AND before.day = third.day - 3 AND before.state = 'scale_silent')) AS mute
WHERE told_of.of = 'technical' AND here::time >= '09:00' AND mute.count > 0
ON CONFLICT DO NOTHING
"""


def write(conn: Connection, *, now: datetime) -> None:
    """Write what its hour has come for."""
    for statement in (REQUESTS, DIGESTS, REMINDERS, MUTE_SCALES):
        conn.execute(statement, {"now": now})
    ending_pauses.remind(conn, now=now)
