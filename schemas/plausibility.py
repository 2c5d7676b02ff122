"""Could this weight be this person's? Asked at the door (ingest) and over a history (back-test), answered the same."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

MIN_KG = 2.0
MAX_KG = 400.0
LOW_KG = 20.0
JUMP_KG = 5.0
JUMP_SHARE = 0.05
DRIFT_KG_PER_DAY = 0.5
AGREEMENT_KG = 2.0
AGREEMENT_DAYS = 14
APART_MINUTES = 10
POUNDS_PER_KG = 2.2046226
FLIP_SHARE = 0.03
"""How far from exactly pounds a weight may lie: what a person's own weight does in some weeks."""
FLIP_KEPT_WAITING = 2
"""Doubted weights that must agree before a third is believed, where another person or unit is the likelier cause."""
SHIFT_DAYS = 3.0
SHIFT_KG = 10.0
ARRIVAL = timedelta(minutes=10)
"""A battery's state arrives with the weight, and is timed by its arrival: the weight before it is older than that."""
HOUSEHOLD_DAYS = 90
HOUSEHOLD_KG = 3.0
REMEMBERED = 12
"""How many doubted weights of the last HOUSEHOLD_DAYS are looked at."""

Doubt = Literal["implausible_weight", "implausible_jump", "unit_flip", "other_person", "scale_shift"]
CONFIRMABLE: tuple[Doubt, ...] = tuple(doubt for doubt in get_args(Doubt) if doubt != "implausible_weight")
"""Doubts that later weights can turn."""


class Weighed(NamedTuple):
    """A weight in kg and the time of the body it belongs to; `doubted` if it waits in quarantine."""

    measured_at: datetime
    weight_kg: float
    doubted: bool = False


def doubt(weight_kg: float, measured_at: datetime, *, before: Iterable[Weighed]) -> Doubt | None:
    """Why this weight should wait for a human, or None.

    `before` are the person's weights known so far, in any order; those measured later do not count: the last accepted
    one, and of the doubted ones the 12 latest in 90 days. A jump is more than max(5 kg, 5 %) plus 0.5 kg for each day
    since the last accepted weight (clinical.md §5.3 tier 0); what it looks like gives the reason:

    - `unit_flip`: 2.2046 times the last weight, or that part of it;
    - `other_person`: like a weight that was doubted before and then refuted by this person's own. A smaller difference
      is enough here, more than 3 kg, if it lies much nearer to that other's weight;
    - `scale_shift`: at most 10 kg after at least 3 days of silence, or a change of battery; the scale was moved or
      replaced;
    - `implausible_jump`: any other.

    Doubted weights with which this one agrees are confirmation, so that a real change is never shut out for ever: one,
    at least 10 minutes and at most 14 days ago, and none of the person's own since; two of another person's or unit's.
    """
    earlier = sorted((one for one in before if one.measured_at <= measured_at), key=order)
    accepted = [one for one in earlier if not one.doubted]
    doubted = [one for one in earlier if one.doubted]
    return doubt_in_order(weight_kg, measured_at, last=accepted[-1] if accepted else None, doubted=doubted)


def doubt_in_order(
    weight_kg: float,
    measured_at: datetime,
    *,
    last: Weighed | None,
    doubted: Sequence[Weighed],
    battery_changed_at: datetime | None = None,
) -> Doubt | None:
    """`doubt` for those who keep the last accepted weight and the doubted ones, in order, none measured later.

    More than 3 kg is a `scale_shift` in the first weight after the scale's battery was changed: it was taken in hand.
    """
    if weight_kg < LOW_KG:
        return "implausible_weight"
    if last is None or abs(weight_kg - last.weight_kg) <= HOUSEHOLD_KG:
        return None  # neither a jump nor another's; nearly every weight ends here
    persons = [one for one in doubted if one.weight_kg >= LOW_KG]  # a bag on the scale speaks for nobody
    recent = [one for one in persons[-REMEMBERED:] if _days(one.measured_at, measured_at) <= HOUSEHOLD_DAYS]
    is_handled = battery_changed_at is not None and last.measured_at < battery_changed_at - ARRIVAL
    reason = _reason(weight_kg, measured_at, last, recent, is_handled=is_handled)
    if reason is None or _confirmed(weight_kg, measured_at, last, recent, reason=reason):
        return None
    return reason


def confirms(accepted: Weighed, doubted: Weighed) -> bool:
    """Whether the first accepted weight after a doubted one turns it: a detector may use it from then on."""
    return doubted.weight_kg >= LOW_KG and _agrees(accepted.weight_kg, accepted.measured_at, doubted=doubted)


def order(weighed: Weighed) -> tuple[datetime, float]:
    """In which order weights stand, so that the order of their coming does not matter."""
    return weighed.measured_at, weighed.weight_kg


def _reason(
    weight_kg: float, measured_at: datetime, last: Weighed, doubted: Sequence[Weighed], *, is_handled: bool
) -> Doubt | None:
    days = _days(last.measured_at, measured_at)
    step_kg = abs(weight_kg - last.weight_kg)
    allowed_kg = max(JUMP_KG, JUMP_SHARE * last.weight_kg) + DRIFT_KG_PER_DAY * max(0.0, days - 1)
    if is_handled:
        allowed_kg = HOUSEHOLD_KG
    if _is_others(weight_kg, last, doubted, reach_kg=AGREEMENT_KG if step_kg > allowed_kg else step_kg / 3):
        return "other_person"
    if step_kg <= allowed_kg:
        return None
    if any(
        abs(weight_kg / (last.weight_kg * factor) - 1) <= FLIP_SHARE for factor in (POUNDS_PER_KG, 1 / POUNDS_PER_KG)
    ):
        return "unit_flip"
    return "scale_shift" if (is_handled or days >= SHIFT_DAYS) and step_kg <= SHIFT_KG else "implausible_jump"


def _is_others(weight_kg: float, last: Weighed, doubted: Sequence[Weighed], *, reach_kg: float) -> bool:
    """Whether it is like a weight that this person's own came after, and refuted."""
    return any(
        one.measured_at < last.measured_at
        and abs(weight_kg - one.weight_kg) <= min(reach_kg, AGREEMENT_KG)
        and abs(one.weight_kg - last.weight_kg) > AGREEMENT_KG
        for one in doubted
    )


def _confirmed(
    weight_kg: float, measured_at: datetime, last: Weighed, doubted: Sequence[Weighed], *, reason: Doubt
) -> bool:
    """Whether as many of the latest doubted weights agree as it takes, with none of the person's own since."""
    needed = FLIP_KEPT_WAITING if reason in {"unit_flip", "other_person"} else 1
    waiting = [one for one in doubted if one.measured_at > last.measured_at][-needed:]
    return len(waiting) == needed and all(_agrees(weight_kg, measured_at, doubted=one) for one in waiting)


def _agrees(weight_kg: float, measured_at: datetime, *, doubted: Weighed) -> bool:
    """Whether a weight says the same as an earlier doubted one, at another moment, and not too late."""
    minutes = _days(doubted.measured_at, measured_at) * 1440
    apart = APART_MINUTES <= minutes <= AGREEMENT_DAYS * 1440
    return apart and abs(weight_kg - doubted.weight_kg) <= AGREEMENT_KG


def _days(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds() / 86400
