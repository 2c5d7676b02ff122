"""Is the weight outside this person's control limits? A personal control chart in the manner of Moazeni 2023.

EHJ Digital Health 4:455 (clinical.md §2, row 8): a mixed model of stable patients predicts the next weight, more and
more from the person's own history; an alarm is a weight outside the limits. Its code and parameters were not readable
to us. Here the prediction is the mean of the last weeks, the prior the noise of 30 public logs, the limit 3 SDs.
"""

import numpy as np

from alerts.detectors import carried, personal
from alerts.detectors.detector import NOTHING, Days, Kilograms, Known, Scores
from schemas.plan import Plan

NAME = "control_chart"
VERSION = "1"
THRESHOLD = "peer_threshold"
MEMORY_DAYS, LIMIT = 42.0, 3.0


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The distance above the prediction in SDs, at each day."""
    _, weights, measured = carried.filled(days, kg)
    distances = personal.standardised(weights, memory_days=MEMORY_DAYS)
    return np.round(np.array([max(0.0, z) for z, _ in distances], dtype=np.float64)[measured], 6) + 0.0


def threshold(plan: Plan) -> float:
    return LIMIT if plan.peer_threshold is None else plan.peer_threshold


def parameters(plan: Plan) -> dict[str, float]:
    return {"limit": threshold(plan), "memory_days": MEMORY_DAYS}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    if len(kg) < 2:
        return None
    _, weights, _ = carried.filled(days, kg)
    *_, (z, sd) = personal.standardised(weights, memory_days=MEMORY_DAYS)
    return round(float(kg[-1]) + (threshold(plan) - z) * sd, 3)
