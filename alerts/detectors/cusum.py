"""Has the weight been above this person's mean for too long? CUSUM: Page 1954, on weights Gyllensten 2016.

JMIR Med Inform 4:e3 names it, its parameters were not readable to us (clinical.md §2): S = max(0, S + z - k) with the
textbook's k = 0.5 and h = 4, z the distance from the mean of the last weeks in personal SDs (no more than 4, so that
one bad weighing alone reaches no alert).
"""

from collections.abc import Iterable

import numpy as np

from alerts.detectors import carried, personal
from alerts.detectors.detector import NOTHING, Days, Kilograms, Known, Scores
from schemas.plan import Plan

NAME = "cusum"
VERSION = "1"
THRESHOLD = "peer_threshold"
MEMORY_DAYS, SLACK, LIMIT, LARGEST = 28.0, 0.5, 4.0, 4.0


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The cumulative sum at each day, in SDs."""
    _, weights, measured = carried.filled(days, kg)
    sums = _sums(z for z, _ in personal.standardised(weights, memory_days=MEMORY_DAYS))
    return np.round(np.array(sums, dtype=np.float64)[measured], 6) + 0.0


def threshold(plan: Plan) -> float:
    return LIMIT if plan.peer_threshold is None else plan.peer_threshold


def parameters(plan: Plan) -> dict[str, float]:
    return {"limit": threshold(plan), "slack": SLACK, "memory_days": MEMORY_DAYS}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    """None if no weight alone can bring the sum above the limit."""
    if len(kg) == 1:
        return None
    _, weights, _ = carried.filled(days, kg)
    *earlier, (z, sd) = personal.standardised(weights, memory_days=MEMORY_DAYS)
    before = _sums(distance for distance, _ in earlier)[-1]
    needed = threshold(plan) - before + SLACK
    return None if needed >= LARGEST else round(float(kg[-1]) + (needed - z) * sd, 3)


def _sums(distances: Iterable[float]) -> list[float]:
    total, out = 0.0, []
    for z in distances:
        total = max(0.0, total + min(z, LARGEST) - SLACK)
        out.append(total)
    return out
