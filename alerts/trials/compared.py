"""What would another setting have raised on this history? Two settings, side by side, each patient by the own plan.

Pure. Counted are alerts of decompensation by the detector in force, as `trial.raises` does. The alarm far above the dry
weight, weight loss and silence are counted where the tried plan touches them; elsewhere they are the same in both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.detectors import cardiauvergne, guideline_loss
from alerts.detectors.detector import Detector
from alerts.judgement.choice import Choice
from alerts.judgement.history import Course
from alerts.judgement.registry import DETECTORS
from alerts.policy import MERGE_FALSE
from alerts.study import intervals, many, trial
from alerts.study.backtest import Study
from alerts.study.comparison import SAME
from schemas.alert import Cause
from schemas.plan import Plan
from schemas.trial import Case, Changed, Pair, Rest, Side

DAYS_A_YEAR = 365.25
ALARM = {"alarm_kg"}
LOSS = {"loss_kg", "gain_days"}
SILENCE = {"silence_days", "weigh_by_hour", "grace_hours"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Which detector is in force, and the plans of those patients who have one."""

    choice: Choice
    plans: Mapping[str, Plan] = field(default_factory=dict)
    usual: Plan = field(default_factory=Plan)
    """Of those patients who have none; of one patient or team that a plan is tried for: that plan."""
    touched: frozenset[str] = frozenset()
    """The fields in which the tried plan differs."""

    def plan(self, patient_id: str) -> Plan:
        return self.choice.on(self.plans.get(patient_id, self.usual))

    @property
    def detector(self) -> Detector:
        return DETECTORS[self.choice.alerting.detector]

    @property
    def threshold(self) -> float:
        return self.detector.threshold(self.choice.on(self.usual))

    @property
    def changes_detection(self) -> bool:
        """Whether the detector's own alerts may differ."""
        return bool(self.touched & {"gain_days", "gain_kg", self.detector.THRESHOLD})


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Who answers the calls of how many."""

    watched: int
    nurses: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One patient's alerts under one setting, in order."""

    patient_id: str
    years: float
    raised: list[datetime]
    events: list[datetime]
    rest: dict[Cause, list[datetime]] = field(default_factory=dict)

    @property
    def true_alerts(self) -> int:
        return sum(any(_precedes(at, event) for event in self.events) for at in self.raised)

    def lead_days(self, event: datetime) -> float | None:
        """From the first alert of the 30 days before it."""
        before = [at for at in self.raised if _precedes(at, event)]
        return (event - min(before)).total_seconds() / 86400 if before else None


def _precedes(alert: datetime, event: datetime) -> bool:
    return timedelta(0) <= event - alert <= trial.MATCH


def outcomes(study: Study, setting: Setting, *, now: datetime) -> list[Outcome]:
    """Of each course, in their order; silences that fall due after `now` do not count."""
    plans = [setting.plan(course.patient_id) for course in study.courses]
    scores = _scores(study, setting.detector, plans)
    raised = trial.raises(study.courses, scores, detector=setting.detector, plans=plans)
    return [
        Outcome(
            patient_id=course.patient_id,
            years=trial.years(course),
            raised=list(_told(course, indexes, setting)),
            events=course.decompensations,
            rest=_rest(course, setting, now=now),
        )
        for course, indexes in zip(study.courses, raised, strict=True)
    ]


def _scores(study: Study, detector: Detector, plans: Sequence[Plan]) -> list[list[float]]:
    """Of each course by its own plan: a score depends on what a plan calls a gain."""
    scores, usual = list(study.scores(detector.NAME)), Plan()
    others: dict[tuple[int, float], list[int]] = {}
    for number, plan in enumerate(plans):
        if (plan.gain_days, plan.gain_kg) != (usual.gain_days, usual.gain_kg):
            others.setdefault((plan.gain_days, plan.gain_kg), []).append(number)
    for numbers in others.values():
        again = many.scored([study.courses[number] for number in numbers], detector, plan=plans[numbers[0]])
        for number, values in zip(numbers, again, strict=True):
            scores[number] = values
    return scores


