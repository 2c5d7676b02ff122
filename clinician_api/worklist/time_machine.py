"""What stood on the worklist then? The list as it was at a past moment, from what had been recorded by that moment."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, LiteralString
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from psycopg.rows import class_row
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.responses import Response

from clinician_api import audit, vocabulary
from clinician_api.dependencies import Now, SignedIn, ThePage, Transaction
from clinician_api.language import CLINIC_ZONE, message
from clinician_api.patient import chart
from clinician_api.worklist import sparkline
from schemas.alert import SEVERITIES, Cause, Severity
from schemas.database import Connection

router = APIRouter()
MOST = 500
NO_MOMENT = message("Give a day and an hour that have passed.")
_POINTS = TypeAdapter(list[chart.Point])


class OpenThen(BaseModel):
    """An episode that was open then, with its severity and its reason as of then, and the last act on it."""

    model_config = ConfigDict(frozen=True)

    episode_id: int
    cause: Cause
    severity: Severity
    opened_at: datetime
    sentence: dict[str, str]
    act: str | None
    actor: str | None
    act_at: datetime | None

    @property
    def urgency(self) -> tuple[object, ...]:
        """Smaller is first, as on the worklist."""
        clinical = self.cause in vocabulary.CLINICAL
        return (
            self.severity == "watch",
            not clinical,
            -SEVERITIES.index(self.severity),
            self.act is not None,
            self.opened_at,
        )


@dataclass(frozen=True, kw_only=True)
class RowThen:
    """A patient with episodes open then; the weights (kg) that were known and counted then."""

    patient_id: str
    open: list[OpenThen]
    family_name: str | None
    given_name: str | None
    birth_date: date | None
    dry_kg: float | None
    days: list[chart.Point]

    def __post_init__(self) -> None:
        read = sorted((OpenThen.model_validate(e) for e in self.open), key=lambda episode: episode.urgency)
        object.__setattr__(self, "open", read)
        object.__setattr__(self, "days", _POINTS.validate_python(self.days))

    @property
    def last(self) -> chart.Point | None:
        return self.days[-1] if self.days else None

    def sparkline(self, at: datetime) -> sparkline.Sparkline:
        days = [(point.measured_at.timestamp(), point.weight_kg) for point in self.days]
        return sparkline.draw(days, end=at.timestamp(), dry_kg=self.dry_kg)


# Every table is asked for its rows up to that moment, by the time at which they were recorded, not the body's time.
ROWS: LiteralString = """
WITH open AS (
    SELECT e.patient_id, jsonb_agg(jsonb_build_object(
        'episode_id', e.episode_id, 'cause', e.cause, 'severity', event.severity, 'opened_at', CASE
            WHEN e.opened_at <= %(at)s THEN e.opened_at  -- else a watch then, which has become an alert since
            ELSE (SELECT min(v.at) FROM episode_event AS v WHERE v.episode_id = e.episode_id) END,
        'sentence', event.evidence -> 'sentence', 'act', act.action, 'actor', act.display_name, 'act_at', act.at
    )) AS open
    FROM episode AS e
    CROSS JOIN LATERAL (
        SELECT severity, evidence FROM episode_event AS v
        WHERE v.episode_id = e.episode_id AND v.at <= %(at)s AND v.evidence ? 'sentence'
        ORDER BY event_id DESC LIMIT 1
    ) AS event
    LEFT JOIN LATERAL (
        SELECT action, display_name, a.at FROM acknowledgement AS a JOIN app_user AS u ON u.user_id = a.author
        WHERE a.episode_id = e.episode_id AND a.at <= %(at)s ORDER BY acknowledgement_id DESC LIMIT 1
    ) AS act ON true
    WHERE e.closed_at IS NULL OR e.closed_at > %(at)s
    GROUP BY e.patient_id LIMIT %(most)s
)
SELECT open.patient_id, open.open, i.family_name, i.given_name, i.birth_date, dry.weight_kg::float8 AS dry_kg,
       coalesce(days.points, '[]') AS days
FROM open
LEFT JOIN patient AS p USING (patient_id)
LEFT JOIN patient_identity AS i USING (patient_id)
LEFT JOIN LATERAL (
    SELECT weight_kg FROM dry_weight AS d
    WHERE d.patient_id = open.patient_id AND valid_from <= %(at)s AND recorded_at <= %(at)s
    ORDER BY valid_from DESC, dry_weight_id DESC LIMIT 1
) AS dry ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('measured_at', measured_at, 'weight_kg', weight_kg)
                     ORDER BY measured_at) AS points
    FROM (
        SELECT DISTINCT ON (date_trunc('day', measured_at, coalesce(p.time_zone, 'Europe/Paris')))
               measured_at, weight_kg
        FROM reading AS r
        LEFT JOIN LATERAL (
            SELECT kind FROM reading_event AS v WHERE v.reading_id = r.reading_id AND v.recorded_at <= %(at)s
            ORDER BY event_id DESC LIMIT 1
        ) AS said ON true
        LEFT JOIN LATERAL (
            SELECT action FROM reading_review AS v WHERE v.reading_id = r.reading_id AND v.at <= %(at)s
            ORDER BY review_id DESC LIMIT 1
        ) AS review ON true
        WHERE r.patient_id = ANY(ARRAY(SELECT open.patient_id
                                       UNION ALL SELECT record_id FROM merged_records(ARRAY[open.patient_id], %(at)s)))
          AND r.recorded_at <= %(at)s
          AND measured_at > %(at)s - interval '30 days' AND measured_at <= %(at)s
          AND coalesce(said.kind, '') NOT IN ('superseded', 'excluded')
          AND CASE review.action WHEN 'exclude' THEN false WHEN 'release' THEN true
                                 ELSE quarantine_reason IS NULL END
        ORDER BY date_trunc('day', measured_at, coalesce(p.time_zone, 'Europe/Paris')), measured_at
    ) AS first_of_day
) AS days ON true
"""


def rows_at(conn: Connection, *, at: datetime) -> list[RowThen]:
    """The patients with episodes open at `at`, the most urgent first, as far as had been recorded by then."""
    with conn.cursor(row_factory=class_row(RowThen)) as cursor:
        found = cursor.execute(ROWS, {"at": at, "most": MOST}).fetchall()
    return sorted(found, key=lambda row: row.open[0].urgency)


@router.get("/then")
def show(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, at: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """The worklist as it was; without a moment, the form that asks for one."""
    if not at:
        return page.answer("then.html", at=None, typed="", rows=[], problem="")
    moment = _moment(at)
    if moment is None or moment > now:
        return page.answer("then.html", status=422, at=None, typed=at, rows=[], problem=page.words.text(NO_MOMENT))
    audit.write(conn, "worklist.read", of=moment.isoformat(), by=user.user_id, at=now)
    return page.answer("then.html", at=moment, typed=at, rows=rows_at(conn, at=moment), problem="")


def _moment(text: str) -> datetime | None:
    """A browser's local time is the clinic's."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(CLINIC_ZONE))
    return at if at.year > 1970 else None
