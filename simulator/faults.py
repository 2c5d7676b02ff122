"""What goes wrong between a body and the service? Each fault turns what a scale would send into what it does send."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from simulator.life import PARIS
from simulator.weighing import Weighing


@dataclass(frozen=True, kw_only=True)
class Sending:
    """One message: which weighings leave the scale at which (true) time, by how far its clock is ahead."""

    at: datetime
    weighings: tuple[Weighing, ...]
    clock_ahead: timedelta = timedelta()


def as_taken(weighings: Sequence[Weighing]) -> list[Sending]:
    """No fault: every weighing is sent some seconds after it was taken."""
    return [Sending(at=weighing.measured_at + timedelta(seconds=4), weighings=(weighing,)) for weighing in weighings]


def missed(sendings: Sequence[Sending], *, first: date, last: date) -> list[Sending]:
    """Nobody stands on the scale on these days."""
    return [sending for sending in sendings if not first <= _day(sending) <= last]


def other_person(sendings: Sequence[Sending], *, on: date, heavier_kg: Decimal) -> list[Sending]:
    """On that day somebody else stood on the scale."""
    return [_heavier(sending, heavier_kg) if _day(sending) == on else sending for sending in sendings]


def sent_twice(sendings: Sequence[Sending], *, after: timedelta = timedelta(minutes=2)) -> list[Sending]:
    """The receipt is lost on the way, so the scale sends again."""
    again = [replace(sending, at=sending.at + after) for sending in sendings]
    return sorted([*sendings, *again], key=lambda sending: sending.at)


def clock_ahead(sendings: Sequence[Sending], *, by: timedelta) -> list[Sending]:
    """The scale's clock is wrong; what it says of the weighing and of the sending is wrong alike."""
    return [replace(sending, clock_ahead=by) for sending in sendings]


def outage(sendings: Sequence[Sending], *, first: date, last: date, back_at: datetime) -> list[Sending]:
    """On these days nothing gets out; then all of it does, as one batch."""
    held = [sending for sending in sendings if first <= _day(sending) <= last]
    batch = Sending(at=back_at, weighings=tuple(weighing for sending in held for weighing in sending.weighings))
    through = [sending for sending in sendings if sending not in held]
    return sorted([*through, *([batch] if held else [])], key=lambda sending: sending.at)


def _day(sending: Sending) -> date:
    return sending.at.astimezone(PARIS).date()


def _heavier(sending: Sending, kg: Decimal) -> Sending:
    weighings = tuple(replace(weighing, weight_kg=weighing.weight_kg + kg) for weighing in sending.weighings)
    return replace(sending, weighings=weighings)
