"""Which stories must end in exactly which episodes? A body, its faults, and what the service has to make of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from schemas.alert import Cause, Severity
from schemas.patient import LentScale, NewPatient
from schemas.reading import HistoricReading
from simulator import faults, people
from simulator.faults import Sending
from simulator.habits import Habits
from simulator.life import Fate, Life, local_instant
from simulator.physiology import Constitution, Decompensation

SITE = "scenario"
HISTORY_DAYS, LIVE_DAYS = 42, 6
CALM = Constitution(dry_weight_kg=74.0, day_noise_kg=0.3, walk_kg=0.06, evening_kg=0.8)
FAITHFUL = Habits(hour=7.5, hour_spread=0.3, resolution_kg=0.05)
Fault = Callable[[list[Sending], date], list[Sending]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What happens from the first live day on, day 0; `expected` are all episodes there may be on day 6."""

    name: str
    expected: frozenset[tuple[Cause, Severity]]
    fluid: Callable[[date], Decompensation] | None = None
    fault: Fault = lambda sendings, _first_live: sendings
    quarantined: int = 0


@dataclass(frozen=True, kw_only=True)
class Play:
    """A scenario with its patient, dates and weights."""

    scenario: Scenario
    new_patient: NewPatient
    history: list[HistoricReading]
    sendings: list[Sending]


def play(scenario: Scenario, *, number: int, first_live: date, seed: int) -> Play:
    """The scenario as patient `number`'s, with 42 days of history before `first_live`, 6 days live."""
    first_day = first_live - timedelta(days=HISTORY_DAYS)
    fate = Fate(decompensation=scenario.fluid(first_live) if scenario.fluid else None, alone=True)
    life = Life((seed, number), first_day=first_day, days=HISTORY_DAYS + 7, person=CALM, ways=FAITHFUL, fate=fate)
    past = [first_day + timedelta(days=day) for day in range(HISTORY_DAYS)]
    live = [first_live + timedelta(days=day) for day in range(LIVE_DAYS)]
    new_patient = NewPatient(
        patient_id=f"scenario-{scenario.name}",
        enrolled_at=local_instant(first_day, hour=0),
        identity=people.invent(np.random.default_rng([seed, number]), today=first_live),
        scale=LentScale(site=SITE, device_id=scenario.name),
        dry_weight_kg=CALM.dry_weight_kg,
    )
    return Play(
        scenario=scenario,
        new_patient=new_patient,
        history=[
            HistoricReading(
                patient_id=new_patient.patient_id, measured_at=weighing.measured_at, weight_kg=weighing.weight_kg
            )
            for day in past
            for weighing in life.weighings_on(day)
        ],
        sendings=scenario.fault(
            faults.as_taken([weighing for day in live for weighing in life.weighings_on(day)]), first_live
        ),
    )


def _gain(kg: float, *, onset_day: int, ramp_days: int, slow: bool = False) -> Callable[[date], Decompensation]:
    return lambda first_live: Decompensation(
        kind="slow" if slow else "fast",
        onset=first_live + timedelta(days=onset_day),
        ramp_days=ramp_days,
        gain_kg=kg,
    )


def _outage_then_twice(sendings: list[Sending], first_live: date) -> list[Sending]:
    back = first_live + timedelta(days=3)
    held = faults.outage(
        sendings,
        first=first_live + timedelta(days=1),
        last=first_live + timedelta(days=2),
        back_at=local_instant(back, hour=6),
    )
    return faults.sent_twice(held)


NONE: frozenset[tuple[Cause, Severity]] = frozenset()
SCENARIOS = (
    Scenario(name="stable", expected=NONE),
    Scenario(
        name="fast-gain",
        fluid=_gain(3.8, onset_day=0, ramp_days=4),
        expected=frozenset({("decompensation", "alert")}),
    ),
    Scenario(
        name="slow-gain",
        fluid=_gain(3.8, onset_day=-16, ramp_days=21, slow=True),
        expected=frozenset({("decompensation", "alert")}),
    ),
    Scenario(
        name="big-gain",
        fluid=_gain(7.5, onset_day=0, ramp_days=5),
        expected=frozenset({("decompensation", "alarm")}),
    ),
    Scenario(
        name="over-diuresis",
        fluid=_gain(-3.8, onset_day=1, ramp_days=4),
        expected=frozenset({("weight_loss", "alert")}),
    ),
    Scenario(
        name="wrong-person-once",
        fault=lambda sendings, first: faults.other_person(
            sendings, on=first + timedelta(days=2), heavier_kg=Decimal(18)
        ),
        expected=NONE,
        quarantined=1,
    ),
    Scenario(
        name="silent",
        fault=lambda sendings, first: faults.missed(
            sendings, first=first + timedelta(days=1), last=first + timedelta(days=99)
        ),
        expected=frozenset({("no_transmission", "alert")}),
    ),
    Scenario(name="outage-and-duplicates", fault=_outage_then_twice, expected=NONE),
    Scenario(
        name="clock-ahead",
        fault=lambda sendings, _first: faults.clock_ahead(sendings, by=timedelta(hours=3)),
        expected=NONE,
    ),
)
