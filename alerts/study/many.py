"""How are many patients' days scored at once? A grid for the detectors that have a form for it, the same scores."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from alerts.detectors import vigie, vigie_many
from alerts.detectors.detector import Detector
from alerts.judgement.history import Course

Grid = NDArray[np.float64]

AT_ONCE: dict[str, Callable[..., Grid]] = {vigie.NAME: vigie_many.scores}
CHUNK = 512
"""Rows of a grid: 10 years each are 15 MB."""


def scored(courses: Iterable[Course], detector: Detector) -> Iterator[list[float]]:
    """The scores of all that each course has to score, in its order."""
    rows = ((days, kg, course.ordinals) for course in courses for days, kg in course.to_score())
    while chunk := list(islice(rows, CHUNK)):
        width = max(int(days[-1] - days[0]) + 1 for days, _, _ in chunk)
        grid = np.full((len(chunk), width), np.nan)
        for row, (days, kg, _) in enumerate(chunk):
            grid[row, days - days[0]] = kg
        anchors = [(ordinals[ordinals >= days[0]] - days[0]).tolist() for days, _, ordinals in chunk]
        scores = AT_ONCE[detector.NAME](grid, anchors=anchors)
        for row, (days, _, _) in enumerate(chunk):
            yield scores[row, days - days[0]].tolist()
