"""Has this person lost 5 % of the weight within a year? Cachexia, by its definition (Evans 2008; clinical.md §3.6).

A level is the median of four weeks of the calendar. The newest that has ended is compared with the second highest of
the twelve before: one month of fluid, or of feasts, is no weight to lose. Whoever set a dry weight knew the weight, so
levels begin after it. Not a `Detector`: it judges months.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from alerts.detectors.detector import Days, Kilograms, exceeds

NAME = "wasting"
VERSION = "1"
LOST_PERCENT = 5.0
LEVEL_DAYS, LEVEL_WEIGHTS, LEVELS = 28, 5, 12
PARAMETERS = {"lost_percent": LOST_PERCENT, "level_days": LEVEL_DAYS, "levels": LEVELS}


class Level(NamedTuple):
    """Four weeks' median in kg; `number` counts them since the year 1, `last` is the index of their last weight."""

    number: int
    kg: float
    last: int


class Loss(NamedTuple):
    """How much of the reference (kg) is lost."""

    percent: float
    reference_kg: float

    @property
    def is_wasting(self) -> bool:
        return exceeds(self.percent, LOST_PERCENT)


def number_of(day: int) -> int:
    """In which four weeks a day lies."""
    return day // LEVEL_DAYS


def levels(days: Days, kg: Kilograms) -> list[Level]:
    """Of all four weeks that ended before the newest day's, with 5 weights or more, in order."""
    numbers = days // LEVEL_DAYS
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()  # the newest day's own are not at an end
    return [
        Level(number=int(numbers[first]), kg=round(float(np.median(kg[first:after])), 3), last=after - 1)
        for first, after in pairwise(firsts)
        if after - first >= LEVEL_WEIGHTS
    ]


def since(known: Sequence[Level], *, dry_set_on: int | None) -> list[Level]:
    """Those that began after a dry weight was set."""
    return [level for level in known if dry_set_on is None or level.number * LEVEL_DAYS > dry_set_on]


def loss(known: Sequence[Level]) -> Loss | None:
    """What the newest level has lost; None with fewer than two to compare it with."""
    before = sorted(level.kg for level in known[:-1] if level.number >= known[-1].number - LEVELS)
    if len(before) < 2:
        return None
    return Loss(percent=round(100 * (1 - known[-1].kg / before[-2]), 2), reference_kg=before[-2])
