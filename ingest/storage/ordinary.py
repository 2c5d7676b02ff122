"""Which weighings need no judgement? Those near the person's last weight: nearly all. They are stored in one statement.

A weight less than 3 kg from the last accepted one, and measured later, is believed whatever was doubted before
(`plausibility.doubt`; a test holds the two together). So the server can tell by itself: it finds who had the scale,
looks at that person's last weight, stores all weights of this batch if they are near it, and hands back the others.
One way to the server and back, instead of three, and nothing between.

Others may store or review meanwhile. A seq that somebody else was faster with is handed back; if a person's last weight
is no longer what this went by, the statement fails with `OVERTAKEN` and nothing of it is kept.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import class_row

from ingest.adapters.arrival import Arrival, Sighting
from ingest.claim import Claim
from ingest.message import Scale
from ingest.storage import columns, retractions, sightings
from ingest.storage.quality import doubt_of_time, timing
from ingest.storage.reading_rows import MAX_NAMED_PATIENTS
from ingest.storage.sightings import Seen
from ingest.storage.store import Answer, Outcome
from schemas.database import Connection
from schemas.plausibility import HOUSEHOLD_KG, LOW_KG

OVERTAKEN = "VG003"  # migration 0150
MICROSECOND = timedelta(microseconds=1)
GRAMS = 1000

# Of several borrowers at one time (which the screens do not allow) any. OFFSET 0, LIMIT 1: for each scale its rows (see
# ingest.storage.store.WORDS). Locks in the order of ingest.storage.reading_rows: receipt, reading, latest_reading, each
# sorted. `touched` looks at the last weight as it is by then, not as it was.
STORE: LiteralString = """
WITH claimed AS MATERIALIZED (
    SELECT claim.*, loan.patient_id, coalesce(
        last_at < min(measured_at) OVER person AND min(weight_kg) OVER person >= %(low)s AND taken_back IS NULL
        AND greatest(max(weight_kg) OVER person, last_kg) - least(min(weight_kg) OVER person, last_kg) < %(near)s,
        false) AS believed
    FROM (
        SELECT number, site, device_id, seq, said_of, measured_at, received_at,
               (grams / 1000.0)::numeric(6,3) AS weight_kg,
               clock_error * INTERVAL '1 microsecond' AS clock_error, raw, source, time_source, origin
        FROM unnest(%(sites)s, %(device_ids)s, %(seqs)s, %(said_of)s, %(measured)s, %(received)s, %(grams)s,
                    %(clock_errors)s, %(raws)s, %(sources)s, %(time_sources)s, %(origins)s) WITH ORDINALITY
             AS sent (site, device_id, seq, said_of, measured_at, received_at, grams,
                      clock_error, raw, source, time_source, origin, number)
    ) AS claim LEFT JOIN LATERAL (
        SELECT patient_id FROM device_loan AS l
        WHERE l.site = claim.site AND l.device_id = claim.device_id
          AND lent_at <= measured_at AND (returned_at IS NULL OR measured_at < returned_at) LIMIT 1
    ) AS loan ON true LEFT JOIN LATERAL (
        SELECT measured_at AS last_at, weight_kg AS last_kg FROM latest_reading AS l
        WHERE l.patient_id = loan.patient_id OFFSET 0
    ) AS latest ON true LEFT JOIN LATERAL (
        SELECT true AS taken_back FROM retraction AS r
        WHERE claim.seq IS NULL AND r.site = claim.site AND r.device_id = claim.device_id LIMIT 1
    ) AS taken_back ON true
    WINDOW person AS (PARTITION BY loan.patient_id)
), new AS (
    INSERT INTO receipt (site, device_id, seq, word, said_of, recorded_at)
    SELECT site, device_id, seq, 'stored', said_of, %(now)s FROM claimed WHERE believed AND seq IS NOT NULL
    ORDER BY site, device_id, seq
    ON CONFLICT DO NOTHING
    RETURNING site, device_id, seq
), added AS (
    INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,
                         source, clock_error, raw, time_source, origin)
    SELECT site, device_id, seq, patient_id, measured_at, received_at, %(now)s, weight_kg,
           source, clock_error, raw, time_source, origin
    FROM claimed
    WHERE believed AND (seq IS NULL
        OR (SELECT count(*) FROM new) = (SELECT count(seq) FROM claimed WHERE believed)
        OR (site, device_id, seq) IN (SELECT site, device_id, seq FROM new))
    ORDER BY site, device_id, seq, measured_at
    ON CONFLICT DO NOTHING
    RETURNING site, device_id, seq, patient_id, measured_at, weight_kg, source
), touched AS (
    UPDATE latest_reading AS latest SET arrivals = latest.arrivals + person.readings,
                                        measured_at = person.last_at, weight_kg = person.last_kg
    FROM (
        SELECT patient_id, count(*) AS readings, min(measured_at) AS first_at, max(measured_at) AS last_at,
               min(weight_kg) AS lowest_kg, max(weight_kg) AS highest_kg,
               (array_agg(weight_kg ORDER BY measured_at DESC, weight_kg DESC))[1] AS last_kg
        FROM added GROUP BY patient_id ORDER BY patient_id OFFSET 0
    ) AS person
    WHERE latest.patient_id = person.patient_id AND latest.measured_at < first_at
      AND greatest(highest_kg, latest.weight_kg) - least(lowest_kg, latest.weight_kg) < %(near)s
    RETURNING latest.patient_id
), told AS MATERIALIZED (
    SELECT pg_notify('vigie_reading', CASE WHEN several.many THEN '*' ELSE patient_id END)
    FROM (SELECT count(*) > %(most_named)s AS many FROM touched) AS several,
         LATERAL (SELECT patient_id FROM touched LIMIT CASE WHEN several.many THEN 1 END) AS someone
)
SELECT (SELECT coalesce(array_agg(number), '{}') FROM claimed
        WHERE NOT believed OR ((SELECT count(*) FROM added) < (SELECT count(*) FROM claimed WHERE believed)
            AND (site, device_id, coalesce(seq, -1), measured_at, weight_kg)
                NOT IN (SELECT site, device_id, coalesce(seq, -1), measured_at, weight_kg FROM added))) AS others,
       (SELECT coalesce(json_object_agg(source, readings), '{}')
        FROM (SELECT source, count(*) AS readings FROM added GROUP BY source) AS of_each) AS by_source,
       (SELECT count(*) FROM told) AS told,
       CASE WHEN (SELECT count(*) FROM touched) < (SELECT count(DISTINCT patient_id) FROM added)
            THEN overtaken()::text END AS overtaken
