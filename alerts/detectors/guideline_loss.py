"""Has the weight fallen by more than 2 kg in 3 days? The guideline rule mirrored: over-diuresis, gastro-enteritis.

Cardi'Auvergne alerts on "prise de 2 kg en 2 jours (ou perte de poids)". The same days are compared as in `guideline`.
"""

from alerts.detectors import guideline
from alerts.detectors.detector import NOTHING, Days, Kilograms, Known, Scores
from schemas.plan import Plan

NAME = "guideline_loss"
VERSION = "1"
THRESHOLD = "loss_kg"


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The loss in kg at each day, from the highest weight of the `gain_days` days before it."""
    return guideline.scores(days, -kg, plan=plan)


def threshold(plan: Plan) -> float:
    return plan.loss_kg


def parameters(plan: Plan) -> dict[str, float]:
    return {"loss_kg": plan.loss_kg, "gain_days": plan.gain_days, "stand_in_days": guideline.STAND_IN_DAYS}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    reference = float(-guideline.references(days, -kg, plan=plan)[-1])
    return round(reference - plan.loss_kg, 3) if reference == reference else None  # noqa: PLR0124 NaN: unknown
