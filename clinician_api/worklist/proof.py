"""How do we know that the list is whole? How many are watched, when a weight last arrived, who sends unknown."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Cursor

from schemas import database
from schemas.database import Connection


@dataclass(frozen=True, kw_only=True)
class Proof:
    """`received_at`: of the newest weight of the last seven days."""

    patients: int
    received_at: datetime | None
    unknown_scales: int


# A week's bound lets a hypertable look at one chunk; the counts are kept by triggers (0078).
PROOF: LiteralString = """
SELECT (SELECT patients FROM watched_patients) AS patients,
       (SELECT received_at FROM reading
        WHERE measured_at > %(now)s - interval '7 days' AND patient_id IS DISTINCT FROM 'VIGIE-CANARY'
        ORDER BY recorded_at DESC LIMIT 1) AS received_at,
       (SELECT count(*) FROM stranger_scale JOIN device_sighting USING (site, device_id)
        WHERE last_seen_at > %(now)s - interval '30 days') AS unknown_scales
"""


def proof(conn: Connection, *, now: datetime) -> Cursor[Proof]:
    """For the head of the page; one row."""
    return database.ask(conn, Proof, PROOF, {"now": now})
