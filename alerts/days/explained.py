"""Why is there no weight of that day? One state for each day of a patient, from what is known of it now.

A scale speaks when somebody stands on it, and sends what it kept when it is heard again. So a scale heard on a day or
later lives, and nobody weighed; one not heard since then is silent, and nobody can say what happened there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from alerts.detectors import silence
from alerts.detectors.silence import A_DAY, Span
from schemas.patient_day import DayState
from schemas.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of one patient's days."""

    zone: ZoneInfo
    plan: Plan
    enrolled_at: datetime
    left_at: datetime | None = None
    """The end of the watch."""
    weighed: Sequence[datetime] = ()
    waiting: Sequence[datetime] = ()
    """When what is in quarantine was weighed."""
    scale_heard_at: datetime | None = None
    """When one of the patient's scales was last heard, a connection that lasts included; None: never."""
    has_scale: bool = True
    """Without a scale of ours (an import, another service's scale) none can be silent."""
    outages: Sequence[Span] = ()
    pauses: Sequence[Span] = ()


def explain(seen: Seen, *, first: date, now: datetime) -> dict[date, DayState]:
    """The state of each day since `first` that has one, today included as soon as there is something to say.

    A day before the enrolment or after the end has none; the enrolment's own day only if a weight came. Today has one
    once a weight has come, the watch is paused, or the hour until which we wait for it has passed.
    """
    weighed = {at.astimezone(seen.zone).date() for at in seen.weighed}
    waiting = {at.astimezone(seen.zone).date() for at in seen.waiting}
    states: dict[date, DayState] = {}
    for day in _days(seen, first=first, now=now):
        if day in weighed:
            states[day] = "weighed"
        elif day in waiting:
            states[day] = "waiting"
        elif state := _without_weight(seen, day, now=now):
            states[day] = state
    return states


def next_change(seen: Seen, *, now: datetime) -> datetime:
    """When a day will next be explained by the clock alone: today's deadline, or midnight."""
    today = now.astimezone(seen.zone).date()
    due = silence.deadline(today, zone=seen.zone, plan=seen.plan)
    return due if due > now else silence.opening(today + A_DAY, zone=seen.zone)


def _days(seen: Seen, *, first: date, now: datetime) -> Iterator[date]:
    day = max(first, seen.enrolled_at.astimezone(seen.zone).date())
    end = min(now, seen.left_at) if seen.left_at else now
    while silence.opening(day, zone=seen.zone) < end:
        yield day
        day += A_DAY


def _without_weight(seen: Seen, day: date, *, now: datetime) -> DayState | None:
    since, due = silence.opening(day, zone=seen.zone), silence.deadline(day, zone=seen.zone, plan=seen.plan)
    if since < seen.enrolled_at or (seen.left_at and seen.left_at < due):
        return None
    if silence.is_paused(day, zone=seen.zone, pauses=seen.pauses):
        return "paused"
    if now < due:
        return None
    if silence.is_excused(day, zone=seen.zone, plan=seen.plan, outages=seen.outages):
        return "our_outage"
    if seen.has_scale and (seen.scale_heard_at is None or seen.scale_heard_at < since):
        return "scale_silent"
    return "not_weighed"
