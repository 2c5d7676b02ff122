"""Since when has no weight come? The no-transmission alert of the arrêté of 22 June 2023, which nobody may switch off.

It is due once a weight was missed on `silence_days` days of the patient's own calendar. A day is missed when it ends,
or, with a plan that says by when to weigh, once the grace after that hour is over: with 3 days, 11:00, 3 h of grace and
a last weight on Monday, on Thursday at 14:00; without an hour, in the first instant of Friday.

A day on which we could not have heard the scale is nobody's missed day, and after our outage the scales get a day to
send what they kept. Nor is a day of a pause (a holiday, a hospital stay), which somebody documented and which ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.plan import Plan

NAME = "silence"
VERSION = "2"
CATCH_UP = timedelta(hours=24)
"""After an outage: scales store a weight and send it at the next weighing, a day later."""
EXCUSING = timedelta(hours=1)
"""An outage that took less of the time to weigh in excuses no day: whoever did not weigh then had the rest of it."""
WEIGHING = (4.0, 20.0)
"""The hours in which people weigh themselves: a restart every night must not silence the alert for ever."""
A_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A time from `since` to `until`, which is now while it lasts."""

    since: datetime
    until: datetime


def opening(day: date, *, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of a day of the patient's calendar."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def deadline(day: date, *, zone: ZoneInfo, plan: Plan) -> datetime:
    """The instant (UTC) at which a day without a weight is a missed one."""
    end = opening(day + A_DAY, zone=zone)
    if plan.weigh_by_hour is None:
        return end
    return min(end, _at(day, plan.weigh_by_hour, zone=zone) + timedelta(hours=plan.grace_hours))


def is_excused(day: date, *, zone: ZoneInfo, plan: Plan, outages: Sequence[Span]) -> bool:
    """Whether our outages took at least an hour of the day's time to weigh in."""
    if not outages:
        return False
    since = _at(day, WEIGHING[0], zone=zone)
    until = min(_at(day, WEIGHING[1], zone=zone), deadline(day, zone=zone, plan=plan))
    lost = (min(until, outage.until) - max(since, outage.since) for outage in outages)
    return sum((span for span in lost if span > timedelta(0)), timedelta(0)) >= EXCUSING


def is_paused(day: date, *, zone: ZoneInfo, pauses: Sequence[Span]) -> bool:
    """Whether a pause holds on any hour of the day."""
    return any(
        pause.since < opening(day + A_DAY, zone=zone) and pause.until > opening(day, zone=zone)
        for pause in pauses
        if pause.since < pause.until
    )


def _at(day: date, hour: float, *, zone: ZoneInfo) -> datetime:
    """The instant at which the patient's clock shows that hour; 24 is the next day's first."""
    return (datetime.combine(day, time(0), tzinfo=zone) + timedelta(hours=hour)).astimezone(UTC)


def due_at(
    last: datetime, *, zone: ZoneInfo, plan: Plan, outages: Sequence[Span] = (), pauses: Sequence[Span] = ()
) -> datetime:
    """The instant (UTC) at which silence since `last` (the last weight, or the enrolment) becomes an alert."""
    since = [outage for outage in outages if outage.until > last]
    day, missed = last.astimezone(zone).date(), 0
    while missed < plan.silence_days:
        day += A_DAY
        missed += not (is_paused(day, zone=zone, pauses=pauses) or is_excused(day, zone=zone, plan=plan, outages=since))
    due = deadline(day, zone=zone, plan=plan)
    for outage in sorted(since, key=lambda outage: outage.since):
        if outage.since <= due < outage.until + CATCH_UP and _is_felt(outage, zone=zone, plan=plan):
            due = outage.until + CATCH_UP
    return due


def _is_felt(outage: Span, *, zone: ZoneInfo, plan: Plan) -> bool:
    """Whether it took anybody's time to weigh in, on its first days or its last."""
    first, last = outage.since.astimezone(zone).date(), outage.until.astimezone(zone).date()
    return any(is_excused(day, zone=zone, plan=plan, outages=[outage]) for day in (first, first + A_DAY, last))


def missed_days(
    last: datetime,
    now: datetime,
    *,
    zone: ZoneInfo,
    plan: Plan,
    outages: Sequence[Span] = (),
    pauses: Sequence[Span] = (),
) -> int:
    """On how many days between `last` and `now` a weight was expected and none came."""
    first, today = last.astimezone(zone).toordinal() + 1, now.astimezone(zone).toordinal()
    days = (date.fromordinal(ordinal) for ordinal in range(first, today + 1))
    since = [outage for outage in outages if outage.until > last]
    return sum(
        deadline(day, zone=zone, plan=plan) <= now
        and not is_paused(day, zone=zone, pauses=pauses)
        and not is_excused(day, zone=zone, plan=plan, outages=since)
        for day in days
    )
