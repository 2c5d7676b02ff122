"""How does the canary weigh itself? By a scale like any other, every morning, until somebody says stop."""

import threading
from collections.abc import Callable
from datetime import date, timedelta

from schemas import canary
from schemas.clock import Clock
from schemas.patient import LentScale
from schemas.settings import Settings
from simulator.live import reached
from simulator.scale import Fleet
from simulator.weighing import Weighing, seconds_seq

PAST_DAYS = 7
"""Sent at each start: whoever has them already receipts them again."""
SCALE = LentScale(site=canary.SITE, device_id=canary.DEVICE)


def run(settings: Settings, *, clock: Clock, stop: threading.Event, before: Callable[[date], None]) -> None:
    """Weigh every day; `before` is called with each day just before its weighing.

    Raises:
        NoBrokerError: `settings` names no broker.
    """
    day = clock.now().astimezone(canary.PARIS).date()
    with Fleet(settings, client_id="vigie-canary", now=clock.now) as fleet:
        fleet.join(SCALE)
        past = [day - timedelta(days=ago) for ago in range(PAST_DAYS, 0, -1)]
        fleet.weigh(SCALE, [_weighing(one) for one in past])
        while reached(canary.weighs_at(day), clock=clock, stop=stop):
            before(day)
            fleet.weigh(SCALE, [_weighing(day)])
            day += timedelta(days=1)


def _weighing(day: date) -> Weighing:
    at = canary.weighs_at(day)
    return Weighing(measured_at=at, weight_kg=canary.weight_kg(day), seq=seconds_seq(at))
