"""How is the programme doing? Adherence, alerts, times and outcomes of a period, counted from what was stored."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import sqrt
from typing import LiteralString

from psycopg.rows import class_row

from clinician_api.programme import working_time
from schemas.alert import Cause
from schemas.database import Connection
from schemas.duty import Team
from schemas.patient_day import EXPECTED, DayState

YEAR_DAYS = 365.25
TRANSMITTED: tuple[DayState, ...] = ("weighed", "waiting")
Z95 = 1.959964
MOST_OVERDUE = 50

DAYS: LiteralString = """
SELECT day, state, sum(days)::int AS days FROM day_count
WHERE day >= %(first)s AND day < %(end)s AND (%(team_id)s::bigint IS NULL OR team_id = %(team_id)s)
GROUP BY 1, 2 HAVING sum(days) > 0 ORDER BY 1, 2
"""
RAISED: LiteralString = """
SELECT cause, opened_at, taken_at, closed_at, outcome, evidence ->> 'detector' AS detector, (
    SELECT min(delivered_at) FROM notification AS sent WHERE sent.episode_id = episode.episode_id) AS delivered_at, (
    SELECT team_id FROM patient_team AS known WHERE known.patient_id = episode.patient_id
    ORDER BY patient_team_id DESC LIMIT 1) AS team_id
FROM episode WHERE severity <> 'watch' AND opened_at >= %(since)s AND opened_at < %(until)s ORDER BY opened_at
"""
WAITING: LiteralString = """
SELECT episode_id, patient_id, cause, severity, opened_at, (
    SELECT team_id FROM patient_team AS known WHERE known.patient_id = episode.patient_id
    ORDER BY patient_team_id DESC LIMIT 1) AS team_id
FROM episode WHERE state = 'new' AND closed_at IS NULL AND severity <> 'watch' AND opened_at < %(now)s
ORDER BY opened_at LIMIT 1000
"""


@dataclass(frozen=True, kw_only=True)
class DayCount:
    """How many patients had a day in this state."""

    day: date
    state: DayState
    days: int


@dataclass(frozen=True, kw_only=True)
class Raised:
    """An alert of the period, as it stands now."""

    cause: Cause
    opened_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    detector: str
    delivered_at: datetime | None
    team_id: int | None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """An alert that nobody has taken though the promise has passed; `worked`: the working time it has waited."""

    episode_id: int
    patient_id: str
    cause: Cause
    severity: str
    opened_at: datetime
    team_id: int | None
    worked: timedelta = timedelta(0)


def day_counts(conn: Connection, *, first: date, end: date, team_id: int | None = None) -> list[DayCount]:
    """Of the days from `first` until before `end`; of one team's patients, as it was when the day was explained."""
    with conn.cursor(row_factory=class_row(DayCount)) as cursor:
        return cursor.execute(DAYS, {"first": first, "end": end, "team_id": team_id}).fetchall()


def raised(conn: Connection, *, since: datetime, until: datetime) -> list[Raised]:
    with conn.cursor(row_factory=class_row(Raised)) as cursor:
        return cursor.execute(RAISED, {"since": since, "until": until}).fetchall()


def overdue(
    conn: Connection, *, now: datetime, teams: Mapping[int | None, Team], team_id: int | None = None
) -> list[Waiting]:
    """Alerts that have waited for longer than their team promises, in its working time, the longest first."""
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        found = cursor.execute(WAITING, {"now": now}).fetchall()
    late = []
    for one in found:
        team = teams.get(one.team_id, working_time.CLINIC)
        worked = working_time.between(one.opened_at, now, team=team)
        if team_id in {None, one.team_id} and worked > team.promise:
            late.append(replace(one, worked=worked))
    return sorted(late, key=lambda one: one.worked, reverse=True)[:MOST_OVERDUE]


def adherence(counts: Iterable[DayCount]) -> float | None:
    """The share of the days on which a weight could have come that had one; None without such days."""
    counts = list(counts)
    expected = sum(count.days for count in counts if count.state in EXPECTED)
    return sum(count.days for count in counts if count.state in TRANSMITTED) / expected if expected else None


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median and 90th percentile of a time, all hours counted and only the working ones."""

    count: int
    median: timedelta
    p90: timedelta
    worked_median: timedelta
    worked_p90: timedelta


def spread(spans: Sequence[tuple[datetime, datetime, Team]]) -> Spread | None:
    """Of times from one instant to another, and as the team works; None without any."""
    if not spans:
        return None
    every = sorted(max(until - since, timedelta(0)) for since, until, _ in spans)
    worked = sorted(working_time.between(since, until, team=team) for since, until, team in spans)
    return Spread(
        count=len(every),
        median=_quantile(every, 0.5),
        p90=_quantile(every, 0.9),
        worked_median=_quantile(worked, 0.5),
        worked_p90=_quantile(worked, 0.9),
    )


def _quantile(ordered: Sequence[timedelta], share: float) -> timedelta:
    """The smallest value that at least this share does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered) - 1e-9))]


@dataclass(frozen=True, kw_only=True)
class Value:
    """A detector's worth as nurses coded its alerts: confirmed of judged, with the 95 % Wilson interval."""

    detector: str
    raised: int
    judged: int
    confirmed: int

    @property
    def share(self) -> float | None:
        return self.confirmed / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if not self.judged:
            return None
        n, share = self.judged, self.confirmed / self.judged
        middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 / (1 + Z95**2 / n) * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)


def values(alerts: Iterable[Raised]) -> list[Value]:
    """Each detector's predictive value; an outcome that is neither confirmed nor false judges nothing."""
    groups: dict[str, list[str]] = defaultdict(list)
    for alert in alerts:
        groups[alert.detector].append(alert.outcome or "")
    return [
        Value(
            detector=detector,
            raised=len(outcomes),
            judged=sum(outcome.startswith(("confirmed_", "false_")) for outcome in outcomes),
            confirmed=sum(outcome.startswith("confirmed_") for outcome in outcomes),
        )
        for detector, outcomes in sorted(groups.items())
    ]


def per_patient_year(alerts: int, counts: Iterable[DayCount]) -> float | None:
    """Alerts for each year that a patient was watched, pauses and outages included."""
    days = sum(count.days for count in counts)
    return alerts / (days / YEAR_DAYS) if days else None