def _rest(course: Course, setting: Setting, *, now: datetime) -> dict[Cause, list[datetime]]:
    plan, found = setting.plan(course.patient_id), dict[Cause, list[datetime]]()
    if setting.touched & LOSS:
        scores = course.scores(guideline_loss, plan=plan)
        (raised,) = trial.raises([course], [scores], detector=guideline_loss, plans=[plan])
        found["weight_loss"] = [course.moments[index].at for index in raised]
    if setting.touched & SILENCE:
        found["no_transmission"] = [at for at in trial.silences(course, plan=plan) if at <= now]
    return found


def _told(course: Course, raised: Sequence[int], setting: Setting) -> Iterator[datetime]:
    """The detector's alerts, and the alarms; what follows the other's within a week is the same call."""
    every = [(index, setting.detector.NAME) for index in raised]
    if setting.touched & ALARM:
        plan = setting.plan(course.patient_id)
        every += [(index, cardiauvergne.NAME) for index in trial.alarms(course, plan=plan)]
    last: tuple[datetime, str] | None = None
    for index, name in sorted(every):
        at = course.moments[index].at
        if last is None or name == last[1] or at - last[0] >= MERGE_FALSE:
            yield at
            last = (at, name)


def pair(before: Sequence[Outcome], after: Sequence[Outcome], *, settings: tuple[Setting, Setting], crew: Crew) -> Pair:
    return Pair(
        patients=len(before),
        patient_years=sum(one.years for one in before),
        decompensations=sum(len(one.events) for one in before),
        before=_side(before, settings[0], crew),
        after=_side(after, settings[1], crew),
    )


def _side(found: Sequence[Outcome], setting: Setting, crew: Crew) -> Side:
    alerts, span = sum(len(one.raised) for one in found), sum(one.years for one in found)
    events = sum(len(one.events) for one in found)
    hits = sum(one.lead_days(event) is not None for one in found for event in one.events)
    rate = alerts / span if span else None
    return Side(
        detector=setting.choice.alerting.detector,
        threshold=setting.threshold,
        alerts=alerts,
        alerts_per_patient_year=rate,
        alerts_95=intervals.of_ratio([len(one.raised) for one in found], [one.years for one in found]),
        false_alerts_per_patient_year=(alerts - sum(one.true_alerts for one in found)) / span if span else None,
        calls_per_nurse_day=rate / DAYS_A_YEAR * crew.watched / crew.nurses if rate is not None else None,
        found=hits,
        found_95=intervals.wilson(hits, events),
    )


def cases(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Case]:
    """Each decompensation with its lead under both, those that would be lost first."""
    every = [
        Case(patient_id=one.patient_id, at=event, lead_before=one.lead_days(event), lead_after=two.lead_days(event))
        for one, two in zip(before, after, strict=True)
        for event in one.events
    ]
    return sorted(every, key=lambda case: (not case.is_lost, -case.at.timestamp(), case.patient_id))


def changed(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Changed]:
    """Each patient for whom alerts appear or vanish, the most changed first; within a week of another is the same."""
    every = [
        Changed(patient_id=one.patient_id, appear=_only(two, one), vanish=_only(one, two))
        for one, two in zip(before, after, strict=True)
    ]
    found = [one for one in every if one.appear or one.vanish]
    return sorted(found, key=lambda one: (-len(one.appear) - len(one.vanish), one.patient_id))


def _only(one: Outcome, other: Outcome) -> list[datetime]:
    """The alerts of the one that the other has not, of whatever cause."""
    found = _alone(one.raised, other.raised)
    for cause, raised in one.rest.items():
        found += _alone(raised, other.rest[cause])
    return sorted(found)


def _alone(raised: Sequence[datetime], others: Sequence[datetime]) -> list[datetime]:
    return [at for at in raised if not any(abs(at - near) <= SAME for near in others)]


def rest(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Rest]:
    """How often each of the other causes alerts under both."""
    causes = before[0].rest if before else {}
    return [Rest(cause=cause, before=_rate(before, cause), after=_rate(after, cause)) for cause in causes]


def _rate(found: Sequence[Outcome], cause: Cause) -> float | None:
    span = sum(one.years for one in found)
    return sum(len(one.rest[cause]) for one in found) / span if span else None
