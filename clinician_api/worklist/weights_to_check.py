"""Whose weights wait for a person? Patients with doubted weights of the last two days that nobody has decided about."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Cursor

from schemas import database
from schemas.database import Connection


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A patient and how many weights wait; the newest of them in kg, and why it is doubted."""

    patient_id: str
    family_name: str | None
    given_name: str | None
    weights: int
    last_at: datetime
    last_kg: float
    reason: str


# The newest doubts first, by their partial index, so many that a page is full; a week's bound lets a hypertable look at
# one chunk or two; a clock that was never set names a day before the first credible one, and one ahead a day to come.
# OFFSET 0: how each of the few stands, never the standing of all.
WAITING: LiteralString = """
WITH newest AS MATERIALIZED (
    (SELECT patient_id, reading_id, measured_at, weight_kg, quarantine_reason FROM reading
     WHERE quarantine_reason IS NOT NULL AND measured_at > %(now)s - interval '7 days'
       AND received_at > %(now)s - interval '48 hours' AND patient_id IS NOT NULL
     ORDER BY measured_at DESC LIMIT %(enough)s)
    UNION ALL
    (SELECT patient_id, reading_id, measured_at, weight_kg, quarantine_reason FROM reading
     WHERE quarantine_reason IS NOT NULL AND measured_at < '2015-01-01T00:00:00Z'
       AND received_at > %(now)s - interval '48 hours' AND patient_id IS NOT NULL
     LIMIT %(enough)s)
), waiting AS (
    SELECT r.patient_id, count(*) AS weights, max(r.measured_at) AS last_at,
           (array_agg(r.weight_kg ORDER BY r.measured_at DESC))[1]::float8 AS last_kg,
           (array_agg(r.quarantine_reason ORDER BY r.measured_at DESC))[1] AS reason
    FROM newest AS r, LATERAL (
        SELECT state FROM standing_reading AS s
        WHERE s.patient_id = r.patient_id AND s.measured_at = r.measured_at AND s.reading_id = r.reading_id OFFSET 0
    ) AS standing
    WHERE standing.state = 'quarantined'
    GROUP BY r.patient_id
)
SELECT waiting.*, i.family_name, i.given_name FROM waiting
LEFT JOIN patient_identity AS i USING (patient_id) ORDER BY last_at DESC LIMIT %(most)s
"""


def waiting(conn: Connection, *, now: datetime, most: int) -> Cursor[Waiting]:
    """The newest first."""
    return database.ask(conn, Waiting, WAITING, {"now": now, "most": most, "enough": 5 * most})
