"""When does this person step on the scale? Most mornings, rarely in the evening, less often before a bad event.

Patients weigh themselves on 74-76 % of days, and missing days gather before an admission (clinical.md §3.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from simulator.physiology import Decompensation

BoolArray = npt.NDArray[np.bool_]

LAPSES_PER_DAY, LAPSE_DAYS = 0.008, 4.0  # stretches of forgetting: three a year, four days each
WEARY_DAYS, WEARY_FACTOR = 14, 1.7  # before an event: days are missed so many times as often
EARLIEST_HOUR, LATEST_HOUR = 6.0, 10.0
RESOLUTIONS_KG = (0.05, 0.1)


@dataclass(frozen=True, kw_only=True)
class Habits:
    """One person's way with the scale; chances are per day, hours are local."""

    hour: float = 7.5
    hour_spread: float = 0.25
    misses: float = 0.0
    lapses: float = 0.0
    weighs_twice: float = 0.0
    evenings: float = 0.0
    resolution_kg: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Step:
    """Somebody stands on the scale: on which day (0 is the first), at which local hour; `again` minutes later."""

    day: int
    hour: float
    again: bool = False
    evening: bool = False


def habits(rng: np.random.Generator) -> Habits:
    """A person at random; overall a weight on about three days of four."""
    return Habits(
        hour=float(rng.uniform(6.5, 9.0)),
        hour_spread=float(rng.uniform(0.1, 0.5)),
        misses=float(rng.beta(4, 18)),
        lapses=LAPSES_PER_DAY,
        weighs_twice=float(rng.choice([0.03, 0.3], p=[0.9, 0.1])),
        evenings=float(rng.choice([0.005, 0.05], p=[0.8, 0.2])),
        resolution_kg=float(rng.choice(RESOLUTIONS_KG)),
    )


def days_weighed(
    ways: Habits, rng: np.random.Generator, *, first_day: date, days: int, events: Sequence[Decompensation] = ()
) -> BoolArray:
    """On which of the days there is a weight at all."""
    misses = np.full(days, ways.misses)
    admitted = np.zeros(days, dtype=np.bool_)
    for event in events:
        treated = (event.treated - first_day).days
        misses[_within(treated - WEARY_DAYS, treated, days)] *= WEARY_FACTOR
        admitted[_within(treated, treated + event.admitted_days, days)] = True
    return (rng.random(days) >= misses) & ~_lapses(ways, rng, days=days) & ~admitted


def steps(ways: Habits, rng: np.random.Generator, *, weighed: BoolArray) -> list[Step]:
    """Every time somebody stands on the scale, in order."""
    count = len(weighed)
    mornings = np.clip(rng.normal(ways.hour, ways.hour_spread, count), EARLIEST_HOUR, LATEST_HOUR)
    evenings, hours = rng.random(count) < ways.evenings, rng.uniform(18, 21.5, count)
    twice, minutes = rng.random(count) < ways.weighs_twice, rng.uniform(0.5, 4, count)
    taken: list[Step] = []
    for day in np.flatnonzero(weighed).tolist():
        first = Step(day=day, hour=float(hours[day] if evenings[day] else mornings[day]), evening=bool(evenings[day]))
        taken.append(first)
        if twice[day]:
            taken.append(Step(day=day, hour=first.hour + float(minutes[day]) / 60, again=True, evening=first.evening))
    return taken


def _lapses(ways: Habits, rng: np.random.Generator, *, days: int) -> BoolArray:
    """Two states, weighing and not, each lasting a geometric number of days."""
    lapsed = np.zeros(days, dtype=np.bool_)
    day = 0
    while ways.lapses and (day := day + int(rng.geometric(ways.lapses))) < days:
        length = int(rng.geometric(1 / LAPSE_DAYS))
        lapsed[day : day + length] = True
        day += length
    return lapsed


def _within(start: int, end: int, days: int) -> slice:
    return slice(min(max(start, 0), days), min(max(end, 0), days))
