"""Whom first? Patients with open episodes, the worst and longest waiting at the top; each patient once."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, LiteralString

from fastapi import APIRouter, Request
from psycopg.rows import class_row
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from clinician_api import audit, vocabulary
from clinician_api.dependencies import LIVE_HEADER, Now, SignedIn, ThePage, Transaction
from clinician_api.patient import chart
from clinician_api.worklist import outages, weights_to_check
from schemas.alert import SEVERITIES, Cause, Severity
from schemas.database import Connection

router = APIRouter()
SHOWN = timedelta(days=30)
WEEK = timedelta(days=7)
_POINTS = TypeAdapter(list[chart.Point])


class OpenEpisode(BaseModel):
    """An open episode as a row shows it."""

    episode_id: int
    cause: Cause
    severity: Severity
    state: Literal["new", "taken", "follow_up"]
    opened_at: datetime
    owner: str | None
    taken_at: datetime | None
    next_at: datetime | None
    snoozed_until: datetime | None
    sentence: dict[str, str]

    @property
    def urgency(self) -> tuple[object, ...]:
        """Smaller is first: clinical causes, then severity, then who still waits, then how long."""
        clinical = self.cause in vocabulary.CLINICAL
        return not clinical, -SEVERITIES.index(self.severity), self.rests, self.opened_at

    @property
    def rests(self) -> bool:
        """Whether somebody has acted on it, so that it waits for nobody now."""
        return self.state != "new" or self.snoozed_until is not None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A patient with at least one open episode; weights in kg."""

    patient_id: str
    open: list[OpenEpisode]
    family_name: str | None
    given_name: str | None
    birth_date: date | None
    sex: str | None
    last_at: datetime | None
    last_kg: float | None
    dry_kg: float | None
    days: list[chart.Point] = field(default_factory=list)

    def __post_init__(self) -> None:
        read = [OpenEpisode.model_validate(episode) for episode in self.open]
        object.__setattr__(self, "open", sorted(read, key=lambda episode: episode.urgency))
        object.__setattr__(self, "days", _POINTS.validate_python(self.days))

    @property
    def worst(self) -> OpenEpisode:
        return self.open[0]

    @property
    def change_7d(self) -> float | None:
        """The last weight against the last one at least a week older, which may be nine days older at most."""
        if not self.days:
            return None
        last = self.days[-1]
        before = [p for p in self.days if WEEK - timedelta(hours=6) <= last.measured_at - p.measured_at]
        if not before or last.measured_at - before[-1].measured_at > WEEK + timedelta(days=2):
            return None
        return last.weight_kg - before[-1].weight_kg

    def sparkline(self, now: datetime) -> chart.Sparkline:
        return chart.sparkline(self.days, start=now - SHOWN, end=now, dry_kg=self.dry_kg)


# Starts from the partial index on open episodes, then looks each shown patient up: patients not shown cost nothing.
ROWS: LiteralString = """
WITH open AS (
    SELECT patient_id, jsonb_agg(jsonb_build_object(
        'episode_id', episode_id, 'cause', cause, 'severity', severity, 'state', state, 'opened_at', opened_at,
        'owner', u.display_name, 'taken_at', taken_at, 'next_at', next_at, 'snoozed_until', snoozed_until,
        'sentence', evidence -> 'sentence')) AS open
    FROM episode LEFT JOIN app_user AS u ON u.user_id = owner
    WHERE closed_at IS NULL GROUP BY patient_id
)
SELECT open.patient_id, open.open, i.family_name, i.given_name, i.birth_date, i.sex,
       l.measured_at AS last_at, l.weight_kg::float8 AS last_kg, dry.weight_kg::float8 AS dry_kg,
       coalesce(days.points, '[]') AS days
FROM open
LEFT JOIN patient AS p USING (patient_id)
LEFT JOIN patient_identity AS i USING (patient_id)
LEFT JOIN latest_reading AS l USING (patient_id)
LEFT JOIN LATERAL (
    SELECT weight_kg FROM dry_weight AS d WHERE d.patient_id = open.patient_id AND valid_from <= %(now)s
    ORDER BY valid_from DESC, dry_weight_id DESC LIMIT 1
) AS dry ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('measured_at', measured_at, 'weight_kg', weight_kg)
                     ORDER BY measured_at) AS points
    FROM (
        SELECT DISTINCT ON (date_trunc('day', measured_at, coalesce(p.time_zone, 'Europe/Paris')))
               measured_at, weight_kg
        FROM standing_reading AS r
        WHERE r.patient_id = open.patient_id AND quarantine_reason IS NULL
          AND measured_at > %(now)s - interval '30 days' AND measured_at <= %(now)s
        ORDER BY date_trunc('day', measured_at, coalesce(p.time_zone, 'Europe/Paris')), measured_at
    ) AS first_of_day
) AS days ON true
"""


def rows(conn: Connection, *, now: datetime) -> list[Row]:
    """The patients to act on, most urgent first."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        found = cursor.execute(ROWS, {"now": now}).fetchall()
    return sorted(found, key=lambda row: row.worst.urgency)


@dataclass(frozen=True, kw_only=True)
class Section:
    """The patients whose worst episode has one cause."""

    cause: Cause
    rows: list[Row]

    @property
    def clinical(self) -> bool:
        return self.cause in vocabulary.CLINICAL


def sections(found: list[Row]) -> list[Section]:
    """One for each cause present; the section with the most urgent patient first."""
    causes = dict.fromkeys(row.worst.cause for row in found)
    return [Section(cause=cause, rows=[row for row in found if row.worst.cause == cause]) for cause in causes]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How we know that the list is whole: how many are watched, and when a weight last arrived."""

    patients: int
    received_at: datetime | None
    unknown_scales: int


# A week's bound lets a hypertable look at one chunk.
PROOF: LiteralString = """
SELECT (SELECT count(*) FROM patient) AS patients,
       (SELECT received_at FROM reading WHERE measured_at > %(now)s - interval '7 days'
        ORDER BY recorded_at DESC LIMIT 1) AS received_at,
       (SELECT count(*) FROM device_sighting AS s WHERE last_seen_at > %(now)s - interval '30 days' AND NOT EXISTS
         (SELECT FROM device_loan AS l WHERE l.site = s.site AND l.device_id = s.device_id AND returned_at IS NULL)
       ) AS unknown_scales
"""


def proof(conn: Connection, *, now: datetime) -> Proof:
    with conn.cursor(row_factory=class_row(Proof)) as cursor:
        found = cursor.execute(PROOF, {"now": now}).fetchone()
    assert found
    return found


@router.get("/")
def show(request: Request, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """The worklist; for a refresh by the screen itself, only its inside."""
    live = LIVE_HEADER in request.headers
    if not live:
        audit.write(conn, "worklist.read", of="", by=user.user_id, at=now)
    found = rows(conn, now=now)
    return page.answer(
        "worklist_inside.html" if live else "worklist.html",
        sections=sections(found),
        patients=len(found),
        waiting=sum(not episode.rests for row in found for episode in row.open),
        taken=sum(episode.rests for row in found for episode in row.open),
        proof=proof(conn, now=now),
        checks=weights_to_check.waiting(conn, now=now),
        outages=outages.lasting(conn),
    )
