"""When would a detector have raised an alert, was it true, and which threshold keeps a budget? Pure and causal."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from alerts.detectors import guideline_loss, silence
from alerts.detectors.detector import TOLERANCE_KG, Detector
from alerts.judgement.history import ZONE, Course
from alerts.policy import MERGE_FALSE, WORSE_KG
from alerts.study import many
from schemas.plan import Plan

MATCH = timedelta(days=30)
"""An alert is true if a decompensation follows within 30 days: FAST (Abraham 2011), Gudmundsson 2016 (clinical.md)."""
TAIL_SHARES = np.geomspace(2e-4, 0.2, 24)
"""Of all scores: how many exceed each threshold that a curve is drawn through."""

MOST_RATE = 8.0
"""False alerts per patient-year: nobody could work with more, so no curve goes further."""

ABREAST = 128
"""Courses that are walked before the budget is looked at."""

Walk = Generator[int, float | None, list[int]]
"""At which moments one course raises; it asks for the weight (kg) at or below which the last one would not have."""


class BudgetError(Exception):
    """There is no such budget; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What one patient's alerts of decompensation came to."""

    patient_id: str
    years: float
    raised: list[int]
    """The moments, by number."""
    true_alerts: int
    lead_days: list[float]
    """For each decompensation found: from the first alert of the 30 days before it."""
    missed: list[datetime]

    @property
    def false_alerts(self) -> int:
        return len(self.raised) - self.true_alerts

    @property
    def events(self) -> int:
        return len(self.lead_days) + len(self.missed)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one threshold gives on all courses together."""

    threshold: float
    sensitivity: float
    false_alerts_per_patient_year: float


def tally(course: Course, raised: Sequence[int]) -> Tally:
    """What came of the alerts of one patient's course."""
    at = [course.moments[index].at for index in raised]
    leads, missed = [], []
    for event in course.decompensations:
        before = [alert for alert in at if timedelta(0) <= event - alert <= MATCH]
        if before:
            leads.append((event - min(before)).total_seconds() / 86400)
        else:
            missed.append(event)
    return Tally(
        patient_id=course.patient_id,
        years=years(course),
        raised=list(raised),
        true_alerts=sum(_is_true(alert, course) for alert in at),
        lead_days=leads,
        missed=missed,
    )


def tallies(
    courses: Sequence[Course], scores: Sequence[Sequence[float]], *, detector: Detector, plan: Plan
) -> list[Tally]:
    """A detector at its threshold on each course."""
    raised = raises(courses, scores, detector=detector, plans=[plan] * len(courses))
    return [tally(course, one) for course, one in zip(courses, raised, strict=True)]


def raises(
    courses: Sequence[Course], scores: Sequence[Sequence[float]], *, detector: Detector, plans: Sequence[Plan]
) -> list[list[int]]:
    """At which moments of each course `detector` raises an alert: `policy.decide`, each episode closed at once.

    What it takes to pass is asked for last, and for all courses at once: some detectors must search for it.
    """
    down = -1 if detector is guideline_loss else 1
    walks = [
        _raised(course, np.asarray(values) > detector.threshold(plan) + TOLERANCE_KG, down=down)
        for course, values, plan in zip(courses, scores, plans, strict=True)
    ]

    def limits(asked: Mapping[int, int]) -> list[float | None]:
        return many.limits([(courses[one], at, plans[one]) for one, at in asked.items()], detector)

    return _in_step(walks, limits)


def alarms(course: Course, *, plan: Plan) -> list[int]:
    """At which moments the alarm far above the dry weight is raised, in the same way."""
    above = np.array([np.nan if kg is None else kg for kg in course.above_kg], dtype=np.float64)
    limits = course.moments_kg - above + plan.alarm_kg
    walk = _raised(course, above > plan.alarm_kg + TOLERANCE_KG, down=1)
    return _in_step([walk], lambda asked: [float(limits[at]) for at in asked.values()])[0]


def silences(course: Course, *, plan: Plan) -> Iterator[datetime]:
    """When each silence is due, also the one at the end: nobody can know then that the file, not the patient, ended."""
    pauses = [silence.Span(since=pause.at, until=pause.until) for pause in course.pauses if pause.until]
    instants = [moment.at for moment in course.moments]
    never = timedelta(days=plan.silence_days - 1)  # after so little, no zone's clocks and no hour can make it due
    for last, following in zip(instants, [*instants[1:], None], strict=True):
        if following is not None and following - last < never:
            continue
        due = silence.due_at(last, zone=ZONE, plan=plan, pauses=pauses)
        if following is None or due <= following:
            yield due


