"""How are many patients' days scored at once? In blocks, by the detectors that take many; the same scores."""

from collections.abc import Iterable, Iterator
from itertools import islice

from alerts.detectors import vigie
from alerts.detectors.detector import Detector
from alerts.judgement.history import Course
from schemas.plan import Plan

AT_ONCE = {vigie.NAME: vigie.scores_of}
CHUNK = 512


def scored(courses: Iterable[Course], detector: Detector, *, plan: Plan) -> Iterator[list[float]]:
    """The scores of all that each course has to score, in its order."""
    rows = (row for course in courses for row in course.to_score())
    while chunk := list(islice(rows, CHUNK)):
        for scores in AT_ONCE[detector.NAME](chunk, plan=plan):
            yield scores.tolist()
