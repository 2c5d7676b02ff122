"""How are many patients' days judged at once? In blocks, by the detectors that take many; the same figures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

from alerts.detectors import vigie
from alerts.detectors.detector import Detector
from alerts.detectors.vigie import Row
from alerts.judgement.history import Course
from schemas.plan import Plan

AT_ONCE = {vigie.NAME: vigie}
CHUNK = 512
Score = TypeVar("Score")


def scored(courses: Sequence[Course], detector: Detector, *, plan: Plan) -> Iterator[list[float]]:
    """The scores at each course's moments."""
    judge = AT_ONCE[detector.NAME]
    whole = _chunks((course.whole for course in courses), lambda rows: judge.scores_of(rows, plan=plan))
    then = _chunks(
        (row for course in courses for row in course.seen_otherwise()),
        lambda rows: judge.newest_of(rows, plan=plan).tolist(),
    )
    for course, final in zip(courses, whole, strict=True):
        yield course.at_moments(final.tolist(), then)


def limits(asked: Iterable[tuple[Course, int, Plan]], detector: Detector) -> list[float | None]:
    """The weight at or below which `detector` would not have fired, at each of these moments under these plans."""
    asked = list(asked)
    if detector.NAME not in AT_ONCE:
        return [course.would_not_fire_at_kg(index, detector, plan=plan) for course, index, plan in asked]
    found: dict[int, float | None] = {}
    alike: dict[Plan, list[int]] = {}
    for number, (_, _, plan) in enumerate(asked):
        alike.setdefault(plan, []).append(number)
    for plan, numbers in alike.items():
        rows = [course.then(index) for course, index, _ in map(asked.__getitem__, numbers)]
        found |= zip(numbers, AT_ONCE[detector.NAME].would_not_fire_of(rows, plan=plan), strict=True)
    return [found[number] for number in range(len(asked))]


def _chunks(rows: Iterable[Row], score: Callable[[Sequence[Row]], Iterable[Score]]) -> Iterator[Score]:
    rows = iter(rows)
    return chain.from_iterable(map(score, iter(lambda: list(islice(rows, CHUNK)), [])))
