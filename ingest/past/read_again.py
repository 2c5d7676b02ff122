"""What would today's adapters make of stored readings? A misread one is ended by an event and told anew.

`reading` keeps what came, not on which topic, so a topic that says the same is made from the scale's name. Whether it
had waited is forgotten too: what is as stored either way was not misread.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString

from psycopg.rows import class_row

from ingest.adapters import (
    arrival,
    ble_scale_sync,
    esphome,
    lorawan,
    miscale,
    openscale,
    tasmota,
    theengs,
    withings,
)
from ingest.adapters.arrival import Arrival
from ingest.claim import NATIVE, Claim
from ingest.message import Message, Scale
from ingest.storage import store
from schemas.database import Connection

CHUNK = 500
REASON = "read_again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A reading as it was taken."""

    reading_id: int
    site: str
    device_id: str
    measured_at: datetime
    received_at: datetime
    weight_kg: Decimal
    source: str
    clock_error: timedelta | None
    time_source: str | None
    raw: str


# What a source took back, or a nurse decided about, stays as they left it.
STORED: LiteralString = """
SELECT reading_id, site, device_id, measured_at, received_at, weight_kg, source, clock_error, time_source, raw
FROM standing_reading AS r
WHERE state IN ('accepted', 'quarantined') AND source = ANY(%(sources)s)
  AND NOT EXISTS (SELECT FROM reading_review WHERE reading_review.reading_id = r.reading_id)
"""
END: LiteralString = """
INSERT INTO reading_event (reading_id, site, device_id, measured_at, kind, reason, received_at, recorded_at)
VALUES (%(reading_id)s, %(site)s, %(device_id)s, %(measured_at)s, %(kind)s, %(reason)s, %(now)s, %(now)s)
"""


def _homely(topic: str) -> Callable[[Stored], str]:
    """A topic of a home, if there is one, and a user."""

    def of(stored: Stored) -> str:
        home, _, user = stored.device_id.rpartition(":")
        return f"{home}/{topic}".lstrip("/").replace("USER", user)

    return of


def _of_things_stack(stored: Stored) -> str:
    return f"v3/again/devices/{json.loads(stored.raw)['end_device_ids']['device_id']}/up"


# Tenovi's unit stood in the address alone, and what `vigie import` brought has no adapter: neither is here.
TOPICS: dict[str, Callable[[Stored], str]] = {
    NATIVE: lambda stored: f"vigie/1/{stored.site}/{stored.device_id}/reading",
    openscale.NAME: lambda stored: _homely("openScaleSync/USER/measurements/insert")(stored).replace("/default/", "/"),
    ble_scale_sync.NAME: _homely("scale/body-composition/USER"),
    theengs.NAME: lambda stored: f"again/again/BTtoMQTT/{stored.device_id}",
    "bluetooth-sig": lambda stored: f"again/again/BTtoMQTT/{stored.device_id}",
    miscale.NAME: _homely("miscale/USER/weight"),
    tasmota.NAME: lambda _: "stat/again/SENSOR",
    esphome.NAME: lambda stored: "{}/sensor/{}/state".format(*stored.device_id.rsplit(":", 1)),
    lorawan.CHIRPSTACK: lambda stored: f"application/again/device/{stored.device_id}/event/up",
    lorawan.THINGS_STACK: _of_things_stack,
    withings.NAME: lambda stored: f"webhook/withings/{stored.device_id}",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Misread:
    """A reading that would not be taken so today; `claim` is what it is today, None if it is no reading."""

    stored: Stored
    topic: str
    claim: Claim | None


def misread(stored: Stored) -> Misread | None:
    """How it is read today, if that is otherwise."""
    topic = TOPICS[stored.source](stored)
    claims = [claim for waited in (False, True) for claim in _claims(stored, topic, waited=waited)]
    if any((claim.measured_at, claim.weight_kg) == (stored.measured_at, stored.weight_kg) for claim in claims):
        return None
    alike = [claim for claim in claims if claim.time_source == stored.time_source]
    return Misread(stored=stored, topic=topic, claim=next(iter([*alike, *claims]), None))


def _claims(stored: Stored, topic: str, *, waited: bool) -> Iterator[Claim]:
    payload = f'{{"body": {{"measuregrps": [{stored.raw}]}}}}' if stored.source == withings.NAME else stored.raw
    message = Message(topic=topic, payload=payload.encode(), received_at=stored.received_at, may_have_waited=waited)
    for one in arrival.arrivals(message):
        if isinstance(one.said, Claim) and one.scale == Scale(stored.site, stored.device_id):
            at = one.said.measured_at - (stored.clock_error or timedelta())
            yield replace(one.said, seq=None, sent_at=None, measured_at=at, repeats_within=None, restates=False)


def stored_readings(conn: Connection) -> Iterator[Sequence[Stored]]:
    """All that can be read again, in chunks, as they stand now; `conn` is used for nothing else meanwhile."""
    with conn.cursor(name="read_again", row_factory=class_row(Stored)) as cursor:
        cursor.execute(STORED, {"sources": list(TOPICS)})
        while chunk := cursor.fetchmany(CHUNK):
            yield chunk


def correct(conn: Connection, some: Sequence[Stored], *, now: datetime, rate: float) -> int:
    """End those that were misread and store what they are; how many there were. Does not commit."""
    found = [one for stored in some if (one := misread(stored))]
    for one in found:
        kind = "superseded" if one.claim else "excluded"
        ended = {"reading_id": one.stored.reading_id, "measured_at": one.stored.measured_at, "kind": kind}
        named = {"site": one.stored.site, "device_id": one.stored.device_id, "reason": REASON, "now": now}
        conn.execute(END, ended | named)
    store.store(conn, [_arrival(one, one.claim) for one in found if one.claim], [], now=now, rate=rate)
    return len(found)


def _arrival(one: Misread, claim: Claim) -> Arrival:
    return Arrival(
        topic=one.topic,
        scale=Scale(one.stored.site, one.stored.device_id),
        received_at=one.stored.received_at,
        may_have_waited=True,
        said=claim,
    )
