"""When was each scale last heard of, and how is it? A row for each, its facts in the order in which they came."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

from psycopg.rows import args_row
from pydantic_core import to_json

from ingest.adapters.arrival import Arrival, Sighting
from ingest.claim import NOTHING_SAID, Claim, Condition
from ingest.message import Scale
from schemas.database import Connection

FRESH = timedelta(minutes=1)
MOST_TOLD = 20_000

SIGHT: LiteralString = """
INSERT INTO device_sighting AS known (site, device_id, first_seen_at, last_seen_at, online, battery_pct, firmware)
SELECT site, device_id, at, at, online, battery_pct, firmware
FROM json_to_recordset(%(seen)s::json)
     AS seen (site text, device_id text, at timestamptz, online bool, battery_pct int, firmware text)
ORDER BY site, device_id
ON CONFLICT (site, device_id) DO UPDATE SET
    last_seen_at = CASE WHEN excluded.site || '/' || excluded.device_id = ANY (%(not_alive)s::text[])
                        THEN known.last_seen_at ELSE greatest(known.last_seen_at, excluded.last_seen_at) END,
    online = coalesce(excluded.online, known.online),
    battery_pct = coalesce(excluded.battery_pct, known.battery_pct),
    battery_changed_at = CASE WHEN excluded.battery_pct >= known.battery_pct + 30 THEN excluded.last_seen_at
                              ELSE known.battery_changed_at END,
    firmware = coalesce(excluded.firmware, known.firmware)
"""

BATTERIES: LiteralString = """
SELECT site, device_id, battery_changed_at
FROM json_to_recordset(%(scales)s::json) AS asked (site text, device_id text)
JOIN device_sighting USING (site, device_id) WHERE battery_changed_at IS NOT NULL
"""


@dataclass(kw_only=True, slots=True)
class Seen:
    """What a batch tells of one scale: its facts merged in the order in which they came."""

    at: datetime
    alive: bool
    online: bool | None = None
    battery_pct: int | None = None
    firmware: str | None = None

    def learn(self, at: datetime, condition: Condition, *, alive: bool) -> None:
        self.at, self.alive = at, self.alive or alive
        if condition.online is not None:
            self.online = condition.online
        if condition.battery_pct is not None:
            self.battery_pct = condition.battery_pct
        self.firmware = condition.firmware or self.firmware

    def adds_to(self, told: "Seen") -> bool:
        """Whether it says more than what was told less than a minute ago."""
        return (
            self.at - told.at >= FRESH
            or self.alive > told.alive
            or self.online not in (None, told.online)
            or self.battery_pct not in (None, told.battery_pct)
            or self.firmware not in (None, told.firmware)
        )


def seen(sightings: Iterable[Sighting], arrivals: Iterable[Arrival]) -> dict[Scale, Seen]:
    """What a batch tells of each scale."""
    found: dict[Scale, Seen] = {}
    for sighting in sightings:
        known = found.setdefault(sighting.scale, Seen(at=sighting.at, alive=False))
        known.learn(sighting.at, sighting.condition, alive=sighting.alive)
    for arrival in arrivals:
        if arrival.scale:
            known = found.get(arrival.scale) or found.setdefault(
                arrival.scale, Seen(at=arrival.received_at, alive=False)
            )
            condition = arrival.said.condition if isinstance(arrival.said, Claim) else NOTHING_SAID
            known.learn(arrival.received_at, condition, alive=not arrival.retained)
    return found


def tell(conn: Connection, found: Mapping[Scale, Seen]) -> None:
    """Write it down; until the transaction ends each scale's row is locked, whether or not there was news."""
    rows = to_json([_row(scale, known) for scale, known in found.items()]).decode()
    not_alive = ["/".join(scale) for scale, known in found.items() if not known.alive]
    conn.execute(SIGHT, {"seen": rows, "not_alive": not_alive})


class _Change(NamedTuple):
    site: str
    device_id: str
    at: datetime


def batteries_changed(conn: Connection, scales: Iterable[Scale]) -> dict[Scale, datetime]:
    """When each of these scales last got a fresh battery, where that is known."""
    asked = to_json([scale._asdict() for scale in sorted(scales)]).decode()
    changes = conn.cursor(row_factory=args_row(_Change)).execute(BATTERIES, {"scales": asked})
    return {Scale(one.site, one.device_id): one.at for one in changes}


@dataclass(kw_only=True)
class Told:
    """What was told of late, so that a scale that sends much is not written down for each reading."""

    _told: dict[Scale, Seen] = field(default_factory=dict)

    def news(self, found: Mapping[Scale, Seen]) -> dict[Scale, Seen]:
        """Those of which there is more to tell than in the last minute."""
        told = self._told
        return {scale: known for scale, known in found.items() if scale not in told or known.adds_to(told[scale])}

    def remember(self, found: Mapping[Scale, Seen]) -> None:
        """These are committed."""
        if len(self._told) + len(found) > MOST_TOLD:
            self._told.clear()
        self._told |= found


def _row(scale: Scale, known: Seen) -> dict[str, object]:
    return {
        "site": scale.site,
        "device_id": scale.device_id,
        "at": known.at,
        "online": known.online,
        "battery_pct": known.battery_pct,
        "firmware": known.firmware,
    }
