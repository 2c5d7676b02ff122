"""Have several weights in a row been above this person's moving average by a personal SD? HeartPhone: Ledwidge 2013.

EJHF 15:425, patents US 2012/0330683 and WO 2011/104326 (clinical.md §2, row 5c): level 1 if the new weight exceeds the
moving average of the weights before by more than the expected range, for example 1 SD; level 2, the alert, if level 1
is raised on N readings in a row. The length of the average and N were not readable to us: 14 days and 3 are ours. The
score is the least of the last 3 distances.
"""

import numpy as np

from alerts.detectors import carried, personal
from alerts.detectors.detector import NOTHING, Days, Kilograms, Known, Scores
from schemas.plan import Plan

NAME = "heartphone"
VERSION = "1"
THRESHOLD = "peer_threshold"
MEMORY_DAYS, IN_A_ROW, RANGE = 14.0, 3, 1.0


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """In SDs, at each day the least distance above the average of this and the two weights before."""
    _, weights, measured = carried.filled(days, kg)
    z = np.array(
        [distance for distance, _ in personal.standardised(weights, memory_days=MEMORY_DAYS)], dtype=np.float64
    )
    padded = np.concatenate([np.zeros(IN_A_ROW - 1), z])
    least: Scores = np.min([padded[number : number + len(z)] for number in range(IN_A_ROW)], axis=0)
    above: Scores = np.maximum(least[measured], 0.0)
    return np.round(above, 6) + 0.0


def threshold(plan: Plan) -> float:
    return RANGE if plan.peer_threshold is None else plan.peer_threshold


def parameters(plan: Plan) -> dict[str, float]:
    return {"range": threshold(plan), "in_a_row": IN_A_ROW, "memory_days": MEMORY_DAYS}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    """None if the two weights before were within the range: then no weight alone can fire."""
    _, weights, _ = carried.filled(days, kg)
    distances = list(personal.standardised(weights, memory_days=MEMORY_DAYS))
    before = [z for z, _ in distances[-IN_A_ROW:-1]]
    if len(before) < IN_A_ROW - 1 or min(before) <= threshold(plan) + 0.006:
        return None
    z, sd = distances[-1]
    return round(float(kg[-1]) + (threshold(plan) - z) * sd, 3)
