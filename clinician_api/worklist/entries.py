"""Whom first? Patients with open episodes, each once, in the order of what they risk now; read in that order."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Literal, LiteralString

from psycopg import Cursor

from clinician_api import vocabulary
from clinician_api.worklist import recent_weights, sparkline
from clinician_api.worklist.filters import Filter
from clinician_api.worklist.sparkline import Day
from schemas import database
from schemas.alert import SEVERITIES, Cause, Severity
from schemas.database import Connection

CLEARLY_KG = 0.5
"""A weight that changed by less since the alert is called the same."""
Since = Literal["worse", "same", "better"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Entry:
    """A patient and the worst of their open episodes; weights in kg. Equal if a row of the list would look alike."""

    patient_id: str
    episode_id: int
    cause: Cause
    severity: Severity
    state: str
    opened_at: datetime
    back_in_band_at: datetime | None
    owner: str | None
    taken_at: datetime | None
    next_at: datetime | None
    snoozed_until: datetime | None
    newest: str | None
    sentence: str | None
    raised_kg: float | None
    others: list[Cause]
    reviewed_at: datetime | None
    reviewer: str | None
    family_name: str | None
    given_name: str | None
    birth_date: date | None
    sex: str | None
    tags: list[str]
    team_id: int | None
    last_at: datetime | None
    last_kg: float | None
    dry_kg: float | None
    arrivals: int | None
    days_arrivals: int | None
    days_json: str

    def _looks(self) -> tuple[object, ...]:
        """Everything but the days, which are the same as long as nothing has arrived."""
        return (*_LOOKS(self), *self.others, "", *self.tags)

    def __hash__(self) -> int:
        return hash(self._looks())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and self._looks() == other._looks()

    @property
    def days(self) -> list[Day]:
        """The last thirty days; read from their text only where they are drawn."""
        known: list[Day] = json.loads(self.days_json)
        return known

    @property
    def rests(self) -> bool:
        """Whether somebody has acted on it, so that it waits for nobody now."""
        return self.state != "new" or self.snoozed_until is not None

    @property
    def waits(self) -> bool:
        """Whether an alert waits here for somebody."""
        return not self.rests and self.severity != "watch"

    @property
    def is_informative(self) -> bool:
        """Nobody need call: it may be acknowledged with others."""
        return self.severity == "watch" or self.back_in_band_at is not None

    @property
    def since(self) -> Since | None:
        """Whether the weight has gone on the way it was alerted for."""
        if self.last_kg is None or self.raised_kg is None or self.cause not in vocabulary.CLINICAL:
            return None
        way = self.last_kg - self.raised_kg if self.cause == "decompensation" else self.raised_kg - self.last_kg
        return "worse" if way >= CLEARLY_KG else "better" if way <= -CLEARLY_KG else "same"

    def changes(self) -> dict[int, float | None]:
        """Over 1, 3 and 7 days."""
        days = self.days
        return {over: sparkline.change(days, over=over) for over in (1, 3, 7)}

    def line(self, now: datetime) -> sparkline.Sparkline:
        return sparkline.draw(self.days, end=now.timestamp(), dry_kg=self.dry_kg)

    def days_without(self, now: datetime) -> int | None:
        """Whole days since the last weight; None if there never was one."""
        return None if self.last_at is None else max(0, (now - self.last_at) // timedelta(days=1))


_LOOKS = attrgetter(*(one.name for one in fields(Entry) if one.name not in {"days_json", "others", "tags"}))

IN_ORDER: LiteralString = """
e.back_in_band_at IS NOT NULL, severity_rank(e.severity), (e.state <> 'new' OR e.snoozed_until IS NOT NULL),
e.opened_at, e.episode_id
"""
"""Whom first within a cause: as the partial index stands."""
ONLY: dict[str, LiteralString] = {
    "owner": "AND (%(owner)s = 'nobody' AND e.owner IS NULL OR %(owner)s = 'me' AND e.owner = %(me)s)",
    "tag": "AND EXISTS (SELECT FROM patient_tag AS t WHERE t.patient_id = e.patient_id AND t.tag = %(tag)s)",
    "team": """
      AND (SELECT team_id FROM patient_team AS t WHERE t.patient_id = e.patient_id
           ORDER BY patient_team_id DESC LIMIT 1) = %(team)s""",
    "weighed": """
      AND (%(weighed)s = 'today') = EXISTS (
          SELECT FROM latest_reading AS l WHERE l.patient_id = e.patient_id
            AND l.measured_at >= CASE WHEN %(weighed)s = 'today' THEN %(today)s
                                      ELSE %(now)s - interval '48 hours' END)""",
}
"""What each field of the filter adds. Not asked for where it is empty: PostgreSQL would plan for its being rare."""


def _worst(chosen: Filter) -> LiteralString:
    """Each cause's part of the partial index is walked in its order until the section is full.

    Where those only watched have a section of their own, once for alerts and once for them, of whom `most` are enough.
    An episode is passed over if the same patient has a worse one, and if somebody has looked at it today and it needs
    nobody.
    """
    only: LiteralString = "".join(sql for name, sql in ONLY.items() if getattr(chosen, name))
    return f"""