"""
# psycopg takes what is longer than 4,096 letters apart at each execution: a third of our own time of a small batch.
STORE_IN_BRIEF: LiteralString = " ".join(STORE.split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """Which claims were not stored (counted from 1), how many of each dialect were, how often others were told."""

    others: list[int]
    by_source: dict[str, int]
    told: int
    overtaken: None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of a batch may be ordinary, in columns, and the rest; made beforehand: no transaction waits for it."""

    claims: list[Arrival]
    rest: list[Arrival]
    seen: dict[Scale, Seen]
    parameters: dict[str, columns.Column] = field(repr=False)
    unnumbered: bool


def ask(arrivals: Sequence[Arrival], heard: Iterable[Sighting], *, rate: float) -> Asked:
    """Which of these may be ordinary; the first that names a seq is the one that counts."""
    claims: list[Arrival] = []
    rest: list[Arrival] = []
    measured, errors = [], []
    named: set[tuple[Scale | None, int]] = set()
    for arrival in arrivals:
        said = arrival.said
        if said.seq is not None:
            if (arrival.scale, said.seq) in named:
                rest.append(arrival)
                continue
            named.add((arrival.scale, said.seq))
        if not isinstance(said, Claim) or not arrival.scale or not _may_be_ordinary(arrival, said):
            rest.append(arrival)
            continue
        when = timing(said, received_at=arrival.received_at, may_have_waited=arrival.may_have_waited, rate=rate)
        if doubt_of_time(when.measured_at, received_at=arrival.received_at, rate=rate):
            rest.append(arrival)
            continue
        claims.append(arrival)
        measured.append(when.measured_at)
        errors.append(None if when.clock_error is None else when.clock_error // MICROSECOND)
    said_by = [claim for arrival in claims if isinstance(claim := arrival.said, Claim)]
    scales = [scale for arrival in claims if (scale := arrival.scale)]
    return Asked(
        claims=claims,
        rest=rest,
        seen=sightings.seen(heard, claims),
        unnumbered=any(claim.seq is None for claim in said_by),
        parameters={
            "sites": columns.texts([scale.site for scale in scales]),
            "device_ids": columns.texts([scale.device_id for scale in scales]),
            "seqs": columns.integers([claim.seq for claim in said_by]),
            "said_of": columns.texts([None if claim.seq is None else claim.said_of for claim in said_by]),
            "measured": columns.times(measured),
            "received": columns.times([arrival.received_at for arrival in claims]),
            "grams": columns.integers([int(claim.weight_kg * GRAMS) for claim in said_by]),
            "clock_errors": columns.integers(errors),
            "raws": columns.texts([claim.raw for claim in said_by]),
            "sources": columns.texts([claim.source for claim in said_by]),
            "time_sources": columns.texts([claim.time_source for claim in said_by]),
            "origins": columns.texts([claim.origin for claim in said_by]),
        },
    )


def _may_be_ordinary(arrival: Arrival, claim: Claim) -> bool:
    """A copy, a doubt of its source's, a repetition or a weight finer than a gram is for those with more time."""
    return (
        not arrival.retained
        and claim.doubt is None
        and claim.repeats_within is None
        and claim.weight_kg * GRAMS % 1 == Decimal()
    )


def store(conn: Connection, asked: Asked, *, news: dict[Scale, Seen], now: datetime) -> Cursor[Stored]:
    """Store what is ordinary; does not commit. The answer can be fetched once the pipeline has been emptied."""
    if asked.unnumbered:
        conn.execute(retractions.BESIDE_OTHERS)
    if news:
        sightings.tell(conn, news)
    return conn.cursor(row_factory=class_row(Stored)).execute(
        STORE_IN_BRIEF,
        asked.parameters | {"now": now, "low": LOW_KG, "near": HOUSEHOLD_KG, "most_named": MAX_NAMED_PATIENTS},
    )


def outcome(asked: Asked, answer: Stored) -> tuple[Outcome, list[Arrival]]:
    """What came of those that were stored, and those that were not."""
    others = set(answer.others)
    kept: list[Arrival] = []
    left: list[Arrival] = []
    for number, claim in enumerate(asked.claims, start=1):
        (left if number in others else kept).append(claim)
    new = Counter(answer.by_source)
    answers = [
        Answer(topic=claim.topic, seq=seq, word="stored", reason=None)
        for claim in kept
        if (seq := claim.said.seq) is not None
    ]
    known = Counter(claim.said.source for claim in kept) - new
    return Outcome(answers=answers, new=new, doubted=Counter(), known=known, refused_for=Counter()), left
