"""What would a detector have raised over a history, and what did really happen? Pure and causal.

Every score is computed from what had been weighed by then: cutting the history at any moment changes nothing before it.
Each alert counts as closed at once by a person, so the same cause is raised again as `policy` would: once the condition
has passed in between, is 1 kg worse, or is still there 72 h later.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from alerts import history
from alerts.detectors import guideline_loss, silence
from alerts.detectors.detector import TOLERANCE_KG, Detector, exceeds
from alerts.history import ZONE, Course, Event
from alerts.policy import MERGE, WORSE_KG
from alerts.registry import DETECTORS
from schemas.alert import Cause, Severity
from schemas.plan import Plan
from schemas.reading import HistoricReading

MATCH = timedelta(days=30)
"""An alert is true if a decompensation follows within 30 days: FAST (Abraham 2011), Gudmundsson 2016 (clinical.md)."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """The risk at an accepted reading, in kg."""

    patient_id: str
    at: datetime
    score: float


@dataclass(frozen=True, kw_only=True)
class Alert:
    """What would have been raised; `reason` is the evidence's sentence in English."""

    patient_id: str
    at: datetime
    kind: Cause
    severity: Severity
    detector: str
    score: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class BacktestResult:
    """Alerts and scores in order of time; counts are of decompensation alerts unless named otherwise."""

    detector: str
    threshold: float
    budget: float | None
    patients: int
    patient_years: float
    readings: int
    until: datetime | None
    """The newest reading of all; silences that fall due later are listed, and not counted."""
    doubts: dict[str, int]
    """Of the weights left out, by reason."""
    released: int
    """Weights doubted at first, and used once the next one had confirmed them."""
    duplicates: int = field(compare=False)
    events: int
    events_elsewhere: int
    """Decompensations of patients without a reading: left out."""
    found: int
    lead_days: list[float]
    true_alerts: int
    false_alerts: int
    alerts: list[Alert] = field(repr=False)
    scores: list[Score] = field(repr=False)

    @property
    def doubted(self) -> int:
        """How many weights were left out."""
        return sum(self.doubts.values())

    @property
    def false_alerts_per_patient_year(self) -> float | None:
        """Without events: all alerts, since none is known to be true."""
        return self.false_alerts / self.patient_years if self.patient_years else None

    @property
    def never_alerts(self) -> bool:
        """The budget can be met on this history only by a threshold that nothing exceeds."""
        return self.budget is not None and not self.true_alerts + self.false_alerts

    def count(self, kind: Cause) -> int:
        """How many alerts of a kind the history holds."""
        return sum(alert.kind == kind and self.until is not None and alert.at <= self.until for alert in self.alerts)

    @property
    def sensitivity(self) -> float | None:
        return self.found / self.events if self.events else None

    @property
    def ppv(self) -> float | None:
        alerts = self.true_alerts + self.false_alerts
        return self.true_alerts / alerts if self.events and alerts else None


class BudgetError(Exception):
    """There is no such budget; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A detector with one threshold on all courses: who was raised when, as (course, moment) indices."""

    raised: list[tuple[int, int]]
    true_alerts: int
    false_alerts: int
    lead_days: list[float]


def run(
    readings: Iterable[HistoricReading],
    *,
    events: Sequence[Event] = (),
    detector: str = next(iter(DETECTORS)),
    budget: float | None = None,
    plan: Plan | None = None,
) -> BacktestResult:
    """Run one detector over a history, alongside weight loss and silence, which every patient has.

    With `budget`, the lowest threshold with at most so many false alerts per patient-year on this same history (without
    decompensations: alerts), so expect somewhat more on the next one.

    Raises:
        KeyError: no such detector.
        BudgetError: the budget is negative, or the history too short for a rate.
    """
    judge, plan = DETECTORS[detector], plan or Plan()
    known = history.histories(readings, events=events)
    courses = known.courses
    scores = [course.scores(judge, plan=plan) for course in courses]
    if budget is not None:
        plan = _with_threshold(plan, judge, _solve(courses, scores, detector=judge, plan=plan, budget=budget))
    trial = _try(courses, scores, detector=judge, plan=plan)
    alerts = [
        _alert(courses[number], moment, judge, plan, score=scores[number][moment]) for number, moment in trial.raised
    ]
    for course in courses:
        alerts += _losses(course, plan)
        alerts += _silences(course, plan)
    present = {course.patient_id for course in courses}
    decompensations = [event for event in events if event.kind == "decompensation"]
    return BacktestResult(
        detector=detector,
        threshold=judge.threshold(plan),
        budget=budget,
        patients=len(courses),
        patient_years=_patient_years(courses),
        readings=sum(len(course.moments) for course in courses),
        until=max((course.moments[-1].at for course in courses), default=None),
        doubts=dict(sorted(known.doubts.items())),
        released=known.released,
        duplicates=known.duplicates,
        events=sum(event.patient_id in present for event in decompensations),
        events_elsewhere=sum(event.patient_id not in present for event in decompensations),
        found=len(trial.lead_days),
        lead_days=trial.lead_days,
        true_alerts=trial.true_alerts,
        false_alerts=trial.false_alerts,
        alerts=sorted(alerts, key=lambda alert: (alert.at, alert.patient_id, alert.kind)),
        scores=sorted(_scores(courses, scores), key=lambda score: (score.at, score.patient_id)),
    )


