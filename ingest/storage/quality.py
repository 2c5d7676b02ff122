"""Can this weighing be believed, and when was it really? Clocks and plausibility.

A scale's clock error shows when it sends: `sent_at` against the arrival. Ahead is certain, nothing arrives before it is
sent. Behind is the clock's fault too, unless the message may have waited in the broker.
"""

import math
from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from ingest.claim import Claim
from schemas import plausibility
from schemas.plausibility import Weighed

TOLERANCE = timedelta(seconds=120)  # of the machine's time: what a connection and a busy broker may take
FUTURE = timedelta(minutes=10)
FIRST_CREDIBLE = datetime(2015, 1, 1, tzinfo=UTC)  # clocks that were never set show 1970 or 2000 (payloads.md §15)

TimeDoubt = Literal["measured_in_the_future", "clock_not_set"]
Doubt = TimeDoubt | plausibility.Doubt


@dataclass(kw_only=True, slots=True)
class Timing:
    """The time of the body, in true time; `clock_error` was subtracted from the claim, None if nobody knows it."""

    measured_at: datetime
    clock_error: timedelta | None


def timing(claim: Claim, *, received_at: datetime, may_have_waited: bool, rate: float) -> Timing:
    """When the weighing was; `rate` is how fast our clock runs, for transport takes the machine's time."""
    if claim.sent_at is None:
        return Timing(measured_at=claim.measured_at, clock_error=None)
    ahead = claim.sent_at - received_at
    if abs(ahead) <= TOLERANCE * max(1.0, rate):
        return Timing(measured_at=claim.measured_at, clock_error=timedelta())
    if ahead < timedelta() and may_have_waited:
        return Timing(measured_at=claim.measured_at, clock_error=None)
    try:
        return Timing(measured_at=claim.measured_at - ahead, clock_error=ahead)
    except OverflowError:
        return Timing(measured_at=claim.measured_at, clock_error=None)


def doubt_of_time(measured_at: datetime, *, received_at: datetime, rate: float) -> TimeDoubt | None:
    """Why this time cannot be right, or None. A late reading is right: scales store and forward."""
    if measured_at < FIRST_CREDIBLE:
        return "clock_not_set"
    return "measured_in_the_future" if lies_ahead(measured_at, now=received_at, rate=rate) else None


def lies_ahead(measured_at: datetime, *, now: datetime, rate: float = 1.0) -> bool:
    """Whether this time has not come yet, with some minutes for clocks that disagree."""
    return measured_at > now + FUTURE * max(1.0, rate)


@dataclass(kw_only=True)
class Earlier:
    """One person's known weights, kept in order so that a long backlog is judged in n log n."""

    _accepted: list[Weighed] = field(default_factory=list)
    _doubted: list[Weighed] = field(default_factory=list)

    @classmethod
    def of(cls, known: Iterable[Weighed]) -> "Earlier":
        earlier = cls()
        for weighed in known:
            earlier.add(weighed)
        return earlier

    def add(self, weighed: Weighed) -> None:
        weights = self._doubted if weighed.doubted else self._accepted
        if not weights or plausibility.order(weights[-1]) <= plausibility.order(weighed):  # as nearly always
            weights.append(weighed)
        else:
            insort(weights, weighed, key=plausibility.order)

    def judge(
        self, weight_kg: float, measured_at: datetime, *, battery_changed_at: datetime | None = None
    ) -> plausibility.Doubt | None:
        """Why this weight should wait, or None; what is judged is known to the next judgement."""
        last = _until(self._accepted, measured_at, count=1)
        doubted = _until(self._doubted, measured_at, count=plausibility.REMEMBERED)
        doubt = plausibility.doubt_in_order(
            weight_kg,
            measured_at,
            last=last[0] if last else None,
            doubted=doubted,
            battery_changed_at=battery_changed_at,
        )
        if doubt != "implausible_weight":  # no person's: it neither confirms nor contradicts anyone
            self.add(Weighed(measured_at=measured_at, weight_kg=weight_kg, doubted=doubt is not None))
        return doubt


def _until(weights: list[Weighed], measured_at: datetime, *, count: int) -> list[Weighed]:
    """The latest `count` of these, none measured later."""
    if not weights or weights[-1].measured_at <= measured_at:
        return weights[-count:]
    place = bisect_right(weights, (measured_at, math.inf), key=plausibility.order)
    return weights[max(0, place - count) : place]
