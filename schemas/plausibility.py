"""Could this weight be this person's? Asked at the door (ingest) and over a history (back-test), answered the same."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MIN_KG = 2.0
MAX_KG = 400.0
LOW_KG = 20.0
JUMP_KG = 5.0
JUMP_SHARE = 0.05
DRIFT_KG_PER_DAY = 0.5
AGREEMENT_KG = 2.0
AGREEMENT_DAYS = 14

Doubt = Literal["implausible_weight", "implausible_jump"]


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A weight in kg and the time of the body it belongs to; `doubted` if it waits in quarantine."""

    measured_at: datetime
    weight_kg: float
    doubted: bool = False


def doubt(weight_kg: float, measured_at: datetime, *, before: list[Weighed]) -> Doubt | None:
    """Why this weight should wait for a human, or None.

    `before` are the person's weights known so far, in any order; those measured later do not count. A jump is more
    than max(5 kg, 5 %) plus 0.5 kg for each day since the last accepted weight (clinical.md §5.3 tier 0). A doubted
    weight with which this one agrees within 2 kg in 14 days is confirmation: a real change is never shut out for ever.
    """
    if weight_kg < LOW_KG:
        return "implausible_weight"
    earlier = [weighed for weighed in before if weighed.measured_at <= measured_at]
    accepted = [weighed for weighed in earlier if not weighed.doubted]
    if not accepted:
        return None
    last = max(accepted, key=lambda weighed: weighed.measured_at)
    days = (measured_at - last.measured_at).total_seconds() / 86400
    allowed_kg = max(JUMP_KG, JUMP_SHARE * last.weight_kg) + DRIFT_KG_PER_DAY * max(0.0, days - 1)
    if abs(weight_kg - last.weight_kg) <= allowed_kg or _confirmed(weight_kg, measured_at, last, earlier):
        return None
    return "implausible_jump"


def _confirmed(weight_kg: float, measured_at: datetime, last: Weighed, earlier: list[Weighed]) -> bool:
    """Whether the latest doubted weight since the last accepted one agrees, 10 minutes or more before this one."""
    waiting = [weighed for weighed in earlier if weighed.doubted and weighed.measured_at > last.measured_at]
    waiting = [weighed for weighed in waiting if weighed.weight_kg >= LOW_KG]  # a bag on the scale speaks for nobody
    if not waiting:
        return False
    latest = max(waiting, key=lambda weighed: weighed.measured_at)
    minutes = (measured_at - latest.measured_at).total_seconds() / 60
    return 10 <= minutes <= AGREEMENT_DAYS * 1440 and abs(weight_kg - latest.weight_kg) <= AGREEMENT_KG
