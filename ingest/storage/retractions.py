"""Which readings no longer stand, and which stand again? Events join the readings; no reading is changed.

A retraction speaks of what was received before it, so it does not matter who is stored first: what comes later but was
received earlier is taken back too, and what is said anew afterwards stands.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from ingest.adapters.arrival import Arrival
from ingest.claim import Claim, Retraction
from schemas.database import Connection

# A dialect without numbers takes back what it said, and hears a weighing twice: who looks at what is stored of it
# (ALONE) must see all of it, so whoever only adds to it (BESIDE_OTHERS) waits meanwhile. Before all other locks.
ALONE: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('vigie-unnumbered'))"
BESIDE_OTHERS: LiteralString = "SELECT pg_advisory_xact_lock_shared(hashtext('vigie-unnumbered'))"

# Whether the source has taken it back is asked of the events alone: what a nurse excluded is taken back beside that, so
# that her undo does not bring back what its source deleted meanwhile.
RETRACT: LiteralString = """
WITH said AS (
    INSERT INTO retraction (site, device_id, kind, reason, origin, since, until, keeps_at, keeps_kg, source,
                            received_at, recorded_at, raw)
    VALUES (%(site)s, %(device_id)s, %(kind)s, %(reason)s, %(origin)s, %(since)s, %(until)s, %(keeps_at)s,
            %(keeps_kg)s, %(source)s, %(received_at)s, %(now)s, %(raw)s)
    ON CONFLICT DO NOTHING  -- a replay of kept messages
    RETURNING *
)
INSERT INTO reading_event (reading_id, site, device_id, measured_at, kind, reason, received_at, recorded_at)
SELECT r.reading_id, r.site, r.device_id, r.measured_at, said.kind, said.reason, said.received_at, said.recorded_at
FROM said JOIN standing_reading AS r USING (site, device_id)
WHERE r.received_at <= said.received_at
  AND NOT EXISTS (SELECT FROM (SELECT kind FROM reading_event AS e WHERE e.reading_id = r.reading_id
                               ORDER BY event_id DESC LIMIT 1) AS latest WHERE kind <> 'restored')
  AND CASE WHEN r.origin = said.origin THEN true
           ELSE r.measured_at >= said.since AND r.measured_at < said.until
                AND (said.origin IS NULL OR r.origin IS NULL) END
  AND (r.measured_at, r.weight_kg) IS DISTINCT FROM (said.keeps_at, said.keeps_kg)
ORDER BY r.reading_id
"""
RETRACTED_SCALES: LiteralString = """
SELECT EXISTS (
    SELECT FROM retraction
    JOIN unnest(%(sites)s::text[], %(device_ids)s::text[]) AS asked (site, device_id) USING (site, device_id)
)
"""
# Stored now, received before a retraction that is known already.
RETRACT_LATE: LiteralString = """
INSERT INTO reading_event (reading_id, site, device_id, measured_at, kind, reason, received_at, recorded_at)
SELECT DISTINCT ON (r.reading_id) r.reading_id, r.site, r.device_id, r.measured_at, said.kind, said.reason,
       said.received_at, %(now)s
FROM standing_reading AS r JOIN retraction AS said USING (site, device_id)
WHERE r.site = %(site)s AND r.device_id = %(device_id)s AND r.measured_at = %(measured_at)s
  AND r.weight_kg = %(weight_kg)s
  AND NOT EXISTS (SELECT FROM (SELECT kind FROM reading_event AS e WHERE e.reading_id = r.reading_id
                               ORDER BY event_id DESC LIMIT 1) AS latest WHERE kind <> 'restored')
  AND said.received_at > greatest(r.received_at, %(received_at)s)
  AND CASE WHEN r.origin = said.origin THEN true
           ELSE r.measured_at >= said.since AND r.measured_at < said.until
                AND (said.origin IS NULL OR r.origin IS NULL) END
  AND (r.measured_at, r.weight_kg) IS DISTINCT FROM (said.keeps_at, said.keeps_kg)
  AND NOT EXISTS (SELECT FROM reading_event AS e
                  WHERE e.reading_id = r.reading_id AND e.received_at >= said.received_at)
ORDER BY r.reading_id, said.retraction_id DESC
"""
# Taken back before, said again since.
RESTORE: LiteralString = """
INSERT INTO reading_event (reading_id, site, device_id, measured_at, kind, reason, received_at, recorded_at)
SELECT r.reading_id, r.site, r.device_id, r.measured_at, 'restored', 'said_again', %(received_at)s, %(now)s
FROM standing_reading AS r
WHERE r.site = %(site)s AND r.device_id = %(device_id)s AND r.measured_at = %(measured_at)s
  AND r.weight_kg = %(weight_kg)s
  AND EXISTS (SELECT FROM (SELECT kind FROM reading_event AS e WHERE e.reading_id = r.reading_id
                           ORDER BY event_id DESC LIMIT 1) AS latest WHERE kind <> 'restored')
  AND (SELECT max(received_at) FROM reading_event AS e WHERE e.reading_id = r.reading_id) < %(received_at)s
"""


def apply(conn: Connection, arrivals: Sequence[Arrival], *, now: datetime) -> None:
    """Write the events that these arrivals, whose readings are stored, make; the scales' sightings are locked."""
    said = [a for a in arrivals if isinstance(a.said, Retraction) or (isinstance(a.said, Claim) and a.said.restates)]
    if not said or not (any(isinstance(a.said, Retraction) for a in said) or _were_retracted(conn, said)):
        return
    for arrival in said:
        if isinstance(arrival.said, Retraction):
            conn.execute(RETRACT, _retraction(arrival, arrival.said, now))
        elif isinstance(arrival.said, Claim):
            reading = _reading(arrival, arrival.said, now)
            conn.execute(RETRACT_LATE, reading)
            conn.execute(RESTORE, reading)


def _were_retracted(conn: Connection, arrivals: Sequence[Arrival]) -> bool:
    scales = {arrival.scale for arrival in arrivals if arrival.scale}
    asked = {"sites": [scale.site for scale in scales], "device_ids": [scale.device_id for scale in scales]}
    return conn.execute(RETRACTED_SCALES, asked).fetchone() == (True,)


def _retraction(arrival: Arrival, said: Retraction, now: datetime) -> dict[str, object]:
    assert arrival.scale
    keeps_at, keeps_kg = said.keeps or (None, None)
    return {
        **arrival.scale._asdict(),
        "kind": said.kind,
        "reason": said.reason,
        "origin": said.origin,
        "since": said.since,
        "until": said.until,
        "keeps_at": keeps_at,
        "keeps_kg": keeps_kg,
        "source": said.source,
        "received_at": arrival.received_at,
        "raw": said.raw,
        "now": now,
    }


def _reading(arrival: Arrival, said: Claim, now: datetime) -> dict[str, object]:
    assert arrival.scale
    return {
        **arrival.scale._asdict(),
        "measured_at": said.measured_at,
        "weight_kg": said.weight_kg,
        "received_at": arrival.received_at,
        "now": now,
    }
