"""How far is the weight above those of the last days? The arithmetic that the published day rules share.

A weight is set against the lowest of the days named before it. A day without a weight counts as the last weight before
it, no older than 14 days, as in `guideline`: a gain during a gap is seen at its end. Rules of two windows score the
larger of the two gains, each as a multiple of its own limit: more than 1 is more than either limit.
"""

from dataclasses import dataclass

import numpy as np

from alerts.detectors.carried import STAND_IN_DAYS
from alerts.detectors.detector import NOTHING, TOLERANCE_KG, Days, Kilograms, Known, Scores
from schemas.plan import Plan


@dataclass(frozen=True)
class Limit:
    """More than `kg` within `days`."""

    kg: float
    days: int


def references(days: Days, kg: Kilograms, *, window: int) -> Scores:
    """The lowest weight in kg that stood on the `window` days before each; NaN where there is none."""
    back = np.arange(1, window + 1)[:, np.newaxis]
    index = np.searchsorted(days, days - back, side="right") - 1
    known = (index >= 0) & (days - days[index] <= max(STAND_IN_DAYS, window))
    lowest: Scores = np.fmin.reduce(np.where(known, kg[index], np.nan), axis=0)
    return lowest


@dataclass(frozen=True)
class Rule:
    """A detector that fires above its `limits`, or above so many times them as the plan's `peer_threshold` says."""

    limits: tuple[Limit, ...]

    def scores(  # a detector takes what any of them asks for
        self,
        days: Days,
        kg: Kilograms,
        *,
        plan: Plan,  # noqa: ARG002
        known: Known = NOTHING,  # noqa: ARG002
    ) -> Scores:
        """At each day the largest gain as a multiple of its limit, less the tolerance of 5 g; 0 if alone."""
        gains = [(kg - references(days, kg, window=one.days) - TOLERANCE_KG) / one.kg for one in self.limits]
        largest: Scores = np.fmax.reduce(np.array(gains), axis=0)
        gained: Scores = np.maximum(np.nan_to_num(largest, nan=0.0), 0.0)
        return np.round(gained, 6) + 0.0

    def threshold(self, plan: Plan) -> float:
        return 1.0 if plan.peer_threshold is None else plan.peer_threshold

    def parameters(self, plan: Plan) -> dict[str, float]:
        return {f"kg_in_{one.days}_days": one.kg for one in self.limits} | {"multiple": self.threshold(plan)}

    def would_not_fire_at_kg(
        self,
        days: Days,
        kg: Kilograms,
        *,
        plan: Plan,
        known: Known = NOTHING,  # noqa: ARG002
    ) -> float | None:
        """The weight in kg that is above every reference by the threshold times its limit, at most."""
        above = [self.threshold(plan) * one.kg for one in self.limits]
        newest = [float(references(days, kg, window=one.days)[-1]) for one in self.limits]
        known_ones = [weight + more for weight, more in zip(newest, above, strict=True) if not np.isnan(weight)]
        return round(min(known_ones), 3) if known_ones else None
