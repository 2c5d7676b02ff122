"""What fired while we were closed, how long has it waited, how is it now? Monday's first page, the worst now first."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from fastapi import APIRouter
from psycopg.rows import class_row
from starlette.responses import Response

from clinician_api import audit, vocabulary
from clinician_api.dependencies import Now, SignedIn, ThePage, Transaction
from clinician_api.programme import working_time
from clinician_api.worklist.entries import CLEARLY_KG
from schemas.alert import SEVERITIES, Cause, Severity
from schemas.database import Connection

router = APIRouter()
MOST = 200
NOW = ("worse", "same", "unknown", "better", "back", "closed")
"""How it is now, the worst first."""


@dataclass(frozen=True, kw_only=True)
class Fired:
    """An alert raised, or raised higher, while nobody was there; weights in kg. A watch can wait for the worklist."""

    patient_id: str
    family_name: str | None
    given_name: str | None
    cause: Cause
    severity: Severity
    fired_at: datetime
    closed_at: datetime | None
    back_in_band_at: datetime | None
    owner: str | None
    raised_kg: float | None
    last_kg: float | None

    @property
    def is_now(self) -> str:
        """One of `NOW`."""
        if self.closed_at or self.back_in_band_at:
            return "closed" if self.closed_at else "back"
        if self.raised_kg is None or self.last_kg is None or self.cause not in vocabulary.CLINICAL:
            return "unknown"
        way = self.last_kg - self.raised_kg if self.cause == "decompensation" else self.raised_kg - self.last_kg
        return "worse" if way >= CLEARLY_KG else "better" if way <= -CLEARLY_KG else "same"

    @property
    def urgency(self) -> tuple[object, ...]:
        """Smaller is first: what is still open, then severity, then how it is now, then how long."""
        over = self.closed_at is not None or self.back_in_band_at is not None
        return over, -SEVERITIES.index(self.severity), NOW.index(self.is_now), self.fired_at


FIRED: LiteralString = """
WITH fired AS MATERIALIZED (
    SELECT DISTINCT ON (episode_id) episode_id, at AS fired_at FROM (
        SELECT episode_id, at FROM episode_event
        WHERE at >= %(since)s AND at < %(until)s AND kind IN ('raised', 'severity_rose') AND severity <> 'watch'
        ORDER BY at LIMIT %(most)s
    ) AS events ORDER BY episode_id, at
)
SELECT e.patient_id, i.family_name, i.given_name, e.cause, e.severity, fired_at, e.closed_at, e.back_in_band_at,
       u.display_name AS owner, (e.evidence ->> 'weight_kg')::float8 AS raised_kg, l.weight_kg::float8 AS last_kg
FROM fired JOIN episode AS e USING (episode_id)
LEFT JOIN patient_identity AS i USING (patient_id) LEFT JOIN latest_reading AS l USING (patient_id)
LEFT JOIN app_user AS u ON u.user_id = e.owner
"""


def fired(conn: Connection, *, since: datetime, until: datetime) -> list[Fired]:
    """What was raised between the two, the worst now first; the first 200."""
    with conn.cursor(row_factory=class_row(Fired)) as cursor:
        found = cursor.execute(FIRED, {"since": since, "until": until, "most": MOST}).fetchall()
    return sorted(found, key=lambda one: one.urgency)


@router.get("/monday")
def show(conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """The last night, weekend or holiday."""
    audit.write(conn, "worklist.read", of="closed hours", by=user.user_id, at=now)
    since, until = working_time.last_closure(now)
    return page.answer("closure.html", since=since, until=until, fired=fired(conn, since=since, until=until), most=MOST)
