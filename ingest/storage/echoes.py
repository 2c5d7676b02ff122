"""Is this the same weighing heard again? By another gateway, at the next advertisement, in a periodic report.

The weighing is the first that was heard; the others are counted beside it and are no readings. The same weight counts
as heard again as long as it is heard without a pause: a scale that repeats itself for ever is a scale that sends
nothing, and its patient's silence is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString

from psycopg.rows import class_row

from ingest.adapters.arrival import Arrival
from ingest.claim import Claim
from ingest.message import Scale
from schemas.database import Connection

Weight = tuple[Scale, Decimal]

# Bounded, so that a hypertable looks into few chunks.
LAST_HEARD: LiteralString = """
SELECT site, device_id, weight_kg, measured_at, coalesce(last_heard_at, measured_at) AS last_heard_at
FROM unnest(%(sites)s::text[], %(device_ids)s::text[], %(weights)s::numeric[], %(until)s::timestamptz[])
     AS asked (site, device_id, weight_kg, until)
CROSS JOIN LATERAL (
    SELECT measured_at FROM reading
    WHERE reading.site = asked.site AND reading.device_id = asked.device_id AND reading.weight_kg = asked.weight_kg
      AND measured_at <= until AND measured_at > until - INTERVAL '14 days'
    ORDER BY measured_at DESC LIMIT 1
) AS reading
LEFT JOIN reading_echo USING (site, device_id, measured_at, weight_kg)
"""
HEAR_AGAIN: LiteralString = """
INSERT INTO reading_echo AS known (site, device_id, measured_at, weight_kg, times, last_heard_at, topic, raw)
VALUES (%(site)s, %(device_id)s, %(measured_at)s, %(weight_kg)s, %(times)s, %(last_heard_at)s, %(topic)s, %(raw)s)
ON CONFLICT (site, device_id, measured_at, weight_kg) DO UPDATE SET
    times = known.times + excluded.times, topic = excluded.topic, raw = excluded.raw,
    last_heard_at = greatest(known.last_heard_at, excluded.last_heard_at)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Heard:
    """A weighing and when it was last heard; `times` more than once by `last`, since this batch began."""

    site: str
    device_id: str
    weight_kg: Decimal
    measured_at: datetime
    last_heard_at: datetime
    times: int = 0
    last: Arrival | None = None


def weighings(conn: Connection, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """These claims without those heard before, which are counted; the caller holds each scale's sighting locked."""
    repeating = [arrival for arrival in arrivals if _claim(arrival).repeats_within is not None]
    if not repeating:
        return list(arrivals)
    known = _last_heard(conn, repeating)
    echoes: dict[tuple[Scale, datetime, Decimal], _Heard] = {}
    first = [a for a in arrivals if _claim(a).repeats_within is None or _is_new(a, known, echoes)]
    if echoes:
        with conn.cursor() as cursor:
            cursor.executemany(HEAR_AGAIN, [_row(echoes[key]) for key in sorted(echoes)])
    return first


def _claim(arrival: Arrival) -> Claim:
    assert isinstance(arrival.said, Claim)
    return arrival.said


def _scale(arrival: Arrival) -> Scale:
    assert arrival.scale
    return arrival.scale


def _span(claim: Claim) -> timedelta:
    assert claim.repeats_within is not None
    return claim.repeats_within


def _last_heard(conn: Connection, repeating: Sequence[Arrival]) -> dict[Weight, _Heard]:
    """For each scale and weight the last weighing that its first claim here may repeat."""
    first: dict[Weight, Claim] = {}
    for arrival in repeating:
        first.setdefault((_scale(arrival), _claim(arrival).weight_kg), _claim(arrival))
    with conn.cursor(row_factory=class_row(_Heard)) as cursor:
        cursor.execute(
            LAST_HEARD,
            {
                "sites": [scale.site for scale, _ in first],
                "device_ids": [scale.device_id for scale, _ in first],
                "weights": [kg for _, kg in first],
                "until": [claim.measured_at + _span(claim) for claim in first.values()],
            },
        )
        return {(Scale(heard.site, heard.device_id), heard.weight_kg): heard for heard in cursor}


def _is_new(
    arrival: Arrival, known: dict[Weight, _Heard], echoes: dict[tuple[Scale, datetime, Decimal], _Heard]
) -> bool:
    """Whether this claim begins a weighing; `known` and `echoes` are kept up to date."""
    claim, scale = _claim(arrival), _scale(arrival)
    at, span, weight = claim.measured_at, _span(claim), (scale, claim.weight_kg)
    heard = known.get(weight)
    if heard is None or not heard.measured_at - span <= at <= heard.last_heard_at + span:
        known[weight] = _Heard(**scale._asdict(), weight_kg=claim.weight_kg, measured_at=at, last_heard_at=at)
        return True
    if at == heard.measured_at:  # the very same message again, which storing passes over
        return True
    until = max(heard.last_heard_at, at)
    known[weight] = replace(heard, last_heard_at=until, times=heard.times + 1, last=arrival)
    echoes[scale, heard.measured_at, claim.weight_kg] = known[weight]
    return False


def _row(heard: _Heard) -> dict[str, object]:
    assert heard.last
    return {
        "site": heard.site,
        "device_id": heard.device_id,
        "measured_at": heard.measured_at,
        "weight_kg": heard.weight_kg,
        "times": heard.times,
        "last_heard_at": heard.last_heard_at,
        "topic": heard.last.topic,
        "raw": _claim(heard.last).raw,
    }
