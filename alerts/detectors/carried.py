"""What stands on a day without a weight? The last one, for 14 days: so a gap lowers no score by itself."""

import numpy as np
from numpy.typing import NDArray

from alerts.detectors.detector import Days, Kilograms

STAND_IN_DAYS = 14


def filled(days: Days, kg: Kilograms) -> tuple[Days, Kilograms, NDArray[np.bool_]]:
    """Every day that has a weight or a stand-in, its weight in kg, and whether it was really measured."""
    gaps = np.diff(days, append=days[-1:] + 1)
    stands = np.minimum(gaps, STAND_IN_DAYS + 1)
    index = np.repeat(np.arange(len(days)), stands)
    since = np.arange(len(index)) - np.repeat(np.cumsum(stands) - stands, stands)
    return days[index] + since, kg[index], since == 0
