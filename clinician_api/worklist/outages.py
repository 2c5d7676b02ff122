"""Can weights reach us now? The outages that last, for the worklist's banner."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Cursor

from schemas import database
from schemas.database import Connection


@dataclass(frozen=True, kw_only=True)
class Outage:
    """An outage that lasts and has been told to the team; `site` None: everywhere."""

    outage_id: int
    site: str | None
    from_at: datetime
    patients: int


LASTING: LiteralString = """
SELECT outage_id, site, from_at, patients FROM service_outage
WHERE until_at IS NULL AND announced_at IS NOT NULL ORDER BY site NULLS FIRST, outage_id
"""


def lasting(conn: Connection) -> Cursor[Outage]:
    """Those to be shown, of everything first."""
    return database.ask(conn, Outage, LASTING)
