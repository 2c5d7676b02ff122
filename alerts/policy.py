"""What do the findings make us do? Decisions as data, from what is found, what is open, what was closed, and now.

One open episode per patient and cause. Severity rises at once and never falls by itself; nothing closes by itself: that
the condition has passed is recorded, and asked of the human. After a close the same cause is raised again only when it
had passed in between, is worse, or is still there 72 h later (physIQ merges repeats within 72 h; product.md F11), or 7
days later if it was closed as false (ENGAGE-HF does not fire again for 7 days): a nurse who closed an episode is not
called again the same morning, one who found food or clothes not twice a week for the same kilogram, and a new one is
never missed.

A watch pages nobody and changes nothing about alerts: it opens an episode only where none is open and none was closed
for 7 days, which then rises as a new alert would be raised. Whoever has closed one knows of this patient; a score that
hovers about the lower threshold is one episode, and after its end none for a week.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerts.judgement.assessment import FRESH, Assessment, Finding
from schemas.alert import SEVERITIES, Cause, Evidence, Severity

Kind = Literal["raised", "repeated", "severity_rose", "back_in_band"]

MERGE = timedelta(hours=72)
MERGE_FALSE = timedelta(days=7)
"""A third of all false alerts repeated one that had been judged false within the week (docs/detectors.md)."""
WORSE_KG = 1.0
CAUSES: tuple[Cause, ...] = ("decompensation", "weight_loss", "no_transmission")


@dataclass(frozen=True, kw_only=True)
class Episode:
    """The latest episode of one patient and cause, open or closed."""

    episode_id: int
    cause: Cause
    severity: Severity
    state: Literal["new", "taken", "follow_up", "closed"]
    snoozed: bool
    last_raised_at: datetime
    closed_at: datetime | None
    closed_as_false: bool
    evidence: Evidence
    in_band: bool
    """The last thing recorded is that the condition has passed."""
    ever_in_band: bool


@dataclass(frozen=True, kw_only=True)
class Action:
    """An event to record: on a new episode (`episode_id` None) or a known one; `anew`: it waits for somebody again."""

    kind: Kind
    episode_id: int | None
    severity: Severity
    finding: Finding
    anew: bool

    @property
    def pages(self) -> bool:
        """Whether people are to be told."""
        return self.anew and self.severity != "watch"


def decide(assessment: Assessment, *, latest: Iterable[Episode], now: datetime, first_light: bool) -> list[Action]:
    """At most one action per cause.

    `first_light`: this patient was never assessed before, so what began more than 48 h ago is an imported past and
    pages nobody. Otherwise silence always pages, and a weight does while it is fresh.
    """
    episodes = {episode.cause: episode for episode in latest}
    actions = (_decide(assessment.of(cause), episodes.get(cause), now=now, first_light=first_light) for cause in CAUSES)
    return [action for action in actions if action]


def worsened(finding: Finding, before: Evidence) -> bool:
    """Whether the weight has gone at least 1 kg further in the bad direction than at `before`."""
    if finding.evidence.weight_kg is None or before.weight_kg is None:
        return False
    further_kg = finding.evidence.weight_kg - before.weight_kg
    return (-further_kg if finding.cause == "weight_loss" else further_kg) >= WORSE_KG


def _has_passed(finding: Finding, latest: Episode) -> bool:
    """Whether nothing is found (of an alert: a watch at most), and the weight is back where it would not have fired.

    The second part matters: a 3-day difference is small again on the fourth day of a weight that stays too high.
    """
    limit_kg, weight_kg = latest.evidence.would_not_have_fired_at_kg, finding.evidence.weight_kg
    if finding.severity is not None and not (finding.severity == "watch" and latest.severity != "watch"):
        return False
    if limit_kg is None or weight_kg is None:
        return True
    return weight_kg >= limit_kg if finding.cause == "weight_loss" else weight_kg <= limit_kg


def _decide(findings: list[Finding], latest: Episode | None, *, now: datetime, first_light: bool) -> Action | None:
    if not findings:
        return None
    worst = max(findings, key=lambda finding: (_rank(finding.severity), finding.evidence.score))
    if worst.severity is None or _watches_in_vain(worst, latest, now=now):
        return _note_passing(findings[-1], latest)
    imported = first_light and now - worst.at > FRESH
    action = Action(
        kind="raised", episode_id=None, severity=worst.severity, finding=worst, anew=not (worst.stale or imported)
    )
    if latest is None:
        return action
    if latest.closed_at is None:
        return _on_open(action, latest, now=now)
    return action if _again(worst, latest, latest.closed_at, now=now) else None


def _watches_in_vain(finding: Finding, latest: Episode | None, *, now: datetime) -> bool:
    """Whether it is a watch that changes nothing: beside an open alert, soon after a close, or of the past."""
    if finding.severity != "watch":
        return False
    if latest is not None and latest.closed_at is None:
        return latest.severity != "watch"
    return finding.stale or (latest is not None and abs(now - (latest.closed_at or now)) < MERGE_FALSE)


def _on_open(action: Action, latest: Episode, *, now: datetime) -> Action | None:
    finding = action.finding
    rose = _rank(finding.severity) > _rank(latest.severity)
    severity = action.severity if rose else latest.severity
    worse = worsened(finding, latest.evidence)
    relapsed = latest.in_band or worse
    lasting = now - latest.last_raised_at >= MERGE and not finding.stale
    if not (rose or relapsed or lasting):
        return None
    return Action(
        kind="severity_rose" if rose else "repeated",
        episode_id=latest.episode_id,
        severity=severity,
        finding=finding,
        # Worsening breaks a snooze and opens again what was taken; that it merely lasts is told to no one who is on it.
        anew=action.anew and (rose or worse or (severity != "watch" and (relapsed or _waits(latest)))),
    )


def _waits(latest: Episode) -> bool:
    return latest.state == "new" and not latest.snoozed


def _again(finding: Finding, latest: Episode, closed_at: datetime, *, now: datetime) -> bool:
    if latest.in_band or _rank(finding.severity) > _rank(latest.severity) or worsened(finding, latest.evidence):
        return True
    judged_false = latest.closed_as_false and finding.cause != "no_transmission"  # silence is never argued away
    since = abs(now - closed_at)  # closed by a clock that ran days ahead, it must not be still for as long again
    return since >= (MERGE_FALSE if judged_false else MERGE) and not finding.stale


def _note_passing(newest: Finding, latest: Episode | None) -> Action | None:
    """Once while the episode is open; and once after its close, to know that the next one is a new one.

    A watch says so each time: it then asks whether it may end, and nobody is told when it comes back.
    """
    if latest is None or latest.in_band:
        return None
    if latest.ever_in_band and latest.closed_at is None and latest.severity != "watch":
        return None
    if not _has_passed(newest, latest):
        return None
    return Action(
        kind="back_in_band", episode_id=latest.episode_id, severity=latest.severity, finding=newest, anew=False
    )


def _rank(severity: Severity | None) -> int:
    return -1 if severity is None else SEVERITIES.index(severity)
