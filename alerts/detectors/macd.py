"""Is the recent weight above that of the last weeks? MACD: Zhang 2009, Gyllensten 2016.

EJHF 11:420 and JMIR Med Inform 4:e3. A short moving average minus a long one. The papers' own lengths were not readable
to us (clinical.md §2): 5 and 20 days are ours, chosen so that 14 public logs of healthy adults (14 person-years) cross
1 kg 7 times. Both averages are exponential in time, not in number: a weight after k days enters with
1 - exp(-k / length), and each is divided by the weight it has gathered so far, so that the first day counts for no more
than it knows. Version 2: on up to 14 days without a weight the last one stands (`carried`); in version 1 a gap could
lower a score by itself.
"""

import math
from collections.abc import Iterator

import numpy as np

from alerts.detectors import carried
from alerts.detectors.detector import NOTHING, Days, Kilograms, Known, Scores
from schemas.plan import Plan

NAME = "macd"
VERSION = "2"
THRESHOLD = "macd_threshold_kg"
SHORT_DAYS = 5.0
LONG_DAYS = 20.0


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """Short minus long moving average in kg at each day."""
    return np.round(_differences(days, kg), 4) + 0.0


def threshold(plan: Plan) -> float:
    return plan.macd_threshold_kg


def parameters(plan: Plan) -> dict[str, float]:
    return {"macd_threshold_kg": plan.macd_threshold_kg, "short_days": SHORT_DAYS, "long_days": LONG_DAYS}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    """The score is linear in the newest weight, so the weight that brings it to the threshold is known exactly."""
    lower = np.append(kg[:-1], kg[-1] - 1.0)
    now, one_kg_less = (float(_differences(days, weights)[-1]) for weights in (kg, lower))
    if now - one_kg_less <= 0:
        return None
    return round(float(kg[-1]) - (now - plan.macd_threshold_kg) / (now - one_kg_less), 3)


def _differences(days: Days, kg: Kilograms) -> Scores:
    daily, weights, measured = carried.filled(days, kg)
    offset = kg[0] if len(kg) else 0.0  # computed around 0, so that adding a constant changes nothing but rounding
    short, long = (_averages(daily, weights - offset, length) for length in (SHORT_DAYS, LONG_DAYS))
    return (short - long)[measured]


def _averages(days: Days, kg: Kilograms, length: float) -> Scores:
    return np.fromiter(_exponential(days, kg, length), dtype=np.float64, count=len(days))


def _exponential(days: Days, kg: Kilograms, length: float) -> Iterator[float]:
    total = gathered = 0.0
    gaps = np.diff(days, prepend=days[:1] - 1).tolist()
    for gap, weight in zip(gaps, kg.tolist(), strict=True):
        kept = math.exp(-gap / length)
        total = total * kept + weight * (1 - kept)
        gathered = gathered * kept + (1 - kept)
        yield total / gathered
