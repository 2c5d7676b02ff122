"""What has the clinic's own history to say? Its readings as they came, and what the nurses found behind the alerts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg.rows import class_row, scalar_row

from alerts.judgement.history import Event
from schemas.database import Connection
from schemas.plausibility import CONFIRMABLE
from schemas.reading import HistoricReading

READINGS: LiteralString = """
SELECT patient_id, measured_at, weight_kg, nullif(device_id, patient_id) AS device_id FROM standing_reading
WHERE patient_id <> 'VIGIE-CANARY' AND measured_at <= %(now)s
  AND (state = 'accepted' OR state = 'quarantined' AND quarantine_reason = ANY(%(confirmable)s))
"""
# An episode is often closed some days after the call: what it found was there within a week of the alert.
CONFIRMED: LiteralString = """
SELECT episode.patient_id, least(acknowledgement.at, episode.opened_at + INTERVAL '7 days') AS found_at
FROM acknowledgement JOIN episode USING (episode_id)
WHERE patient_id <> 'VIGIE-CANARY' AND action = 'close' AND cause = 'decompensation'
  AND acknowledgement.outcome LIKE 'confirmed%%'
ORDER BY 1, 2
"""
WATCHED: LiteralString = "SELECT count(*) FROM patient WHERE patient_id <> 'VIGIE-CANARY'"
ONE_EVENT = timedelta(days=14)
"""Confirmations of one patient that are closer than this are of one decompensation."""


@dataclass(frozen=True, kw_only=True)
class _Confirmed:
    patient_id: str
    found_at: datetime


def readings(conn: Connection, *, now: datetime) -> list[HistoricReading]:
    """Every reading of a known patient, also those in doubt, which a study judges again; not what a nurse excluded."""
    with conn.cursor(row_factory=class_row(HistoricReading)) as cursor:
        return cursor.execute(READINGS, {"confirmable": list(CONFIRMABLE), "now": now}).fetchall()


def decompensations(conn: Connection) -> Iterator[Event]:
    """What the clinic coded as confirmed; a `false_…` outcome needs no row: what is not confirmed is false."""
    last: _Confirmed | None = None
    with conn.cursor(row_factory=class_row(_Confirmed)) as cursor:
        for row in cursor.execute(CONFIRMED):
            if last is None or last.patient_id != row.patient_id or row.found_at - last.found_at > ONE_EVENT:
                last = row
                yield Event(patient_id=row.patient_id, at=row.found_at, kind="decompensation")


def watched(conn: Connection) -> int:
    """How many patients there are."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        count: int = cursor.execute(WATCHED).fetchone() or 0
        return count
