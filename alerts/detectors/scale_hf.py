"""Has the weight risen by more than 3 lb in 1 day or 5 lb in 7 days? The rule of SCALE-HF 1: Fudim, J Card Fail 2025.

(clinical.md §2, row 3): 329 patients, 35 % of 69 events (24) at 4.18 alerts per patient-year.
"""

from alerts.detectors import rule
from alerts.detectors.detector import NOTHING, Days, Kilograms, Known, Scores
from alerts.detectors.rule import Limit
from schemas.plan import Plan

NAME = "scale_hf"
VERSION = "1"
THRESHOLD = "peer_threshold"
LIMITS = (Limit(1.36078, 1), Limit(2.26796, 7))


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """At each day the larger gain as a multiple of its limit."""
    return rule.multiples(days, kg, limits=LIMITS)


def threshold(plan: Plan) -> float:
    return 1.0 if plan.peer_threshold is None else plan.peer_threshold


def parameters(plan: Plan) -> dict[str, float]:
    return {f"kg_in_{limit.days}_days": limit.kg for limit in LIMITS} | {"multiple": threshold(plan)}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    return rule.would_not_fire_at_kg(days, kg, limits=LIMITS, multiple=threshold(plan))
