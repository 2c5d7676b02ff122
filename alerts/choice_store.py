"""Which detectors has the clinic chosen, and what was the price? Signed on the screens, read by the worker."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

import structlog
from psycopg.rows import class_row

from alerts.judgement.choice import DEFAULT, Choice, Duty
from alerts.judgement.registry import DETECTORS
from schemas.database import Connection

log = structlog.get_logger()

CHOSEN: LiteralString = """
SELECT DISTINCT ON (duty) duty, detector, threshold, price, recorded_at FROM detector_choice
ORDER BY duty, choice_id DESC
"""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The newest row of one duty."""

    duty: Literal["alerting", "shadow"]
    detector: str | None
    threshold: float | None
    price: dict[str, Any] | None
    recorded_at: datetime


def chosen(conn: Connection) -> dict[str, Chosen]:
    """The rows that hold, by duty."""
    with conn.cursor(row_factory=class_row(Chosen)) as cursor:
        return {row.duty: row for row in cursor.execute(CHOSEN)}


def choice(conn: Connection) -> Choice:
    """The choice that holds. A detector this program lacks is passed over: patients are watched all the same."""
    duties = {duty: found for duty, row in chosen(conn).items() if (found := _duty(row))}
    return Choice(alerting=duties.get("alerting", DEFAULT.alerting), shadow=duties.get("shadow"))


def _duty(row: Chosen) -> Duty | None:
    if row.detector is not None and row.detector not in DETECTORS:
        instead = DEFAULT.alerting.detector if row.duty == "alerting" else None
        log.error("unknown_detector_chosen", duty=row.duty, detector=row.detector, instead=instead)
        return None
    return Duty(detector=row.detector, threshold=row.threshold) if row.detector else None
