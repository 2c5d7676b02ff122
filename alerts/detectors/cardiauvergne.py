"""Is the weight more than 5 kg above the dry weight? Cardi'Auvergne's alarm (clinical.md §1).

Its words: "depuis la sortie d'hospitalisation : prise de poids de plus de 5". Without a dry weight the
baseline stands in for it. Not a `Detector`: it judges one weight against a given one.
"""

from alerts.detectors.detector import exceeds
from schemas.plan import Plan

NAME = "cardiauvergne"
VERSION = "1"


def above_kg(weight_kg: float, *, dry_kg: float | None, baseline_kg: float | None) -> float | None:
    """How many kg above the dry weight, else the baseline; None if neither is known."""
    reference = baseline_kg if dry_kg is None else dry_kg
    return None if reference is None else round(weight_kg - reference, 4)


def is_alarm(above: float | None, *, plan: Plan) -> bool:
    return above is not None and exceeds(above, plan.alarm_kg)
