"""How sure are a back-test's figures? Wilson for a share of events; the bootstrap over patients for rates.

Patients, not alerts, are drawn again: one noisy patient gives many false alerts, and the next clinic may have two.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np

Z = NormalDist().inv_cdf(0.975)
RESAMPLES = 1000
SEED = 20260322
LOW, HIGH = 2.5, 97.5

Interval = tuple[float, float]


def wilson(found: int, events: int) -> Interval | None:
    """The 95 % Wilson interval of a share; None without events."""
    if not events:  # written out: scipy.stats takes a second to import, and whoever tries a change waits for it
        return None
    missed, weight = events - found, Z**2 / events
    middle = (found / events + weight / 2) / (1 + weight)
    reach = Z / (1 + weight) * sqrt(found * missed / events**3 + weight / (4 * events))
    return middle - reach if found else 0.0, middle + reach if missed else 1.0


def of_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Interval | None:
    """The 95 % bootstrap interval of a sum over a sum, one pair for each patient; None with fewer than two."""
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if len(above) < 2:
        return None
    rng = np.random.default_rng(SEED)
    ratios = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, len(above), len(above))
        if total := float(below[drawn].sum()):
            ratios.append(float(above[drawn].sum()) / total)
    return _percentiles(ratios)


def of_median(values: Sequence[float]) -> Interval | None:
    """The 95 % bootstrap interval of a median; None with fewer than two values."""
    if len(values) < 2:
        return None
    drawn = np.random.default_rng(SEED).choice(np.asarray(values), (RESAMPLES, len(values)))
    return _percentiles(np.median(drawn, axis=1).tolist())


def _percentiles(values: Sequence[float]) -> Interval | None:
    if not values:
        return None
    low, high = np.percentile(values, [LOW, HIGH])
    return float(low), float(high)