def _raised(course: Course, fires: NDArray[np.bool_], *, down: int) -> Walk:
    raised: list[int] = []
    known: dict[int, float | None] = {}
    for index in np.flatnonzero(fires).tolist():
        if raised and not _again(course, last := raised[-1], index, down=down):
            calm_kg = course.moments_kg[last + 1 : index][~fires[last + 1 : index]]
            if not len(calm_kg):
                continue
            if last not in known:
                known[last] = yield last
            if not _passed(calm_kg, known[last], down):
                continue
        raised.append(index)
    return raised


def _in_step(walks: Sequence[Walk], limits: Callable[[Mapping[int, int]], Sequence[float | None]]) -> list[list[int]]:
    """What the walks return; at each step all that they ask for is answered at once."""
    raised: list[list[int]] = [[] for _ in walks]
    answers: dict[int, float | None] = dict.fromkeys(range(len(walks)))
    while answers:
        asked = dict[int, int]()
        for number, limit_kg in answers.items():
            try:
                asked[number] = walks[number].send(limit_kg)
            except StopIteration as ended:
                raised[number] = ended.value
        answers = dict(zip(asked, limits(asked), strict=True))
    return raised


def _passed(calm_kg: NDArray[np.float64], limit_kg: float | None, down: int) -> bool:
    return limit_kg is None or bool(np.any(down * calm_kg <= down * limit_kg))


def _again(course: Course, last: int, index: int, *, down: int) -> bool:
    before, now = course.moments[last], course.moments[index]
    return down * (now.weight_kg - before.weight_kg) >= WORSE_KG or now.at - before.at >= MERGE_FALSE


def _is_true(alert: datetime, course: Course) -> bool:
    return any(timedelta(0) <= event - alert <= MATCH for event in course.decompensations)


def years(course: Course) -> float:
    return (course.moments[-1].at - course.moments[0].at).total_seconds() / 86400 / 365.25


def with_threshold(plan: Plan, detector: Detector, threshold: float) -> Plan:
    """Beyond the bounds that hold for a patient's plan, if need be."""
    return plan.model_copy(update={detector.THRESHOLD: threshold})


def solve(
    courses: Sequence[Course], scores: Sequence[Sequence[float]], *, detector: Detector, plan: Plan, budget: float
) -> float:
    """The lowest threshold with at most `budget` false alerts per patient-year on these courses.

    A binary search over the scores that occurred; then upward, since merging makes counts not quite monotonic.

    Raises:
        BudgetError: the budget is negative, or the courses too short for a rate.
    """
    span = sum(years(course) for course in courses)
    if budget < 0:
        raise BudgetError("the budget must be 0 or more false alerts per patient-year")
    if not span:
        raise BudgetError("the history spans no time: a budget per patient-year needs at least two days of readings")

    def keeps(threshold: float) -> bool:
        trial, left = with_threshold(plan, detector, threshold), budget * span
        for start in range(0, len(courses), ABREAST):
            some = slice(start, start + ABREAST)
            left -= sum(one.false_alerts for one in tallies(courses[some], scores[some], detector=detector, plan=trial))
            if left < 0:
                return False
        return True

    candidates: list[float] = [0.0, *every(scores).tolist()]
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(candidates[middle]) else (middle + 1, high)
    while low < len(candidates) - 1 and not keeps(candidates[low]):
        low += 1
    return candidates[low]


def every(scores: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Each score that occurred and could be a threshold, once, in order."""
    distinct = np.unique(np.concatenate([np.asarray(values, dtype=np.float64) for values in scores]))
    return distinct[distinct > TOLERANCE_KG]


def curve(
    courses: Sequence[Course], scores: Sequence[Sequence[float]], *, detector: Detector, plan: Plan
) -> Iterator[Operation]:
    """What thresholds from high to low give: sensitivity against false alerts per patient-year, up to MOST_RATE.

    Raises:
        BudgetError: the courses are too short for a rate.
    """
    span = sum(years(course) for course in courses)
    if not span:
        raise BudgetError("the history spans no time: a rate per patient-year needs at least two days of readings")
    values = np.sort(np.concatenate([np.asarray(one, dtype=np.float64) for one in scores]))[::-1]
    for threshold in dict.fromkeys(values[(TAIL_SHARES * len(values)).astype(np.int64)].tolist()):
        trial = with_threshold(plan, detector, max(0.0, threshold))
        found = tallies(courses, scores, detector=detector, plan=trial)
        events, rate = sum(one.events for one in found), sum(one.false_alerts for one in found) / span
        yield Operation(
            threshold=threshold,
            sensitivity=sum(len(one.lead_days) for one in found) / events if events else 0.0,
            false_alerts_per_patient_year=rate,
        )
        if rate > MOST_RATE:
            return
