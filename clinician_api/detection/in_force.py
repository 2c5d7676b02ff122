"""Which detector alerts, which runs in its shadow, who chose it, and at what price? The newest row of each duty."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg.rows import class_row, scalar_row

from schemas.database import Connection
from schemas.plan import DEFAULT_DETECTOR

Duty = Literal["alerting", "shadow"]
FIELDS = {"guideline": "gain_kg", "macd": "macd_threshold_kg", "vigie": "vigie_threshold"}
"""Where a plan holds the detector's threshold; the others' is `peer_threshold`."""

CHOICES: LiteralString = """
SELECT choice_id, duty, detector, threshold, price, choice.reason, recorded_at,
       first.display_name AS author, second.display_name AS second
FROM detector_choice AS choice
LEFT JOIN app_user AS first ON first.user_id = choice.author
LEFT JOIN app_user AS second ON second.user_id = choice.second
WHERE duty = %(duty)s ORDER BY choice_id DESC LIMIT %(limit)s
"""
NEWEST: LiteralString = """
SELECT CASE WHEN %(patient_id)s::text IS NOT NULL
            THEN (SELECT max(plan_id) FROM plan WHERE patient_id = %(patient_id)s)
            WHEN %(team_id)s::bigint IS NOT NULL
            THEN (SELECT max(team_plan_id) FROM team_plan WHERE team_id = %(team_id)s)
            ELSE (SELECT max(choice_id) FROM detector_choice WHERE duty = 'alerting') END
"""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A row of `detector_choice`; the author of one made by a command is nobody known."""

    choice_id: int
    duty: Duty
    detector: str | None
    threshold: float | None
    price: dict[str, Any] | None
    reason: str | None
    recorded_at: datetime
    author: str | None
    second: str | None


def choices(conn: Connection, duty: Duty, *, limit: int = 1) -> list[Choice]:
    """The newest first."""
    with conn.cursor(row_factory=class_row(Choice)) as cursor:
        return cursor.execute(CHOICES, {"duty": duty, "limit": limit}).fetchall()


def in_force(conn: Connection, duty: Duty) -> Choice | None:
    return next(iter(choices(conn, duty)), None)


def newest(conn: Connection, *, patient_id: str | None = None, team_id: int | None = None) -> int:
    """What a trial is based on: the number of the clinic's newest choice, or a patient's or team's newest plan."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return int(cursor.execute(NEWEST, {"patient_id": patient_id, "team_id": team_id}).fetchone() or 0)


def alerting(conn: Connection) -> str:
    """Which detector alerts."""
    return detector(in_force(conn, "alerting"))


def detector(choice: Choice | None) -> str:
    """Which detector alerts by this choice."""
    return (choice and choice.detector) or DEFAULT_DETECTOR


def field(detector: str) -> str:
    """The field of a plan that holds this detector's threshold."""
    return FIELDS.get(detector, "peer_threshold")