def _patient_years(courses: Sequence[Course]) -> float:
    return sum((course.moments[-1].at - course.moments[0].at).total_seconds() for course in courses) / 86400 / 365.25


def _scores(courses: Sequence[Course], scores: Sequence[Sequence[float]]) -> Iterator[Score]:
    for course, values in zip(courses, scores, strict=True):
        for moment, value in zip(course.moments, values, strict=True):
            yield Score(patient_id=course.patient_id, at=moment.at, score=value)


def _try(courses: Sequence[Course], scores: Sequence[Sequence[float]], *, detector: Detector, plan: Plan) -> Trial:
    raised = [
        (number, moment)
        for number, course in enumerate(courses)
        for moment in raises(course, scores[number], detector=detector, plan=plan)
    ]
    true, leads = 0, []
    by_course: dict[int, list[datetime]] = defaultdict(list)
    for number, moment in raised:
        at = courses[number].moments[moment].at
        by_course[number].append(at)
        true += any(timedelta(0) <= event - at <= MATCH for event in courses[number].decompensations)
    for number, course in enumerate(courses):
        for event in course.decompensations:
            before = [at for at in by_course[number] if timedelta(0) <= event - at <= MATCH]
            leads += [(event - min(before)).total_seconds() / 86400] if before else []
    return Trial(raised=raised, true_alerts=true, false_alerts=len(raised) - true, lead_days=leads)


def raises(course: Course, scores: Sequence[float], *, detector: Detector, plan: Plan) -> Iterator[int]:
    """At which moments `detector` raises an alert: `policy.decide` with each episode closed at once."""
    threshold = detector.threshold(plan)
    down = -1 if detector is guideline_loss else 1
    last: int | None = None
    limit_kg: float | None = None
    passed = True
    for index, (moment, score) in enumerate(zip(course.moments, scores, strict=True)):
        if not exceeds(score, threshold):
            passed = passed or limit_kg is None or down * moment.weight_kg <= down * limit_kg
            continue
        if last is not None and not passed:
            worse = down * (moment.weight_kg - course.moments[last].weight_kg) >= WORSE_KG
            if not worse and moment.at - course.moments[last].at < MERGE:
                continue
        yield index
        last, passed = index, False
        limit_kg = course.would_not_fire_at_kg(index, detector, plan=plan)


def _solve(
    courses: Sequence[Course],
    scores: Sequence[Sequence[float]],
    *,
    detector: Detector,
    plan: Plan,
    budget: float,
) -> float:
    """Binary search over the scores that occurred; then upward, since merging makes counts not quite monotonic."""
    years = _patient_years(courses)
    if budget < 0:
        raise BudgetError("the budget must be 0 or more false alerts per patient-year")
    if not years:
        raise BudgetError("the history spans no time: a budget per patient-year needs at least two days of readings")

    def keeps(threshold: float) -> bool:
        tried = _try(courses, scores, detector=detector, plan=_with_threshold(plan, detector, threshold))
        return tried.false_alerts <= budget * years

    every = np.unique(np.concatenate([np.asarray(values) for values in scores]))
    candidates = [0.0, *(float(score) for score in every if score > TOLERANCE_KG)]
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(candidates[middle]) else (middle + 1, high)
    while low < len(candidates) - 1 and not keeps(candidates[low]):
        low += 1
    return candidates[low]


def _with_threshold(plan: Plan, detector: Detector, threshold: float) -> Plan:
    """Beyond the bounds that hold for a patient's plan, if need be: this is a study, nobody is watched by it."""
    return plan.model_copy(update={detector.THRESHOLD: threshold})


def _alert(course: Course, index: int, detector: Detector, plan: Plan, *, score: float) -> Alert:
    day = course.day(index, plan=plan)
    severity: Severity = "alarm" if day.is_alarm else "watch" if detector.NAME == "macd" else "alert"
    return Alert(
        patient_id=course.patient_id,
        at=course.moments[index].at,
        kind="decompensation",
        severity=severity,
        detector=detector.NAME,
        score=score,
        reason=day.sentence(detector)["en"],
    )


def _losses(course: Course, plan: Plan) -> Iterator[Alert]:
    scores = course.scores(guideline_loss, plan=plan)
    for index in raises(course, scores, detector=guideline_loss, plan=plan):
        yield Alert(
            patient_id=course.patient_id,
            at=course.moments[index].at,
            kind="weight_loss",
            severity="alert",
            detector=guideline_loss.NAME,
            score=scores[index],
            reason=course.day(index, plan=plan).sentence(guideline_loss)["en"],
        )


def _silences(course: Course, plan: Plan) -> Iterator[Alert]:
    """One for each silence, also the one at the end: nobody can know then that the file, not the patient, ended.

    A pause moves the alert to as long after the pause as it would have been after the last weight.
    """
    instants = [moment.at for moment in course.moments]
    for last, following in zip(instants, [*instants[1:], None], strict=True):
        due = silence.due_at(last, zone=ZONE, plan=plan)
        for pause in course.pauses:
            if pause.until and pause.at < due and pause.until > last:
                due = max(due, silence.due_at(pause.until, zone=ZONE, plan=plan))
        if following is None or due <= following:
            yield Alert(
                patient_id=course.patient_id,
                at=due,
                kind="no_transmission",
                severity="alert",
                detector=silence.NAME,
                score=float(plan.silence_days),
                reason=f"no weight for {plan.silence_days} whole days",
            )
