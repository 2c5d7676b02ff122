"""Who is on duty, and when is an alert read? A team's working hours, weekly shifts, stand-ins and chain; pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import holidays
from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.alert import SEVERITIES, Urgency

Post = Literal["nurse", "cardiologist", "backup"]
POSTS: tuple[Post, ...] = ("nurse", "cardiologist", "backup")
A_DAY = timedelta(days=1)
AHEAD = timedelta(days=14)
"""So far ahead are holes in the calendar looked for; and the farthest that an opening is looked for."""


class Weekly(BaseModel):
    """From `starts` to `ends` on each such day of the week (Monday is 0), by the team's own clocks.

    `ends` at or before `starts` is on the next day: 20:00 to 08:00 is a night, 00:00 to 00:00 a whole day.
    """

    model_config = ConfigDict(frozen=True)

    weekday: Annotated[int, Field(ge=0, le=6)]
    starts: time
    ends: time


class Step(BaseModel):
    """Whom an alert is told next, and how long they have to take it."""

    model_config = ConfigDict(frozen=True)

    post: Post
    minutes: Annotated[int, Field(ge=5, le=2880)]


class Team(BaseModel):
    """When a team reads its alerts, and who follows whom. Defaults: Cardi'Auvergne answered within 3 hours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=60)]
    time_zone: str = "Europe/Paris"
    hours: tuple[Weekly, ...] = tuple(Weekly(weekday=day, starts=time(8), ends=time(18)) for day in range(5))
    works_on_holidays: bool = False
    """Whether the hours hold on French public holidays too; shifts always do."""
    at_any_hour: Urgency | None = "alarm"
    """From this severity on, people on duty are told outside the hours as well; None: never."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=6)] = (
        Step(post="nurse", minutes=90),
        Step(post="cardiologist", minutes=90),
        Step(post="backup", minutes=60),
    )
    promise_minutes: Annotated[int, Field(ge=15, le=2880)] = 180
    """Of working time, within which somebody takes an alert: the worklist counts it down, the programme reports it."""

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be a time zone such as Europe/Paris") from error
        return name

    @property
    def promise(self) -> timedelta:
        return timedelta(minutes=self.promise_minutes)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Somebody's weekly duty at one post."""

    user_id: int
    post: Post
    weekly: Weekly


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """`user_id` is on duty at `post` from `since` until `until`; `instead_of` then is not, at no post."""

    user_id: int
    post: Post
    since: datetime
    until: datetime
    instead_of: int | None = None


@dataclass(frozen=True, kw_only=True)
class Roster:
    """A team with its people. `reachable` have an address that messages arrive at."""

    team: Team
    shifts: Sequence[Shift] = ()
    stand_ins: Sequence[StandIn] = ()
    reachable: frozenset[int] = field(default_factory=frozenset)

    @property
    def people(self) -> list[int]:
        """Everybody reachable who has any duty in the team."""
        known = {shift.user_id for shift in self.shifts} | {one.user_id for one in self.stand_ins}
        return sorted(known & self.reachable)


@dataclass(frozen=True, kw_only=True)
class Hole:
    """A time in which nobody reachable is on duty at any post of the chain."""

    since: datetime
    until: datetime
    in_hours: bool
    """Whether some of it lies within the team's working hours."""


def on_duty(roster: Roster, at: datetime, *, post: Post) -> list[int]:
    """Who is reachable at this post at `at`, by user id."""
    standing = [one for one in roster.stand_ins if one.since <= at < one.until]
    away = {one.instead_of for one in standing}
    regular = {
        shift.user_id
        for shift in roster.shifts
        if shift.post == post and shift.user_id not in away and _holds(shift.weekly, at, zone=roster.team.zone)
    }
    return sorted((regular | {one.user_id for one in standing if one.post == post}) & roster.reachable)


def is_open(team: Team, at: datetime) -> bool:
    """Whether `at` lies within the team's working hours."""
    return any(since <= at < until for since, until in working_spans(team, at - A_DAY, at))


def next_opening(team: Team, at: datetime) -> datetime | None:
    """`at` if the team works then, else the next moment it begins to within 14 days; None if there is none."""
    if is_open(team, at):
        return at
    return min((since for since, _ in working_spans(team, at, at + AHEAD) if since > at), default=None)


def next_read(team: Team, severity: Urgency, at: datetime) -> datetime:
    """When somebody is told of an alert raised at `at`: at once if it is urgent, else when the team next works.

    A team without any working hours in the next 14 days is told at once: nobody may wait for ever.
    """
    if team.at_any_hour is not None and SEVERITIES.index(severity) >= SEVERITIES.index(team.at_any_hour):
        return at
    return next_opening(team, at) or at


def worked(team: Team, since: datetime, until: datetime) -> timedelta:
    """How much of the team's working hours lies between two instants; hours that are named twice count once."""
    total, counted = timedelta(0), since
    for opens, closes in sorted(working_spans(team, since - A_DAY, until)):
        first, last = max(opens, counted), min(closes, until)
        if last > first:
            total += last - first
            counted = last
    return total


def holes(roster: Roster, since: datetime, *, until: datetime) -> list[Hole]:
    """When nobody reachable is on duty: at any hour if something is told at any hour, else in working hours only."""
    team, found = roster.team, list[Hole]()
    bounds = sorted({since, until, *(at for at in _bounds(roster, since, until) if since < at < until)})
    posts = {step.post for step in team.steps}
    for first, last in pairwise(bounds):
        works = is_open(team, first)
        if not (works or team.at_any_hour is not None) or any(on_duty(roster, first, post=post) for post in posts):
            continue
        if found and found[-1].until == first:
            found[-1] = Hole(since=found[-1].since, until=last, in_hours=found[-1].in_hours or works)
        else:
            found.append(Hole(since=first, until=last, in_hours=works))
    return found


def _bounds(roster: Roster, since: datetime, until: datetime) -> Iterator[datetime]:
    """Every moment at which somebody's duty, or the working hours, begin or end."""
    for span in working_spans(roster.team, since - A_DAY, until):
        yield from span
    for shift in roster.shifts:
        for span in _spans([shift.weekly], since - A_DAY, until, zone=roster.team.zone):
            yield from span
    for one in roster.stand_ins:
        yield from (one.since, one.until)


def working_spans(team: Team, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    for first, last in _spans(team.hours, since, until, zone=team.zone):
        if team.works_on_holidays or first.astimezone(team.zone).date() not in _holidays(first.year):
            yield first, last


def _holds(weekly: Weekly, at: datetime, *, zone: ZoneInfo) -> bool:
    return any(since <= at < until for since, until in _spans([weekly], at - A_DAY, at, zone=zone))


def _spans(
    weekly: Iterable[Weekly], since: datetime, until: datetime, *, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """The instants between which each holds, for the days from `since` to `until`.

    By the clocks on the wall: a night in which they are turned is an hour longer or shorter, a time that they leave out
    begins when they go on.
    """
    day, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    known = list(weekly)
    while day <= last:
        for one in known:
            if one.weekday == day.weekday():
                ends_on = day if one.ends > one.starts else day + A_DAY
                yield _instant(day, one.starts, zone), _instant(ends_on, one.ends, zone)
        day += A_DAY


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


@cache
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FR", years=[year - 1, year, year + 1]))
