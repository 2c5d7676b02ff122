"""How far is the weight above those of the last days? The arithmetic that the published day rules share.

A weight is set against the lowest of the days named before it. A day without a weight counts as the last weight before
it, no older than 14 days, as in `guideline`: a gain during a gap is seen at its end. Rules of two windows score the
larger of the two gains, each as a multiple of its own limit: more than 1 is more than either limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alerts.detectors.carried import STAND_IN_DAYS
from alerts.detectors.detector import TOLERANCE_KG, Days, Kilograms, Scores


@dataclass(frozen=True)
class Limit:
    """More than `kg` within `days`."""

    kg: float
    days: int


def references(days: Days, kg: Kilograms, *, window: int) -> Scores:
    """The lowest weight in kg that stood on the `window` days before each; NaN where there is none."""
    back = np.arange(1, window + 1)[:, np.newaxis]
    index = np.searchsorted(days, days - back, side="right") - 1
    known = (index >= 0) & (days - days[index] <= max(STAND_IN_DAYS, window))
    lowest: Scores = np.fmin.reduce(np.where(known, kg[index], np.nan), axis=0)
    return lowest


def multiples(days: Days, kg: Kilograms, *, limits: Sequence[Limit]) -> Scores:
    """At each day the largest gain as a multiple of its limit, less the tolerance of 5 g; 0 if alone."""
    gains = [(kg - references(days, kg, window=limit.days) - TOLERANCE_KG) / limit.kg for limit in limits]
    largest: Scores = np.fmax.reduce(np.array(gains), axis=0)
    gained: Scores = np.maximum(np.nan_to_num(largest, nan=0.0), 0.0)
    return np.round(gained, 6) + 0.0


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, limits: Sequence[Limit], multiple: float) -> float | None:
    """The weight in kg that is above every reference by `multiple` times its limit, at most."""
    newest = [float(references(days, kg, window=limit.days)[-1]) + multiple * limit.kg for limit in limits]
    known = [weight for weight in newest if not np.isnan(weight)]
    return round(min(known), 3) if known else None
