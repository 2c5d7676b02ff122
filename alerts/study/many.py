"""How are many patients' days scored at once? In blocks, by the detectors that take many; the same scores."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from alerts.detectors import vigie
from alerts.detectors.detector import Days, Detector, Kilograms, Known, Scores
from alerts.judgement.history import Course

AT_ONCE: dict[str, Callable[[Sequence[tuple[Days, Kilograms, Known]]], list[Scores]]] = {vigie.NAME: vigie.scores_of}
CHUNK = 512


def scored(courses: Iterable[Course], detector: Detector) -> Iterator[list[float]]:
    """The scores of all that each course has to score, in its order."""
    rows = (row for course in courses for row in course.to_score())
    while chunk := list(islice(rows, CHUNK)):
        for scores in AT_ONCE[detector.NAME](chunk):
            yield scores.tolist()
