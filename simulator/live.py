"""What do the cohort's scales send from now on? Each weighing at its own minute, until somebody says stop."""

import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from schemas.clock import Clock
from schemas.settings import Settings
from simulator.cohort import SimulatedPatient
from simulator.life import PARIS, local_instant
from simulator.scale import Fleet
from simulator.weighing import Weighing

TICK_SECONDS, LONGEST_WAIT_SECONDS = 0.02, 1.0


def run(settings: Settings, *, cohort: Sequence[SimulatedPatient], clock: Clock, stop: threading.Event) -> None:
    """Weigh the cohort every day from the clock's time on. Blocks; a broker's outage delays readings, loses none.

    Raises:
        NoBrokerError: `settings` names no broker.
    """
    start = clock.now()
    day = start.astimezone(PARIS).date()
    with Fleet(settings, client_id="vigie-simulated-cohort", now=clock.now) as fleet:
        for patient in cohort:
            fleet.join(patient.scale.lent, clock_ahead=patient.scale.clock_ahead)
        while not stop.is_set():
            for patient, weighing in _of_the_day(cohort, day, start=start):
                if not reached(weighing.measured_at, clock=clock, stop=stop):
                    return
                for _ in range(2 if patient.scale.sends_twice else 1):
                    fleet.weigh(patient.scale.lent, [weighing])
            day += timedelta(days=1)
            reached(local_instant(day, hour=0), clock=clock, stop=stop)


def _of_the_day(
    cohort: Sequence[SimulatedPatient], day: date, *, start: datetime
) -> list[tuple[SimulatedPatient, Weighing]]:
    taken = [(patient, weighing) for patient in cohort for weighing in patient.weighings_on(day)]
    after = [(patient, weighing) for patient, weighing in taken if weighing.measured_at > start]
    return sorted(after, key=lambda pair: pair[1].measured_at)


def reached(instant: datetime, *, clock: Clock, stop: threading.Event) -> bool:
    """Wait until the clock shows `instant`; False if we are told to stop before."""
    while (span := instant - clock.now()) > timedelta():
        if stop.wait(min(LONGEST_WAIT_SECONDS, max(TICK_SECONDS, clock.real_seconds(span)))):
            return False
    return not stop.is_set()
