"""How are many patients' days scored at once? In blocks, by the detectors that take many; the same scores."""

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


def _chunks(rows: Iterable[Row], score: Callable[[Sequence[Row]], Iterable[Score]]) -> Iterator[Score]:
    rows = iter(rows)
    return chain.from_iterable(map(score, iter(lambda: list(islice(rows, CHUNK)), [])))
