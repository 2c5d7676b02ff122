"""How sure are a back-test's figures? Wilson for a share of events; the bootstrap over patients for rates.

Patients, not alerts, are drawn again: one noisy patient gives many false alerts, and the next clinic may have two.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 1000
SEED = 20260322
LOW, HIGH = 2.5, 97.5

Interval = tuple[float, float]


def wilson(found: int, events: int) -> Interval | None:
    """The 95 % Wilson interval of a share; None without events."""
    if not events:
        return None
    bounds = binomtest(found, events).proportion_ci(confidence_level=0.95, method="wilson")
    return float(bounds.low), float(bounds.high)


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
