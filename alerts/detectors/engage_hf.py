"""Is the weight 3 lb or more above the median of the last 7 days? ENGAGE-HF (Stanford, in use).

StanfordBDHG/ENGAGE-HF-Firebase, triggerService.ts l.281-340: the newest weight less the median of the last 7 days,
today's included. Its "no re-trigger within 7 days" is the service's business, as for every detector here. See `carried`
for days without a weight.
"""

import numpy as np

from alerts.detectors import carried
from alerts.detectors.detector import NOTHING, TOLERANCE_KG, Days, Kilograms, Known, Scores
from schemas.plan import Plan

NAME = "engage_hf"
VERSION = "1"
THRESHOLD = "peer_threshold"
GAIN_KG = 1.36078
WINDOW_DAYS = 7


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """At each day the kg above the median."""
    daily, weights, measured = carried.filled(days, kg)
    gained = (weights - _medians(daily, weights))[measured]
    return np.round(gained, 4) + 0.0


def _medians(daily: Days, weights: Kilograms) -> Kilograms:
    """At each day the median of the window that it ends; for all days at once, a column for each day of the window."""
    window = np.full((len(daily), WINDOW_DAYS), np.nan)
    for back in range(min(WINDOW_DAYS, len(daily))):
        near = daily[back:] - daily[: len(daily) - back] < WINDOW_DAYS
        window[back:, back] = np.where(near, weights[: len(daily) - back], np.nan)
    ordered = np.sort(window, axis=1)  # days without a weight come last
    count, rows = np.count_nonzero(~np.isnan(window), axis=1), np.arange(len(daily))
    medians: Kilograms = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
    return medians


def threshold(plan: Plan) -> float:
    """Below 3 lb by the tolerance and a hair: the rule says "3 lb or more"."""
    return GAIN_KG - 2 * TOLERANCE_KG if plan.peer_threshold is None else plan.peer_threshold


def parameters(plan: Plan) -> dict[str, float]:
    return {"gain_kg": threshold(plan), "window_days": WINDOW_DAYS}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    """The newest weight is in the median too: with n earlier ones, it is compared with an order statistic of them."""
    daily, weights, _ = carried.filled(days, kg)
    earlier = np.sort(_earlier(daily, weights, len(daily) - 1))
    count = len(earlier)
    if not count:
        return None
    if count % 2 == 0:  # the newest, being high, leaves the upper of the two middle ones as the median
        return round(float(earlier[count // 2]) + threshold(plan), 3)
    middle = float(earlier[count // 2])
    alone = middle + 2 * threshold(plan)  # if the newest is itself one of the two middle ones
    if count == 1 or alone <= earlier[count // 2 + 1]:
        return round(alone, 3)
    return round((middle + float(earlier[count // 2 + 1])) / 2 + threshold(plan), 3)


def _earlier(days: Days, kg: Kilograms, index: int) -> Kilograms:
    return kg[int(np.searchsorted(days, days[index] - WINDOW_DAYS + 1)) : index]
