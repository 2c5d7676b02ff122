"""How do judged weighings become rows? One JSON text, and one statement that passes over what is known.

A temporary table with a COPY costs the catalogue at every commit, a parameter for each column four times our own time.

Order of locks, the same in every transaction, each table's rows sorted: device_sighting, receipt, reading,
latest_reading. So two workers with overlapping batches wait for one another and never deadlock.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, LiteralString

from psycopg.rows import class_row
from pydantic_core import to_json

from ingest.claim import TimeSource
from ingest.message import Scale
from schemas.database import Connection

Word = Literal["stored", "quarantined", "rejected"]
MICROSECOND = timedelta(microseconds=1)
MAX_NAMED_PATIENTS = 50  # beyond, one notification says "everybody": the queue of NOTIFY is shared by all

# A seq is new if its receipt is: `receipt` decides, and what it decides stands (another worker may have been faster).
STORE: LiteralString = """
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS incoming (
        site text, device_id text, seq bigint, word text, reason text, said_of text,
        patient_id text, measured_at timestamptz, received_at timestamptz, weight_kg numeric,
        source text, clock_error interval, raw text, time_source text, origin text
    )
), new AS (
    INSERT INTO receipt (site, device_id, seq, word, reason, said_of, recorded_at)
    SELECT site, device_id, seq, word, reason, said_of, %(now)s FROM incoming WHERE seq IS NOT NULL
    ORDER BY site, device_id, seq
    ON CONFLICT DO NOTHING
    RETURNING site, device_id, seq
), added AS (
    INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,
                         quarantine_reason, source, clock_error, raw, time_source, origin)
    SELECT site, device_id, seq, patient_id, measured_at, received_at, %(now)s, weight_kg,
           reason, source, clock_error, raw, time_source, origin
    FROM incoming
    WHERE word <> 'rejected' AND (seq IS NULL OR (site, device_id, seq) IN (SELECT site, device_id, seq FROM new))
    ORDER BY site, device_id, seq, measured_at
    ON CONFLICT DO NOTHING
    RETURNING patient_id, measured_at, weight_kg, quarantine_reason, source
), touched AS (
    INSERT INTO latest_reading (patient_id, arrivals, measured_at, weight_kg)
    SELECT patient_id, count(*), max(measured_at) FILTER (WHERE quarantine_reason IS NULL),
           (array_agg(weight_kg ORDER BY measured_at DESC, weight_kg DESC) FILTER (WHERE quarantine_reason IS NULL))[1]
    FROM added WHERE patient_id IS NOT NULL GROUP BY patient_id ORDER BY patient_id
    ON CONFLICT (patient_id) DO UPDATE SET
        arrivals = latest_reading.arrivals + excluded.arrivals,
        weight_kg = CASE WHEN latest_reading.measured_at > excluded.measured_at OR excluded.measured_at IS NULL
                         THEN latest_reading.weight_kg
                         WHEN latest_reading.measured_at = excluded.measured_at
                         THEN greatest(latest_reading.weight_kg, excluded.weight_kg) ELSE excluded.weight_kg END,
        measured_at = greatest(latest_reading.measured_at, excluded.measured_at)
    RETURNING patient_id
), told AS MATERIALIZED (
    SELECT pg_notify('vigie_reading', CASE WHEN several.many THEN '*' ELSE patient_id END)
    FROM (SELECT count(*) > %(most_named)s AS many FROM touched) AS several,
         LATERAL (SELECT patient_id FROM touched LIMIT CASE WHEN several.many THEN 1 END) AS someone
)
SELECT (SELECT count(*) FROM new) AS numbers,
       (SELECT coalesce(json_object_agg(source, counts), '{}') FROM (
           SELECT source, json_build_array(count(*) - count(quarantine_reason), count(quarantine_reason)) AS counts
           FROM added GROUP BY source) AS of_each) AS by_source,
       (SELECT count(*) FROM told) AS told
"""


@dataclass(kw_only=True, slots=True)
class Weighing:
    """A weighing as it will be stored, in kg and true time."""

    patient_id: str | None
    measured_at: datetime
    received_at: datetime
    weight_kg: Decimal
    source: str
    clock_error: timedelta | None
    raw: str
    time_source: TimeSource | None = None
    origin: str | None = None


@dataclass(kw_only=True, slots=True)
class Row:
    """The word for a seq, and the weighing if it is one; without a seq only the weighing counts."""

    scale: Scale
    seq: int | None
    word: Word
    reason: str | None
    said_of: str
    weighing: Weighing | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """How many seqs were new, how many readings of each dialect (accepted, quarantined), how often others were told."""

    numbers: int
    by_source: dict[str, tuple[int, int]]
    told: int

    @property
    def accepted(self) -> Counter[str]:
        return Counter({source: accepted for source, (accepted, _) in self.by_source.items()})

    @property
    def quarantined(self) -> Counter[str]:
        return Counter({source: quarantined for source, (_, quarantined) in self.by_source.items()})


def insert(conn: Connection, rows: Sequence[Row], *, now: datetime) -> Stored:
    """Store what is new of these rows, at most one row per scale and seq, and tell whoever listens."""
    incoming = to_json([_incoming(row) for row in rows]).decode()
    with conn.cursor(row_factory=class_row(Stored)) as counting:
        stored = counting.execute(STORE, {"rows": incoming, "now": now, "most_named": MAX_NAMED_PATIENTS}).fetchone()
    assert stored
    return stored


def _incoming(row: Row) -> dict[str, object]:
    site, device_id = row.scale
    incoming: dict[str, object] = {
        "site": site,
        "device_id": device_id,
        "seq": row.seq,
        "word": row.word,
        "reason": row.reason,
        "said_of": row.said_of,
    }
    if weighing := row.weighing:
        error = weighing.clock_error
        incoming |= {
            "patient_id": weighing.patient_id,
            "measured_at": weighing.measured_at,
            "received_at": weighing.received_at,
            "weight_kg": weighing.weight_kg,
            "source": weighing.source,
            "clock_error": None if error is None else f"{error // MICROSECOND} microseconds",
            "raw": weighing.raw,
            "time_source": weighing.time_source,
            "origin": weighing.origin,
        }
    return incoming
