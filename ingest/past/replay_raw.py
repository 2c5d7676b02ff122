"""What would today's adapters make of messages that were refused before? Run over the kept ones, twice is once.

A seq keeps the word that its scale was given. Copies that were refused for being copies stay refused: when they were
weighed is as unknown as ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import LiteralString

from psycopg.rows import class_row

from ingest.adapters import arrival
from ingest.adapters.arrival import Arrival
from ingest.claim import Refusal
from ingest.discovery import announcements
from ingest.discovery.announcements import Registry
from ingest.message import Message
from ingest.storage import store
from schemas.database import Connection

CHUNK = 500
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)

# Payloads that were cut cannot be read.
REFUSED: LiteralString = """
SELECT fingerprint, topic, payload, received_at FROM rejection
WHERE (received_at, fingerprint) > (%(received_at)s, %(fingerprint)s)
  AND payload_bytes = length(payload) AND reason NOT LIKE 'retained%%' AND reason <> 'seq_reused'
ORDER BY received_at, fingerprint LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A message that was kept, as it was first received; the place where a replay goes on."""

    fingerprint: bytes
    topic: str
    payload: bytes
    received_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """How many messages were read again, and what was new in them; `last` is None when there are no more."""

    messages: int
    stored: int
    quarantined: int
    last: Refused | None


def replay(conn: Connection, *, after: Refused | None, now: datetime, rate: float) -> Replayed:
    """Read the next kept messages again, oldest first, and store what they say now; does not commit."""
    messages = _refused(conn, after)
    registry = announcements.known(conn)
    said = [one for message in messages for one in _arrivals(message, registry)]
    outcome = store.store(conn, said, [], now=now, rate=rate)
    return Replayed(
        messages=len(messages),
        stored=outcome.stored,
        quarantined=outcome.quarantined,
        last=messages[-1] if messages else None,
    )


def _refused(conn: Connection, after: Refused | None) -> list[Refused]:
    with conn.cursor(row_factory=class_row(Refused)) as cursor:
        cursor.execute(
            REFUSED,
            {
                "received_at": after.received_at if after else BEFORE_ALL,
                "fingerprint": after.fingerprint if after else b"",
                "limit": CHUNK,
            },
        )
        return cursor.fetchall()


def _arrivals(refused: Refused, registry: Registry) -> Iterator[Arrival]:
    """What it says but refusals, which are kept already. Whether it had waited is forgotten, so perhaps it had."""
    message = Message(
        topic=refused.topic, payload=refused.payload, received_at=refused.received_at, may_have_waited=True
    )
    if arrival.is_status(message):
        return
    announced = (one for read in registry.readers(message.topic) for one in arrival.heard(message, read))
    yield from (one for one in chain(arrival.arrivals(message), announced) if not isinstance(one.said, Refusal))
