"""The arithmetic that the charts share: a weight in units of what this person showed before."""

import math
from collections.abc import Iterator

from alerts.detectors.detector import Kilograms

FLOOR_KG = 0.3
PRIOR_KG, PRIOR_WEIGHTS = 0.46, 5.0
"""The day noise of 30 public logs (noise.md), counted as so many weights until there are more."""


def standardised(kg: Kilograms, *, memory_days: float) -> Iterator[tuple[float, float]]:
    """On each of consecutive days, the distance from the mean of the days before, in SDs of those; and that SD in kg.

    Mean and SD forget with `memory_days`. The first day has the distance 0.
    """
    kept, share = math.exp(-1 / memory_days), PRIOR_WEIGHTS / memory_days
    total = gathered = spread = 0.0
    for weight in (kg - kg[:1]).tolist():
        mean = total / gathered if gathered else weight
        sd = max(FLOOR_KG, math.sqrt((spread + share * PRIOR_KG**2) / (gathered + share)))
        yield (weight - mean) / sd, sd
        spread = spread * kept + (weight - mean) ** 2 * (1 - kept)
        total, gathered = total * kept + weight * (1 - kept), gathered * kept + (1 - kept)