SELECT e.*, review.at AS reviewed_at, review.reviewer
FROM unnest(%(kinds)s::boolean[]) AS kind (is_watch), LATERAL (
    SELECT e.* FROM unnest(%(causes)s::text[]) WITH ORDINALITY AS section (cause, place), LATERAL (
        SELECT e.episode_id, e.patient_id, e.cause, e.severity, e.state, e.opened_at, e.back_in_band_at, e.taken_at,
               e.next_at, e.snoozed_until, e.owner AS owner_id, said.review_id
        FROM episode AS e
        LEFT JOIN LATERAL (
            SELECT r.review_id, r.at >= %(today)s AND r.at >= e.last_raised_at AND NOT is_undo AS holds
            FROM patient_review AS r WHERE r.patient_id = e.patient_id ORDER BY review_id DESC LIMIT 1
        ) AS said ON true
        WHERE e.closed_at IS NULL AND e.cause = section.cause
          AND e.severity = ANY (%(severities)s) AND (kind.is_watch IS NULL OR kind.is_watch = (e.severity = 'watch'))
          {only}
          AND NOT EXISTS (
              SELECT FROM episode AS o WHERE o.patient_id = e.patient_id AND o.closed_at IS NULL
                AND (o.severity = 'watch', o.cause NOT IN ('decompensation', 'weight_loss'),
                     o.back_in_band_at IS NOT NULL, severity_rank(o.severity),
                     (o.state <> 'new' OR o.snoozed_until IS NOT NULL), o.opened_at, o.episode_id)
                  < (e.severity = 'watch', e.cause NOT IN ('decompensation', 'weight_loss'),
                     e.back_in_band_at IS NOT NULL, severity_rank(e.severity),
                     (e.state <> 'new' OR e.snoozed_until IS NOT NULL), e.opened_at, e.episode_id))
          AND (%(reviewed)s OR said.holds IS NOT TRUE
               OR e.state = 'new' AND e.snoozed_until IS NULL AND e.severity <> 'watch' AND e.back_in_band_at IS NULL)
        ORDER BY {IN_ORDER} LIMIT %(most)s OFFSET %(offset)s
    ) AS e
    ORDER BY place, {IN_ORDER} LIMIT CASE WHEN kind.is_watch THEN %(most)s END
) AS e
LEFT JOIN LATERAL (
    SELECT r.at, u.display_name AS reviewer FROM patient_review AS r JOIN app_user AS u ON u.user_id = r.author
    WHERE r.review_id = e.review_id AND NOT is_undo
) AS review ON true
"""  # noqa: S608 of constants


DETAILS: LiteralString = """
SELECT e.patient_id, e.episode_id, e.cause, e.severity, e.state, e.opened_at, e.back_in_band_at,
       u.display_name AS owner, e.taken_at, e.next_at, e.snoozed_until,
       evidence.evidence -> 'sentence' ->> %(language)s AS sentence,
       (evidence.evidence ->> 'weight_kg')::float8 AS raised_kg,
       (SELECT kind FROM episode_event AS v WHERE v.episode_id = e.episode_id ORDER BY event_id DESC LIMIT 1) AS newest,
       ARRAY(SELECT cause FROM episode AS o WHERE o.patient_id = e.patient_id AND closed_at IS NULL
             AND o.episode_id <> e.episode_id ORDER BY cause) AS others,
       e.reviewed_at, e.reviewer, i.family_name, i.given_name, i.birth_date, i.sex,
       ARRAY(SELECT tag FROM patient_tag AS t WHERE t.patient_id = e.patient_id ORDER BY tag) AS tags,
       (SELECT team_id FROM patient_team AS t WHERE t.patient_id = e.patient_id
        ORDER BY patient_team_id DESC LIMIT 1) AS team_id,
       l.measured_at AS last_at, l.weight_kg::float8 AS last_kg, dry.weight_kg::float8 AS dry_kg,
       l.arrivals, known.arrivals AS days_arrivals, coalesce(known.days::text, '[]') AS days_json
