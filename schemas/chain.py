"""Who is told next of an alert that nobody has acted on, and when is the step after that? Pure.

A round goes through the team's posts: each has its minutes, whoever acts ends it. Posts at which nobody reachable is on
duty are passed over at once; if there is nobody at any, the whole team is told. After the last post the round begins
again a day later: an alert that nobody takes is never forgotten. Outside the team's working hours it waits for them,
unless it is urgent. Of a watch nobody is told: what somebody promised about it only comes back to the worklist.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from schemas import duty
from schemas.alert import Severity, Urgency
from schemas.duty import Roster

Kind = Literal["escalated", "forgotten", "follow_up_due", "snooze_ended"]

ROUND_AGAIN = timedelta(days=1)
NOBODY_AGAIN = timedelta(hours=1)
"""While nobody can be told at all, the calendar is looked at again after so long."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An open episode whose next moment has come."""

    episode_id: int
    patient_id: str
    severity: Severity
    state: Literal["new", "taken", "follow_up"]
    step: int
    """How many posts have been told in this round and the ones before."""
    owner: int | None
    snoozed: bool


@dataclass(frozen=True, kw_only=True)
class Move:
    """What to do: an event to record (None: the newest one still stands), whom to tell, and when to look again."""

    kind: Kind | None
    tell: list[int]
    step: int
    next_at: datetime | None
    """None: of a watch, which waits for its weight alone."""


def move(standing: Standing, roster: Roster, *, now: datetime) -> Move:
    """The next step; an alert's `next_at` always lies in the future."""
    kind = _kind(standing)
    if standing.severity == "watch":
        return Move(kind=kind, tell=[], step=0, next_at=None)
    step = 0 if kind in {"forgotten", "follow_up_due", "snooze_ended"} else standing.step
    read_at = duty.next_read(roster.team, standing.severity, now)
    if read_at > now:
        return Move(kind=None if kind == "escalated" else kind, tell=[], step=step, next_at=read_at)
    tell, taken = _people(roster, step, now, both=standing.severity == "alarm")
    if step == 0 and standing.owner in roster.reachable:
        assert standing.owner is not None
        tell = sorted({*tell, standing.owner})
    if not tell:
        return Move(kind=None if kind == "escalated" else kind, tell=[], step=step, next_at=now + NOBODY_AGAIN)
    posts = roster.team.steps
    last = posts[(step + taken - 1) % len(posts)]
    ends_round = (step + taken) % len(posts) == 0
    wait = max(ROUND_AGAIN, timedelta(minutes=last.minutes)) if ends_round else timedelta(minutes=last.minutes)
    return Move(kind=kind, tell=tell, step=step + taken, next_at=now + wait)


def forecast(roster: Roster, severity: Urgency, at: datetime) -> list[tuple[datetime, list[int]]]:
    """Whom an alert raised at `at` would be told, and when, until its round is over; nobody acts in between."""
    standing = Standing(episode_id=0, patient_id="", severity=severity, state="new", step=0, owner=None, snoozed=False)
    now, told = at, list[tuple[datetime, list[int]]]()
    while standing.step < len(roster.team.steps) and now - at <= duty.AHEAD:
        move_ = move(standing, roster, now=now)
        if move_.tell:
            told.append((now, move_.tell))
        assert move_.next_at
        standing, now = replace(standing, step=move_.step), move_.next_at
    return told


def _kind(standing: Standing) -> Kind | None:
    if standing.state == "taken":
        return "forgotten"
    if standing.state == "follow_up":
        return "follow_up_due"
    if standing.snoozed:
        return "snooze_ended"
    return "escalated" if standing.step else None


def _people(roster: Roster, step: int, now: datetime, *, both: bool) -> tuple[list[int], int]:
    """Who is told at `step`, and how many posts that takes; an alarm tells the first two at once."""
    posts = roster.team.steps
    told = set[int]()
    for taken in range(1, len(posts) + 1):
        told.update(duty.on_duty(roster, now, post=posts[(step + taken - 1) % len(posts)].post))
        wanted = 2 if both and step == 0 else 1
        if told and taken >= min(wanted, len(posts)):
            return sorted(told), taken
    return roster.people or sorted(roster.reachable), len(posts)
