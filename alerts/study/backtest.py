"""What would a detector have raised over a history, and what did really happen? Pure and causal.

Every score is computed from what had been weighed by then: cutting the history at any moment changes nothing before it.
Each alert counts as closed at once by a person, as false, so the same cause is raised again as `policy` would: once the
condition has passed in between, is 1 kg worse, or is still there 7 days later.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from alerts.detectors import guideline_loss, silence, wasting
from alerts.detectors.detector import Detector
from alerts.judgement import history, months
from alerts.judgement.history import Course, Event, Told
from alerts.judgement.registry import DETECTORS
from alerts.study import many, trial
from alerts.study.trial import Operation, Tally
from schemas.alert import Cause, Severity
from schemas.plan import DEFAULT_DETECTOR, Plan

MATCH = trial.MATCH
Progress = Callable[[Sequence[Course]], Iterable[Course]]


def _silently(courses: Sequence[Course]) -> Iterable[Course]:
    return courses


@dataclass(frozen=True, kw_only=True, slots=True)
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
    tallies: list[Tally] = field(repr=False)
    """Of each patient."""
    readings: int
    until: datetime | None
    """The newest reading of all; silences that fall due later are listed, and not counted."""
    doubts: dict[str, int]
    """Of the weights left out, by reason."""
    released: int
    """Weights doubted at first, and used once the next one had confirmed them."""
    duplicates: int = field(compare=False)
    events_elsewhere: int
    """Decompensations of patients without a reading: left out."""
    alerts: list[Alert] = field(repr=False)
    scores: list[Score] = field(repr=False)

    @property
    def patients(self) -> int:
        return len(self.tallies)

    @property
    def patient_years(self) -> float:
        return sum(one.years for one in self.tallies)

    @property
    def doubted(self) -> int:
        """How many weights were left out."""
        return sum(self.doubts.values())

    @property
    def events(self) -> int:
        return sum(one.events for one in self.tallies)

    @property
    def lead_days(self) -> list[float]:
        return [days for one in self.tallies for days in one.lead_days]

    @property
    def found(self) -> int:
        return len(self.lead_days)

    @property
    def true_alerts(self) -> int:
        return sum(one.true_alerts for one in self.tallies)

    @property
    def false_alerts(self) -> int:
        return sum(one.false_alerts for one in self.tallies)

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


class Study:
    """A history that is read once and judged by any detector at any threshold."""

    def __init__(self, readings: Iterable[Told], *, events: Sequence[Event] = (), plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.known = history.histories(readings, events=events)
        self.courses = self.known.courses
        present = {course.patient_id for course in self.courses}
        decompensations = [event for event in events if event.kind == "decompensation"]
        self.events_elsewhere = sum(event.patient_id not in present for event in decompensations)
        self._scores: dict[str, list[list[float]]] = {}

    @property
    def patient_years(self) -> float:
        return sum(trial.years(course) for course in self.courses)

    def scores(self, detector: str, *, progress: Progress = _silently) -> list[list[float]]:
        """Of each course; computed once.

        Raises:
            KeyError: no such detector.
        """
        if detector not in self._scores:
            scored = many.scored(self.courses, DETECTORS[detector], plan=self.plan)
            self._scores[detector] = [next(scored) for _ in progress(self.courses)]
        return self._scores[detector]

    def solve(self, detector: str, *, budget: float) -> float:
        """The lowest threshold with at most so many false alerts per patient-year on this history.

        Without decompensations: alerts. Expect somewhat more on the next history.

        Raises:
            KeyError: no such detector.
            BudgetError: the budget is negative, or the history too short for a rate.
        """
        scores = self.scores(detector)
        return trial.solve(self.courses, scores, detector=DETECTORS[detector], plan=self.plan, budget=budget)

    def tallies(self, detector: str, *, threshold: float | None = None) -> tuple[float, list[Tally]]:
        """The threshold (None: the plan's), and what it comes to for each patient."""
        judge, plan = self._at(detector, threshold)
        return judge.threshold(plan), trial.tallies(self.courses, self.scores(detector), detector=judge, plan=plan)

    def curve(self, detector: str) -> Iterator[Operation]:
        """What other thresholds would give, from high to low.

        Raises:
            BudgetError: the history is too short for a rate.
        """
        return trial.curve(self.courses, self.scores(detector), detector=DETECTORS[detector], plan=self.plan)

    def result(self, detector: str, *, threshold: float | None = None, budget: float | None = None) -> BacktestResult:
        """All there is to say of one detector; its threshold is the budget's, else the given one, else the plan's.

        Raises:
            KeyError: no such detector.
            BudgetError: as `solve`.
        """
        if budget is not None:
            threshold = self.solve(detector, budget=budget)
        judge, plan = self._at(detector, threshold)
        _, tallies = self.tallies(detector, threshold=threshold)
        return BacktestResult(
            detector=detector,
            threshold=judge.threshold(plan),
            budget=budget,
            tallies=tallies,
            readings=sum(len(course.moments) for course in self.courses),
            until=max((course.moments[-1].at for course in self.courses), default=None),
            doubts={doubt: number for doubt, number in sorted(self.known.doubts.items()) if number},
            released=self.known.released,
            duplicates=self.known.duplicates,
            events_elsewhere=self.events_elsewhere,
            alerts=sorted(self._alerts(judge, plan, tallies), key=lambda one: (one.at, one.patient_id, one.kind)),
            scores=sorted(self._all_scores(detector), key=attrgetter("at", "patient_id")),
        )

    def _at(self, detector: str, threshold: float | None) -> tuple[Detector, Plan]:
        judge = DETECTORS[detector]
        plan = self.plan if threshold is None else trial.with_threshold(self.plan, judge, threshold)
        return judge, plan

    def _alerts(self, judge: Detector, plan: Plan, tallies: Sequence[Tally]) -> Iterator[Alert]:
        scores = self.scores(judge.NAME)
        for course, values, one in zip(self.courses, scores, tallies, strict=True):
            for index in one.raised:
                yield _alert(course, index, judge, plan, score=values[index])
            yield from _losses(course, plan)
            yield from _wasted(course, plan)
            yield from _silences(course, plan)

    def _all_scores(self, detector: str) -> Iterator[Score]:
        for course, values in zip(self.courses, self.scores(detector), strict=True):
            for moment, value in zip(course.moments, values, strict=True):
                yield Score(patient_id=course.patient_id, at=moment.at, score=value)


def run(
    readings: Iterable[Told],
    *,
    events: Sequence[Event] = (),
    detector: str = DEFAULT_DETECTOR,
    budget: float | None = None,
    plan: Plan | None = None,
) -> BacktestResult:
    """Run one detector over a history, alongside weight loss and silence, which every patient has.

    Raises:
        KeyError: no such detector.
        BudgetError: the budget is negative, or the history too short for a rate.
    """
    return Study(readings, events=events, plan=plan).result(detector, budget=budget)


def _alert(course: Course, index: int, detector: Detector, plan: Plan, *, score: float) -> Alert:
    day = course.day(index, plan=plan)
    severity: Severity = "alarm" if day.is_alarm else "alert"
    return Alert(
        patient_id=course.patient_id,
        at=course.moments[index].at,
        kind="decompensation",
        severity=severity,
        detector=detector.NAME,
        score=score,
        reason=day.sentence(detector, score=score)["en"],
    )


def _losses(course: Course, plan: Plan) -> Iterator[Alert]:
    scores = course.scores(guideline_loss, plan=plan)
    for index in trial.raises([course], [scores], detector=guideline_loss, plans=[plan])[0]:
        yield Alert(
            patient_id=course.patient_id,
            at=course.moments[index].at,
            kind="weight_loss",
            severity="alert",
            detector=guideline_loss.NAME,
            score=scores[index],
            reason=course.day(index, plan=plan).sentence(guideline_loss, score=scores[index])["en"],
        )


def _wasted(course: Course, plan: Plan) -> Iterator[Alert]:
    """At the first weight after each four weeks that show it."""
    known = wasting.levels(course.days, course.kg)
    numbers = [wasting.number_of(course.daily[moment.number].day) for moment in course.moments]
    for count, newest in enumerate(known, start=1):
        index = bisect_right(numbers, newest.number)
        if numbers[index] != newest.number + 1:
            continue
        facts = course.facts(index, plan=plan)
        evidence = months.shown(known[:count], course.daily, facts=facts)
        if evidence:
            yield Alert(
                patient_id=course.patient_id,
                at=course.moments[index].at,
                kind="weight_loss",
                severity="alert",
                detector=wasting.NAME,
                score=evidence.score,
                reason=evidence.sentence["en"],
            )


def _silences(course: Course, plan: Plan) -> Iterator[Alert]:
    for due in trial.silences(course, plan=plan):
        yield Alert(
            patient_id=course.patient_id,
            at=due,
            kind="no_transmission",
            severity="alert",
            detector=silence.NAME,
            score=float(plan.silence_days),
            reason=f"no weight for {plan.silence_days} days",
        )
