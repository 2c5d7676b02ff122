"""How does a history get in, and how do readings get out? READINGS files of any length, in bounded memory."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, LiteralString

from psycopg.rows import class_row

from ingest.message import Scale
from ingest.storage import reading_rows
from ingest.storage.earlier_weights import earlier_weights
from ingest.storage.quality import lies_ahead
from ingest.storage.reading_rows import Row, Weighing
from schemas.database import Connection
from schemas.reading import HistoricReading

CHUNK = 10_000

CREATE_HISTORY: LiteralString = """
CREATE TEMPORARY TABLE IF NOT EXISTS history (
    patient_id text, measured_at timestamptz, weight_kg numeric(6,3), device_id text
) ON COMMIT DROP
"""
EMPTY_HISTORY: LiteralString = "TRUNCATE history"
COPY_HISTORY: LiteralString = "COPY history FROM STDIN"
COUNT_HISTORY: LiteralString = "ANALYZE history"  # or the next statement is planned for an empty table
# One patient's same weight at the same instant is one weighing, whichever scale or file tells of it: what was exported
# here and comes back is known.
HISTORY: LiteralString = """
SELECT DISTINCT ON (patient_id, measured_at, weight_kg) patient_id, measured_at, weight_kg, device_id FROM history
WHERE NOT EXISTS (
    SELECT FROM reading WHERE reading.patient_id = history.patient_id
                          AND reading.measured_at = history.measured_at AND reading.weight_kg = history.weight_kg
)
ORDER BY patient_id, measured_at, weight_kg, device_id
"""
# A fraction of a second only where there is one; no zeros after the weight.
EXPORT: LiteralString = """
COPY (
    SELECT site, device_id, seq, patient_id,
           rtrim(rtrim(to_char(measured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z'
               AS measured_at,
           rtrim(rtrim(to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z'
               AS received_at,
           rtrim(rtrim(to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z'
               AS recorded_at,
           trim_scale(weight_kg) AS weight_kg,
           state
    FROM standing_reading AS reading
    WHERE patient_id IS DISTINCT FROM 'VIGIE-CANARY' AND (site, device_id) <> ('vigie', 'canary')
    ORDER BY reading.recorded_at, reading.reading_id
) TO STDOUT WITH (FORMAT csv, HEADER)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class HistorySummary:
    """What became of a history's rows: accepted, waiting for a human, or known before."""

    stored: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sorted:
    patient_id: str
    measured_at: datetime
    weight_kg: Decimal
    device_id: str


def store_history(
    conn: Connection, readings: Iterable[HistoricReading], *, now: datetime, site: str = "csv"
) -> HistorySummary:
    """Store readings in any order, each judged after those before it; twice is once. Does not commit.

    A reading without a device is its patient's own: the device is then called like the patient.
    """
    total = _load(conn, readings)
    stored = quarantined = 0
    for chunk in _sorted(conn):
        rows = list(_judge(conn, chunk, now=now, site=site))
        added = reading_rows.insert(conn, rows, now=now)
        stored += added.accepted.total()
        quarantined += added.quarantined.total()
    return HistorySummary(stored=stored, duplicates=total - stored - quarantined, quarantined=quarantined)


def _load(conn: Connection, readings: Iterable[HistoricReading]) -> int:
    """Let the database sort what may be larger than memory; how many rows there are."""
    total = 0
    conn.execute(CREATE_HISTORY)
    conn.execute(EMPTY_HISTORY)
    with conn.cursor() as cursor, cursor.copy(COPY_HISTORY) as copy:
        for reading in readings:
            device_id = reading.device_id or reading.patient_id
            copy.write_row((reading.patient_id, reading.measured_at, reading.weight_kg, device_id))
            total += 1
    conn.execute(COUNT_HISTORY)
    return total


def _sorted(conn: Connection) -> Iterator[list[_Sorted]]:
    with conn.cursor("history", row_factory=class_row(_Sorted)) as cursor:
        cursor.itersize = CHUNK
        cursor.execute(HISTORY)
        rows = iter(cursor)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk


def _judge(conn: Connection, chunk: list[_Sorted], *, now: datetime, site: str) -> Iterator[Row]:
    """Old clocks are believed here, a history may be from any year; a time to come is not."""
    ahead = [lies_ahead(row.measured_at, now=now) for row in chunk]
    times = [(row.patient_id, row.measured_at) for row, late in zip(chunk, ahead, strict=True) if not late]
    earlier = earlier_weights(conn, times)
    for row, is_ahead in zip(chunk, ahead, strict=True):
        doubt = (
            "measured_in_the_future"
            if is_ahead
            else earlier[row.patient_id].judge(float(row.weight_kg), row.measured_at)
        )
        yield _row(row, doubt, now=now, site=site)


def _row(row: _Sorted, doubt: str | None, *, now: datetime, site: str) -> Row:
    return Row(
        scale=Scale(site, row.device_id),
        seq=None,
        word="quarantined" if doubt else "stored",
        reason=doubt,
        said_of="",
        weighing=Weighing(
            patient_id=row.patient_id,
            measured_at=row.measured_at,
            received_at=now,
            weight_kg=row.weight_kg,
            source="csv",
            clock_error=None,
            raw=f"{row.patient_id},{row.measured_at.isoformat()},{row.weight_kg},{row.device_id}",
        ),
    )


def export_csv(conn: Connection, path: Path) -> int:
    """Write every stored reading in the order of recording; how many.

    A file appears under its name only once it is complete; a pipe or a device is written to directly.

    Raises:
        OSError: `path` cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            return _export(conn, file)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            count = _export(conn, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None  # its reader knows nothing of a part
    finally:
        part.unlink(missing_ok=True)
    return count


def _export(conn: Connection, file: IO[bytes]) -> int:
    with conn.cursor() as cursor:
        with cursor.copy(EXPORT) as copy:
            for block in copy:
                file.write(block)
        return cursor.rowcount
