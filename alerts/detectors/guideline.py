"""Has the weight risen by more than 2 kg in 3 days? ESC guideline 2021, McDonagh et al., doi 10.1093/eurheartj/ehab368.

Compared are local calendar days. Today's weight is set against the lowest of the `gain_days` days before today. A day
without a weight counts as the last weight before it, no older than 14 days: then a gain that happened during a gap is
seen at its end, and leaving a day out never hides one. Without any such weight the score is 0. See
`detector.TOLERANCE_KG` for "more than".
"""

import numpy as np

from alerts.detectors.detector import NOTHING, Days, Kilograms, Known, Scores
from schemas.plan import Plan

NAME = "guideline"
VERSION = "1"
THRESHOLD = "gain_kg"
STAND_IN_DAYS = 14


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The gain in kg at each day over the lowest weight of the `gain_days` days before it."""
    return _rounded(kg, references(days, kg, plan=plan))


def references(days: Days, kg: Kilograms, *, plan: Plan) -> Scores:
    """The weight in kg that each day is compared with; NaN where there is none."""
    lowest: Scores = np.fmin.reduce(_standing(days, kg, plan.gain_days), axis=0)
    return lowest


def threshold(plan: Plan) -> float:
    return plan.gain_kg


def parameters(plan: Plan) -> dict[str, float]:
    return {"gain_kg": plan.gain_kg, "gain_days": plan.gain_days, "stand_in_days": STAND_IN_DAYS}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    reference = float(references(days, kg, plan=plan)[-1])
    return None if np.isnan(reference) else round(reference + plan.gain_kg, 3)


def _standing(days: Days, kg: Kilograms, window: int) -> Scores:
    """For each number of days back (rows), the weight that stood then; NaN where it is unknown or too old."""
    back = np.arange(1, window + 1)[:, np.newaxis]
    index = np.searchsorted(days, days - back, side="right") - 1
    known = (index >= 0) & (days - days[index] <= max(STAND_IN_DAYS, window))
    return np.where(known, kg[index], np.nan)


def _rounded(kg: Kilograms, references_kg: Scores) -> Scores:
    """Differences to the tenth of a gram, so that 82.3 - 80.3 is 2.0."""
    gains: Scores = np.nan_to_num(kg - references_kg, nan=0.0)
    return np.round(gains, 4) + 0.0
