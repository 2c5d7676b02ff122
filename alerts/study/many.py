"""How are many patients' days judged at once? In blocks, by the detectors that take many; the same figures."""

from collections.abc import Iterable, Iterator, Sequence

from alerts.detectors import vigie
from alerts.detectors.detector import Detector
from alerts.judgement.history import Course
from schemas.plan import Plan

AT_ONCE = {vigie.NAME: vigie}
CHUNK = 512


def scored(courses: Sequence[Course], detector: Detector, *, plan: Plan) -> Iterator[list[float]]:
    """The scores at each course's moments."""
    if detector.NAME not in AT_ONCE:
        yield from (course.scores(detector, plan=plan) for course in courses)
        return
    for start in range(0, len(courses), CHUNK):
        some = courses[start : start + CHUNK]
        rows, others = [course.whole for course in some], [list(course.seen_otherwise()) for course in some]
        found = AT_ONCE[detector.NAME].scores_of(rows, others, plan=plan)
        for course, (final, then) in zip(some, found, strict=True):
            yield course.at_moments(final.tolist(), iter(then))


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
