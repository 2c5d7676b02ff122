"""What was stored about one episode, and which readings were known when it was raised?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import class_row

from alerts.detectors import wasting
from alerts.judgement import months
from alerts.judgement.assessment import HISTORY
from alerts.store import FUTURE, ReadingRow
from schemas.database import Connection

EPISODE: LiteralString = """
SELECT episode_id, patient_id, cause, severity, last_raised_at, evidence FROM episode WHERE episode_id = %s
"""
# The window is the worker's: HISTORY before the newest weight known then. What stood is what
# standing_reading would have said then, of this record and of those that had ended in it.
READINGS_THEN: LiteralString = """
WITH known AS (
    SELECT %(patient_id)s AS patient_id, measured_at, weight_kg::float8 AS weight_kg, recorded_at,
           CASE WHEN latest.kind IN ('superseded', 'excluded') THEN latest.reason
                WHEN review.action = 'exclude' THEN review.reason
                WHEN review.action = 'release' THEN NULL ELSE quarantine_reason END AS quarantine_reason,
           nullif(device_id, reading.patient_id) AS device_id,
           coalesce(review.action = 'release', false) OR source IN ('manual', 'reassigned') AS confirmed
    FROM reading LEFT JOIN LATERAL (
        SELECT kind, reason FROM reading_event AS event
        WHERE event.reading_id = reading.reading_id AND event.recorded_at <= %(then)s ORDER BY event_id DESC LIMIT 1
    ) AS latest ON true LEFT JOIN LATERAL (
        SELECT action, reason FROM reading_review AS said
        WHERE said.reading_id = reading.reading_id AND said.at <= %(then)s ORDER BY review_id DESC LIMIT 1
    ) AS review ON true
    WHERE (patient_id = %(patient_id)s
           OR patient_id IN (SELECT record_id FROM merged_records(ARRAY[%(patient_id)s::text], %(then)s)))
      AND recorded_at <= %(then)s AND measured_at <= %(then)s + %(future)s::interval
)
SELECT * FROM known
WHERE measured_at > (SELECT max(measured_at) FROM known WHERE quarantine_reason IS NULL) - %(history)s::interval
"""


@dataclass(frozen=True, kw_only=True)
class StoredEpisode:
    """An episode as last raised; its evidence as stored, unchecked."""

    episode_id: int
    patient_id: str
    cause: str
    severity: str
    last_raised_at: datetime
    evidence: dict[str, Any]


def episode(conn: Connection, episode_id: int) -> StoredEpisode | None:
    """The episode of this number, or None."""
    with conn.cursor(row_factory=class_row(StoredEpisode)) as cursor:
        return cursor.execute(EPISODE, (episode_id,)).fetchone()


def readings_then(conn: Connection, stored: StoredEpisode) -> list[ReadingRow]:
    """The patient's readings that were recorded when the episode was last raised."""
    history = months.YEAR if stored.evidence["detector"] == wasting.NAME else HISTORY
    wanted = {"patient_id": stored.patient_id, "then": stored.last_raised_at, "future": FUTURE, "history": history}
    with conn.cursor(row_factory=class_row(ReadingRow)) as cursor:
        return cursor.execute(READINGS_THEN, wanted).fetchall()
