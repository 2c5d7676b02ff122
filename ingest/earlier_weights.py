"""What did this person weigh before? As much as a judgement of plausibility looks at, and no more.

A person is a patient, or, for a scale on loan to nobody, whoever stands on that scale.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString

from psycopg.rows import class_row

from ingest.message import Scale
from ingest.quality import Earlier
from schemas.database import Connection
from schemas.plausibility import CONFIRMABLE, HOUSEHOLD_DAYS, REMEMBERED, Weighed

Person = str | Scale
"""A patient_id, or a scale that nobody has."""
LOOKED_AT = {
    "reasons": list(CONFIRMABLE),
    "household": timedelta(days=HOUSEHOLD_DAYS),
    "remembered": REMEMBERED,
}

# Within the span all; before it the last accepted weight, and the doubted ones that `plausibility.doubt` looks at.
WEIGHTS_OF_PATIENTS: LiteralString = """
SELECT asked.patient_id, NULL AS site, NULL AS device_id, measured_at, weight_kg, doubted
FROM json_to_recordset(%(asked)s::json) AS asked (patient_id text, since timestamptz, until timestamptz),
LATERAL (
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


@dataclass(kw_only=True, slots=True)
class _Known:
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
        {"patient_id": person, "since": since.isoformat(), "until": until.isoformat()}
        for person, (since, until) in spans.items()
        if isinstance(person, str)
    ]
    return _ask(conn, WEIGHTS_OF_PATIENTS, asked)


def _on_scales(conn: Connection, spans: dict[Person, tuple[datetime, datetime]]) -> list[_Known]:
    asked = [
        {**person._asdict(), "since": since.isoformat(), "until": until.isoformat()}
        for person, (since, until) in spans.items()
        if isinstance(person, Scale)
    ]
    return _ask(conn, WEIGHTS_ON_SCALES, asked)


def _ask(conn: Connection, query: LiteralString, asked: list[dict[str, str]]) -> list[_Known]:
    if not asked:
        return []
    with conn.cursor(row_factory=class_row(_Known)) as cursor:
        cursor.execute(query, {"asked": json.dumps(asked), **LOOKED_AT})
        return cursor.fetchall()
