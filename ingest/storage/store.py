"""What is the word for each reading of a batch of messages? Everything is written in one transaction, the caller's."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import args_row
from pydantic_core import to_json

from ingest.adapters.arrival import Arrival, Sighting
from ingest.claim import Claim, Refusal, Retraction, is_number_of_a_reading
from ingest.message import Scale
from ingest.storage import echoes, loans, reading_rows, retractions, sightings
from ingest.storage.earlier_weights import Person, earlier_weights
from ingest.storage.loans import Borrowers
from ingest.storage.quality import Timing, doubt_of_time, timing
from ingest.storage.reading_rows import Row, Weighing, Word
from schemas.database import Connection

KEPT_BYTES = 64 * 1024
SEQ_REUSED = "seq_reused"

# OFFSET 0 keeps the order: for each number its row. Joined the other way round, which is cheaper while the table is
# empty, every batch would read all of it.
WORDS: LiteralString = """
SELECT site, device_id, seq, word, reason, said_of
FROM json_to_recordset(%(keys)s::json) AS asked (site text, device_id text, seq bigint),
LATERAL (
    SELECT word, reason, said_of FROM receipt
    WHERE receipt.site = asked.site AND receipt.device_id = asked.device_id AND receipt.seq = asked.seq OFFSET 0
) AS receipt
"""
# One statement, each message once: the same one again and again would make a chain of versions of its row, and walk it.
REJECT: LiteralString = """
INSERT INTO rejection (fingerprint, topic, seq, reason, payload, payload_bytes, received_at, recorded_at, times)
SELECT fingerprint, topic, seq, reason, payload, payload_bytes, received_at, %(now)s, times
FROM unnest(%(fingerprints)b::bytea[], %(topics)s::text[], %(seqs)s::numeric[], %(reasons)s::text[],
            %(payloads)b::bytea[], %(sizes)s::int[], %(received)s::timestamptz[], %(times)s::int[])
     AS new (fingerprint, topic, seq, reason, payload, payload_bytes, received_at, times)
ORDER BY fingerprint  -- two workers with the same messages lock them in the same order
ON CONFLICT (fingerprint) DO UPDATE SET times = rejection.times + excluded.times
"""

Key = tuple[Scale, int]
Reason = tuple[str, str]
"""Dialect and reason of a refusal."""


class _Given(NamedTuple):
    site: str
    device_id: str
    seq: int
    word: Word
    reason: str | None
    said_of: str


@dataclass(kw_only=True, slots=True)
class Answer:
    """The word for one seq, for the receipt of its scale."""

    topic: str
    seq: int
    word: Word
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a batch came to: an answer for every seq that could be read, and by dialect what was new and what known.

    A second claim for a seq is refused as `seq_reused`, while its answer is what the first was told.
    """

    answers: list[Answer]
    new: Counter[str]
    doubted: Counter[str]
    known: Counter[str]
    refused_for: Counter[Reason]

    @property
    def refused(self) -> int:
        return self.refused_for.total()

    @property
    def seq_reused(self) -> int:
        return sum(number for (_, reason), number in self.refused_for.items() if reason == SEQ_REUSED)

    @property
    def stored(self) -> int:
        return self.new.total()

    @property
    def quarantined(self) -> int:
        return self.doubted.total()


