"""What did this person weigh before? As much as a judgement of plausibility looks at, and no more.

A person is a patient, or, for a scale on loan to nobody, whoever stands on that scale.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString, NamedTuple

from psycopg.rows import args_row
from pydantic_core import to_json

from ingest.message import Scale
from ingest.storage.quality import Earlier
from schemas.database import Connection
from schemas.plausibility import CONFIRMABLE, HOUSEHOLD_DAYS, REMEMBERED, Weighed

Person = str | Scale
"""A patient_id, or a scale that nobody has."""
LOOKED_AT = {
    "reasons": list(CONFIRMABLE),
    "household": timedelta(days=HOUSEHOLD_DAYS),
    "remembered": REMEMBERED,
}

# Who weighs later than ever before, as nearly all do, is judged by the last accepted weight, which is kept, and by the
# doubted ones that `plausibility.doubt` looks at. For the others, within the span all; before it the same two kinds.
WEIGHTS_OF_PATIENTS: LiteralString = """
WITH asked AS (
    SELECT asked.*, latest.measured_at AS latest_at, latest.weight_kg AS latest_kg,
           coalesce(latest.measured_at < since, true) AS is_later
    FROM json_to_recordset(%(asked)s::json) AS asked (patient_id text, since timestamptz, until timestamptz)
    LEFT JOIN latest_reading AS latest USING (patient_id)
)
SELECT patient_id, NULL, NULL, latest_at, latest_kg, false FROM asked WHERE is_later AND latest_at IS NOT NULL
UNION ALL
SELECT patient_id, NULL, NULL, known.measured_at, known.weight_kg, true
FROM asked CROSS JOIN LATERAL (
    SELECT doubted.reading_id, measured_at, weight_kg FROM reading AS doubted
    WHERE doubted.patient_id = asked.patient_id AND doubted.quarantine_reason IS NOT NULL
      AND measured_at BETWEEN since - %(household)s::interval AND until
) AS known CROSS JOIN LATERAL (
    SELECT FROM standing_reading AS standing
    WHERE standing.patient_id = asked.patient_id AND standing.measured_at = known.measured_at
      AND standing.reading_id = known.reading_id AND quarantine_reason = ANY(%(reasons)s)
) AS still
WHERE is_later
UNION ALL
SELECT patient_id, NULL, NULL, measured_at, weight_kg, doubted
FROM asked CROSS JOIN LATERAL (
    (SELECT measured_at, weight_kg, quarantine_reason IS NOT NULL AS doubted FROM standing_reading AS reading
     WHERE reading.patient_id = asked.patient_id AND measured_at BETWEEN since AND until
       AND (quarantine_reason IS NULL OR quarantine_reason = ANY(%(reasons)s)))
    UNION ALL
    (SELECT measured_at, weight_kg, false FROM standing_reading AS reading
     WHERE reading.patient_id = asked.patient_id AND measured_at < since AND quarantine_reason IS NULL
     ORDER BY measured_at DESC, weight_kg DESC LIMIT 1)
    UNION ALL
    (SELECT measured_at, weight_kg, true FROM standing_reading AS reading
     WHERE reading.patient_id = asked.patient_id
       AND measured_at < since AND measured_at >= since - %(household)s::interval
       AND quarantine_reason = ANY(%(reasons)s)
     ORDER BY measured_at DESC, weight_kg DESC LIMIT %(remembered)s)
) AS known
WHERE NOT is_later
"""
# coalesce: the index on patient_id would find every reading that has none.
WEIGHTS_ON_SCALES: LiteralString = """
SELECT NULL AS patient_id, asked.site, asked.device_id, measured_at, weight_kg, doubted
FROM json_to_recordset(%(asked)s::json)
     AS asked (site text, device_id text, since timestamptz, until timestamptz),
LATERAL (
    (SELECT measured_at, weight_kg, quarantine_reason IS NOT NULL AS doubted FROM standing_reading AS reading
     WHERE reading.site = asked.site AND reading.device_id = asked.device_id AND coalesce(patient_id, '') = ''
       AND measured_at BETWEEN since AND until
       AND (quarantine_reason IS NULL OR quarantine_reason = ANY(%(reasons)s)))
    UNION ALL
    (SELECT measured_at, weight_kg, false FROM standing_reading AS reading
     WHERE reading.site = asked.site AND reading.device_id = asked.device_id AND coalesce(patient_id, '') = ''
       AND measured_at < since AND quarantine_reason IS NULL
     ORDER BY measured_at DESC, weight_kg DESC LIMIT 1)
    UNION ALL
    (SELECT measured_at, weight_kg, true FROM standing_reading AS reading
     WHERE reading.site = asked.site AND reading.device_id = asked.device_id AND coalesce(patient_id, '') = ''
       AND measured_at < since AND measured_at >= since - %(household)s::interval
       AND quarantine_reason = ANY(%(reasons)s)
     ORDER BY measured_at DESC, weight_kg DESC LIMIT %(remembered)s)
) AS known
"""


class _Known(NamedTuple):
    patient_id: str | None
    site: str | None
    device_id: str | None
    measured_at: datetime
    weight_kg: Decimal
    doubted: bool


def earlier_weights(conn: Connection, times: Iterable[tuple[Person, datetime]]) -> Mapping[Person, Earlier]:
    """What is known of each person for judging weights measured at these times; nothing for one never seen."""
    spans = _spans(times)
    found: defaultdict[Person, Earlier] = defaultdict(Earlier)
    for known in (*_of_patients(conn, spans), *_on_scales(conn, spans)):
        person = known.patient_id or Scale(known.site or "", known.device_id or "")
        found[person].add(
            Weighed(measured_at=known.measured_at, weight_kg=float(known.weight_kg), doubted=known.doubted)
        )
    return found


def _spans(times: Iterable[tuple[Person, datetime]]) -> dict[Person, tuple[datetime, datetime]]:
    spans: dict[Person, tuple[datetime, datetime]] = {}
    for person, at in times:
        since, until = spans.get(person, (at, at))
        spans[person] = (min(since, at), max(until, at))
    return spans


def _of_patients(conn: Connection, spans: dict[Person, tuple[datetime, datetime]]) -> list[_Known]:
    asked = [
        {"patient_id": person, "since": since, "until": until}
        for person, (since, until) in spans.items()
        if isinstance(person, str)
    ]
    return _ask(conn, WEIGHTS_OF_PATIENTS, asked)


def _on_scales(conn: Connection, spans: dict[Person, tuple[datetime, datetime]]) -> list[_Known]:
    asked = [
        {**person._asdict(), "since": since, "until": until}
        for person, (since, until) in spans.items()
        if isinstance(person, Scale)
    ]
    return _ask(conn, WEIGHTS_ON_SCALES, asked)


def _ask(conn: Connection, query: LiteralString, asked: list[dict[str, object]]) -> list[_Known]:
    if not asked:
        return []
    with conn.cursor(row_factory=args_row(_Known)) as cursor:
        cursor.execute(query, {"asked": to_json(asked).decode(), **LOOKED_AT})
        return cursor.fetchall()
