"""What is a detector? From daily weights to a score at every day, higher is worse, and the score that is too much."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.plan import Plan

Days = NDArray[np.int64]
Kilograms = NDArray[np.float64]
Scores = NDArray[np.float64]

NO_DAYS: Days = np.zeros(0, dtype=np.int64)
NO_HOURS: NDArray[np.float64] = np.zeros(0, dtype=np.float64)

TOLERANCE_KG = 0.005
"""What "more than" means: by more than 5 g.

Scales show steps of 50 or 100 g (or 0.2 lb = 91 g) and weights are kept to the gram. So a gain of exactly 2.0 kg is not
more than 2 kg, whatever floating point makes of 82.3 - 80.3, and 3 lb (1.3608 kg; 32 of 295 one-day hits in noise.md
are exactly that) is not more than a threshold written as 1.36 kg; the next step of any scale is.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """What is known beside the weights. The published rules ask for none of it."""

    anchors: Days = field(default_factory=lambda: NO_DAYS)
    """From these days on earlier weights no longer tell the baseline: treated, a new dry weight, another scale."""
    hours: NDArray[np.float64] = field(default_factory=lambda: NO_HOURS)
    """Of the patient's day at each weight, 7.5 is 7:30; empty: not known."""
    excused: Days = field(default_factory=lambda: NO_DAYS)
    """Days on which a weight could not reach us."""
    confirmed: Days = field(default_factory=lambda: NO_DAYS)
    """Days of whose weight a person said that it is true."""


NOTHING = Known()


class Detector(Protocol):
    """A module of this folder; `scores[i]` depends on `days[: i + 1]` and `kg[: i + 1]` alone.

    Days without a weight have no score: the last one stands until the next weight. The unit of a score is the
    detector's own; most count in kg.
    """

    NAME: str
    VERSION: str
    THRESHOLD: str
    """The field of `Plan` that holds the threshold."""

    def scores(self, days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores: ...

    def threshold(self, plan: Plan) -> float: ...

    def parameters(self, plan: Plan) -> dict[str, float]: ...

    def would_not_fire_at_kg(self, days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
        """The newest weight at or below (for a loss: above) which this detector would not have fired."""


def exceeds(score: float, threshold: float) -> bool:
    """Whether `score` (kg) is more than `threshold` (kg), see TOLERANCE_KG."""
    return score > threshold + TOLERANCE_KG