def store(
    conn: Connection, arrivals: Sequence[Arrival], heard: Iterable[Sighting], *, now: datetime, rate: float
) -> Outcome:
    """Store a batch; does not commit. A seq known before gets its word again, whatever it says now.

    The sightings go first: their rows' locks let two workers with messages of one scale go one after the other, and a
    loan that begins meanwhile (0011_late_owners.sql) wait. Within `conn.pipeline()` what is asked before the first
    answer is read is one way to the server and back.
    """
    seen = sightings.seen(heard, arrivals)
    keys = _keys(arrivals)
    if any(arrival.said.seq is None and not isinstance(arrival.said, Refusal) for arrival in arrivals):
        conn.execute(retractions.ALONE)
    sightings.tell(conn, seen)
    words_asked, loans_asked = _ask_words(conn, keys), loans.ask(conn, seen)
    given, borrowers = _words(words_asked), Borrowers(loans_asked)
    unnumbered = [a for a in arrivals if a.scale and isinstance(a.said, Claim) and a.said.seq is None]
    new = [*_first_of_each(arrivals, given), *echoes.weighings(conn, unnumbered)]
    rows = _judge(conn, new, borrowers, rate=rate)
    added = reading_rows.insert(conn, rows, now=now)
    numbered = sum(row.seq is not None for row in rows)
    retractions.apply(conn, arrivals, now=now)
    words = given | _given(rows) if added.numbers == numbered else _words(_ask_words(conn, keys))
    refused = _reject(conn, arrivals, words, now=now)
    answers = [answer for arrival in arrivals if (answer := _answer(arrival, words))]
    return Outcome(
        answers=answers,
        new=added.accepted,
        doubted=added.quarantined,
        known=_received(arrivals) - added.accepted - added.quarantined - _of_each_dialect(refused),
        refused_for=refused,
    )


def _received(arrivals: Iterable[Arrival]) -> Counter[str]:
    """What was said by each dialect, but for weighings taken back."""
    return Counter(arrival.said.source for arrival in arrivals if not isinstance(arrival.said, Retraction))


def _of_each_dialect(refused: Counter[Reason]) -> Counter[str]:
    of_each: Counter[str] = Counter()
    for (source, _), number in refused.items():
        of_each[source] += number
    return of_each


def _key(arrival: Arrival) -> Key | None:
    seq = arrival.said.seq
    if arrival.scale is None or seq is None or not is_number_of_a_reading(seq):
        return None
    return (arrival.scale, seq)


def _keys(arrivals: Iterable[Arrival]) -> str:
    """The numbers of these, as JSON."""
    keys = sorted({key for arrival in arrivals if (key := _key(arrival))})
    return to_json([{"site": site, "device_id": device_id, "seq": seq} for (site, device_id), seq in keys]).decode()


def _ask_words(conn: Connection, keys: str) -> Cursor[_Given]:
    return conn.cursor(row_factory=args_row(_Given)).execute(WORDS, {"keys": keys})


def _words(asked: Cursor[_Given]) -> dict[Key | None, _Given]:
    return {(Scale(given.site, given.device_id), given.seq): given for given in asked}


def _given(rows: Iterable[Row]) -> dict[Key | None, _Given]:
    """The words that this batch gave; nobody was faster."""
    return {
        (row.scale, row.seq): _Given(
            site=row.scale.site,
            device_id=row.scale.device_id,
            seq=row.seq,
            word=row.word,
            reason=row.reason,
            said_of=row.said_of,
        )
        for row in rows
        if row.seq is not None
    }


def _first_of_each(arrivals: Iterable[Arrival], known: Mapping[Key | None, _Given]) -> list[Arrival]:
    """The first claim of each new seq in the batch is the one that counts."""
    first: dict[Key, Arrival] = {}
    for arrival in arrivals:
        if (key := _key(arrival)) and key not in known:
            first.setdefault(key, arrival)
    return list(first.values())


@dataclass(kw_only=True, slots=True)
class _Timed:
    """A claim with its true time and its person, before its weight is judged."""

    scale: Scale
    arrival: Arrival
    claim: Claim
    timing: Timing
    doubt: str | None
    patient_id: str | None

    @property
    def person(self) -> Person:
        return self.patient_id or self.scale


def _judge(conn: Connection, new: Sequence[Arrival], borrowers: Borrowers, *, rate: float) -> list[Row]:
    claims = _time(new, borrowers, rate=rate)
    earlier = earlier_weights(conn, [(t.person, t.timing.measured_at) for t in claims if t.doubt is None])
    changed = sightings.batteries_changed(conn, {timed.scale for timed in claims})
    rows = []
    for timed in claims:
        weight_kg, at = float(timed.claim.weight_kg), timed.timing.measured_at
        known = earlier[timed.person]
        doubt = timed.doubt or timed.claim.doubt
        rows.append(_row(timed, doubt or known.judge(weight_kg, at, battery_changed_at=changed.get(timed.scale))))
    return rows + [
        Row(scale=scale, seq=said.seq, word="rejected", reason=said.reason, said_of=said.said_of, weighing=None)
        for arrival in new
        if (scale := arrival.scale) and isinstance(said := arrival.said, Refusal)
    ]