FROM worst AS e
JOIN episode AS evidence USING (episode_id)
LEFT JOIN app_user AS u ON u.user_id = e.owner_id
LEFT JOIN patient_identity AS i ON i.patient_id = e.patient_id
LEFT JOIN latest_reading AS l ON l.patient_id = e.patient_id
LEFT JOIN recent_weights AS known ON known.patient_id = e.patient_id
LEFT JOIN LATERAL (
    SELECT weight_kg FROM dry_weight AS d WHERE d.patient_id = e.patient_id AND valid_from <= %(now)s
    ORDER BY valid_from DESC, dry_weight_id DESC LIMIT 1
) AS dry ON true
ORDER BY array_position(%(causes)s::text[], e.cause),
"""


def query(chosen: Filter) -> LiteralString:
    """Asked with the values of `Wanted`."""
    return "WITH worst AS MATERIALIZED (" + _worst(chosen) + ")" + DETAILS + IN_ORDER


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which part of the list: `most` patients of each cause from `offset` on, as `me` filters it."""

    filter: Filter
    me: int
    language: str
    now: datetime
    today: datetime
    """When the clinic's day began: what was looked at since counts as looked at."""
    causes: tuple[Cause, ...] = tuple(vocabulary.CAUSES)
    watched_apart: bool = False
    """Whether `most` alerts and `most` watches of each cause are wanted, not `most` of both."""
    most: int
    offset: int = 0
    reviewed: bool = False
    """Whether those who were looked at and need nobody are wanted too."""

    @property
    def values(self) -> dict[str, Any]:
        chosen = {
            "severities": list(self.filter.severities or SEVERITIES),
            "kinds": [False, True] if self.watched_apart else [None],
            **self.filter.model_dump(exclude={"severity"}),
        }
        return {**vars(self), **chosen, "causes": list(self.causes)}


def ask(conn: Connection, wanted: Wanted) -> Cursor[Entry]:
    """Section after section, each in the order of risk; their days as they were kept."""
    return database.ask(conn, Entry, query(wanted.filter), wanted.values)


def entries(conn: Connection, wanted: Wanted) -> list[Entry]:
    """The same, with the days that are."""
    return with_days(conn, ask(conn, wanted).fetchall(), now=wanted.now)


def with_days(conn: Connection, found: Iterable[Entry], *, now: datetime) -> list[Entry]:
    """The same entries, with the weights that have arrived since they were kept."""
    known = list(found)
    stale = [
        entry.patient_id for entry in known if entry.arrivals is not None and entry.arrivals != entry.days_arrivals
    ]
    if not stale:
        return known
    fresh = recent_weights.read(conn, stale, now=now)
    return [
        replace(entry, days_json=fresh.get(entry.patient_id, entry.days_json), days_arrivals=entry.arrivals)
        for entry in known
    ]


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many episodes of a cause are open; of them alerts that nobody has taken, and those only watched."""

    cause: Cause
    open: int
    waiting: int = 0
    watched: int = 0

    @property
    def taken(self) -> int:
        return self.open - self.waiting - self.watched


COUNTS: LiteralString = """
SELECT cause, count(*) AS open,
       count(*) FILTER (WHERE severity <> 'watch' AND state = 'new' AND snoozed_until IS NULL) AS waiting,
       count(*) FILTER (WHERE severity = 'watch') AS watched
FROM episode WHERE closed_at IS NULL GROUP BY cause
"""


def ask_counts(conn: Connection) -> Cursor[Count]:
    """Of everybody, whatever is shown; from an index."""
    return database.ask(conn, Count, COUNTS)
