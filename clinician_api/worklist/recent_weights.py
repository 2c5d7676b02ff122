"""What were this patient's last thirty days? Kept in a table, read again only after something arrived (0075)."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from schemas.database import Connection

# One day more than is drawn. What is measured later than now (a clock that is wrong) is left out when it is drawn.
READ: LiteralString = """
WITH record AS MATERIALIZED (
    SELECT patient_id, patient_id AS record_id FROM unnest(%(patient_ids)s::text[]) AS patient_id
    UNION ALL SELECT patient_id, record_id FROM merged_records(%(patient_ids)s, 'infinity')
), read AS MATERIALIZED (
    SELECT l.patient_id, l.arrivals, coalesce(known.days, '[]') AS days
    FROM latest_reading AS l LEFT JOIN patient AS p USING (patient_id)
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(floor(extract(epoch FROM measured_at))::bigint, weight_kg::float8)
                         ORDER BY measured_at) AS days
        FROM (
            SELECT DISTINCT ON (date_trunc('day', measured_at, coalesce(p.time_zone, 'Europe/Paris')))
                   measured_at, weight_kg
            FROM standing_reading AS r
            WHERE r.patient_id = ANY(ARRAY(SELECT record_id FROM record WHERE record.patient_id = l.patient_id))
              AND quarantine_reason IS NULL
              AND measured_at > %(now)s - interval '31 days'
            ORDER BY date_trunc('day', measured_at, coalesce(p.time_zone, 'Europe/Paris')), measured_at
        ) AS first_of_day
    ) AS known
    WHERE l.patient_id = ANY(%(patient_ids)s)
), kept AS (
    INSERT INTO recent_weights AS old (patient_id, arrivals, days)
    SELECT patient_id, arrivals, days FROM read ORDER BY patient_id
    ON CONFLICT (patient_id) DO UPDATE SET arrivals = excluded.arrivals, days = excluded.days
    WHERE old.arrivals < excluded.arrivals
)
SELECT patient_id, days::text FROM read
"""


def read(conn: Connection, patient_ids: Sequence[str], *, now: datetime) -> dict[str, str]:
    """The days of these patients as JSON, oldest first; they are kept for the next page."""
    rows = conn.execute(READ, {"patient_ids": list(patient_ids), "now": now}).fetchall()
    return {str(patient_id): str(days) for patient_id, days in rows}