def _time(new: Sequence[Arrival], borrowers: Borrowers, *, rate: float) -> list[_Timed]:
    timed = []
    for arrival in new:
        if (scale := arrival.scale) and isinstance(claim := arrival.said, Claim):
            when = timing(claim, received_at=arrival.received_at, may_have_waited=arrival.may_have_waited, rate=rate)
            doubt = doubt_of_time(when.measured_at, received_at=arrival.received_at, rate=rate)
            patient_id = borrowers.of(scale, at=arrival.received_at if doubt else when.measured_at)
            timed.append(
                _Timed(scale=scale, arrival=arrival, claim=claim, timing=when, doubt=doubt, patient_id=patient_id)
            )
    return timed


def _row(timed: _Timed, doubt: str | None) -> Row:
    return Row(
        scale=timed.scale,
        seq=timed.claim.seq,
        word="quarantined" if doubt else "stored",
        reason=doubt,
        said_of="" if timed.claim.seq is None else timed.claim.said_of,
        weighing=Weighing(
            patient_id=timed.patient_id,
            measured_at=timed.timing.measured_at,
            received_at=timed.arrival.received_at,
            weight_kg=timed.claim.weight_kg,
            source=timed.claim.source,
            clock_error=timed.timing.clock_error,
            raw=timed.claim.raw,
            time_source=timed.claim.time_source,
            origin=timed.claim.origin,
        ),
    )


def _reject(
    conn: Connection, arrivals: Iterable[Arrival], words: dict[Key | None, _Given], *, now: datetime
) -> Counter[Reason]:
    """Keep every message that is no reading, and every new claim for a seq that stands for something else."""
    refused = [(a, reason) for a in arrivals if (reason := _reason_to_reject(a, words))]
    kept: dict[bytes, list[tuple[Arrival, str]]] = {}
    for arrival, reason in refused:
        if not isinstance(arrival.said, Refusal) or arrival.said.kept:
            kept.setdefault(_fingerprint(arrival), []).append((arrival, reason))
    if kept:
        conn.execute(REJECT, _rejections(kept) | {"now": now})
    return Counter((arrival.said.source, reason) for arrival, reason in refused)


def _raw(arrival: Arrival) -> bytes:
    raw = arrival.said.raw
    return raw if isinstance(raw, bytes) else raw.encode()


def _fingerprint(arrival: Arrival) -> bytes:
    return hashlib.sha256(arrival.topic.encode() + b"\0" + _raw(arrival)).digest()


def _rejections(kept: dict[bytes, list[tuple[Arrival, str]]]) -> dict[str, object]:
    """The columns of `REJECT`, of the first of each."""
    arrivals = [same[0][0] for same in kept.values()]
    return {
        "fingerprints": list(kept),
        "topics": [arrival.topic for arrival in arrivals],
        "seqs": [arrival.said.seq for arrival in arrivals],
        "reasons": [same[0][1] for same in kept.values()],
        "payloads": [_raw(arrival)[:KEPT_BYTES] for arrival in arrivals],
        "sizes": [len(_raw(arrival)) for arrival in arrivals],
        "received": [arrival.received_at for arrival in arrivals],
        "times": [len(same) for same in kept.values()],
    }


def _reason_to_reject(arrival: Arrival, words: dict[Key | None, _Given]) -> str | None:
    if isinstance(arrival.said, Refusal):
        return arrival.said.reason
    given = words.get(_key(arrival))
    if given is None or isinstance(arrival.said, Retraction):
        return None
    return SEQ_REUSED if given.said_of != arrival.said.said_of else None


def _answer(arrival: Arrival, words: dict[Key | None, _Given]) -> Answer | None:
    said = arrival.said
    if said.seq is None:
        return None
    if given := words.get(_key(arrival)):
        return Answer(topic=arrival.topic, seq=said.seq, word=given.word, reason=given.reason)
    assert isinstance(said, Refusal)  # a claim with a seq has been given its word
    return Answer(topic=arrival.topic, seq=said.seq, word="rejected", reason=said.reason)
