"""What does a year of many patients look like, with the truth attached? Days in columns, patients in rows.

Pure and seeded. A `World` says how these bodies behave; the usual one follows noise.md and clinical.md §3. The others
are for checking that nothing was tuned to one of them. `physiology` is one person's life as the demonstration needs it;
this is the same body with all that happens to real series, fast enough for a thousand patient-years.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from simulator import physiology
from simulator.physiology import FloatArray

Kind = Literal["no_gain", "slow", "fast", "large"]
BoolArray = npt.NDArray[np.bool_]
KINDS: tuple[Kind, ...] = ("no_gain", "slow", "fast", "large")
POUNDS_PER_KG = 2.2046
NEW_YEAR = date(2025, 1, 1).toordinal()
WARM_UP_DAYS = 45  # nobody decompensates before a history is there to learn from
CHRISTMAS_DAY, CHRISTMAS_DAYS, CHRISTMAS_SHARE = 359, 12.0, 0.0135  # +1.35 %, half of it stays (NoHoW 2020)


@dataclass(frozen=True, kw_only=True)
class World:
    """How the bodies of one generator behave. Rates are per patient and year, sizes in kg."""

    name: str = "usual"
    day_noise_kg: float = 0.36
    walk_kg: float = 0.12
    noise_spread: float = 1.1
    """SD of the logarithm of a person's noise: wider than in healthy people, since few patients raise most alerts."""
    tail_freedom: float = physiology.TAIL_FREEDOM
    home_days: float = physiology.HOME_DAYS
    events: float = 0.6
    shares: tuple[float, float, float, float] = (0.55, 0.29, 0.12, 0.04)
    """Of no gain, slow, fast and large decompensations: clinical.md §3.2."""
    slow_kg: tuple[float, float] = (1.0, 3.0)
    slow_days: tuple[int, int] = (10, 30)
    fast_kg: tuple[float, float] = (2.0, 5.0)
    fast_days: tuple[int, int] = (3, 7)
    bend: float = 1.6
    """The ramp is (share of its time) to this power: steeper toward the end (Chaudhry 2007); 1 is straight."""
    misses: float = 0.18
    stops: float = 2.2
    """How often a year a person leaves the scale alone for about 6 days."""
    fading: float = 1.6
    """How many times as often days are missed in the last `fading_days` before an event (BEAT-HF), and …"""
    fading_days: int = 14
    stops_before: float = 2.0
    """… weighing stops."""
    lapses: float = 0.0
    """How often a year the same fading comes, and no event follows."""
    frailty: float = 0.0
    """SD of the logarithm of a person's rate of events."""
    told: float = 1.0
    """The share of returns and new scales that the service is told of."""
    carelessness: float = 1.3
    """SD of the logarithm of a person's rate of mishaps."""
    wrong_person: float = 0.35
    clothes: float = 1.7
    evenings: float = 1.7
    scale_moved: float = 0.1
    scale_replaced: float = 0.15
    unit_flips: float = 0.03
    admitted_share: float = 0.5
    baselines: tuple[FloatArray, ...] = field(default=(), repr=False)
    """Real day-by-day series (NaN: no weight) to be used in place of simulated noise, when there are any."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A decompensation: fluid gathers from day `onset` to day `treated`, when somebody acts."""

    kind: Kind
    onset: int
    treated: int
    gain_kg: float
    absent_days: int
    dry_shift_kg: float


@dataclass(frozen=True, kw_only=True)
class Chronicle:
    """`kg[patient, day]` as the scale showed it, NaN without a weighing; and what lay behind it."""

    kg: FloatArray
    hour: FloatArray
    """Of the patient's day, at which it was weighed."""
    first_day: npt.NDArray[np.int64]
    """The date of the first column, as `date.toordinal()`."""
    fluid_kg: FloatArray
    dry_kg: FloatArray
    spurious: BoolArray
    """Another person, clothes, the evening, the wrong unit: readings that say little of the body."""
    wrong_person: BoolArray
    events: list[list[Event]]
    anchors: list[list[int]]
    """Days on which the service is told of a new beginning: back from hospital, another scale."""

    @property
    def patient_years(self) -> float:
        return self.kg.size / 365.25


def chronicle(world: World, *, patients: int, days: int = 365, seed: int) -> Chronicle:
    """`patients` people for `days` days each; the same arguments give the same people."""
    people = [_person(world, np.random.default_rng([seed, number]), days) for number in range(patients)]
    return Chronicle(
        kg=np.array([one.kg for one in people]),
        hour=np.array([one.hour for one in people]),
        first_day=np.array([one.first_day for one in people]),
        fluid_kg=np.array([one.fluid_kg for one in people]),
        dry_kg=np.array([one.dry_kg for one in people]),
        spurious=np.array([one.spurious for one in people]),
        wrong_person=np.array([one.wrong_person for one in people]),
        events=[one.events for one in people],
        anchors=[one.anchors for one in people],
    )


@dataclass(kw_only=True)
class _Person:
    kg: FloatArray
    hour: FloatArray
    first_day: int
    fluid_kg: FloatArray
    dry_kg: FloatArray
    spurious: BoolArray
    wrong_person: BoolArray
    events: list[Event]
    anchors: list[int]


def _person(world: World, rng: np.random.Generator, days: int) -> _Person:
    first = NEW_YEAR + int(rng.integers(0, 365))
    events = _events(world, rng, days)
    dry = _dry(rng, days=days, events=events)
    fluid = sum((_fluid(event, days, world.bend) for event in events), np.zeros(days))
    body = dry + fluid + _noise(world, rng, days) + _calendar(float(dry[0]), first=first, days=days)
    body[_weighed(world, rng, days=days, events=events) == 0] = np.nan
    shown = _Person(
        kg=body,
        hour=np.clip(rng.normal(7.3, 1.0) + rng.normal(0, rng.uniform(0.3, 1.0), days), 3.0, 12.0),
        first_day=first,
        fluid_kg=fluid,
        dry_kg=dry,
        spurious=np.zeros(days, dtype=np.bool_),
        wrong_person=np.zeros(days, dtype=np.bool_),
        events=events,
        anchors=[
            event.treated + event.absent_days for event in events if event.absent_days and rng.random() < world.told
        ],
    )
    _mishaps(world, rng, shown)
    shown.kg = np.round(shown.kg / 0.1) * 0.1
    return shown


def _events(world: World, rng: np.random.Generator, days: int) -> list[Event]:
    """Never two at once; more frequent in the first three months after the discharge that began it all."""
    events: list[Event] = []
    every = 365 / (world.events * float(np.exp(rng.normal(-(world.frailty**2) / 2, world.frailty))))
    day = WARM_UP_DAYS + rng.exponential(every / 1.5)
    while day < days:
        event = _event(world, rng, int(day))
        if event.treated < days:
            events.append(event)
        day = event.treated + event.absent_days + physiology.CALM_DAYS + rng.exponential(every)
    return events


def _event(world: World, rng: np.random.Generator, onset: int) -> Event:
    kind = KINDS[rng.choice(len(KINDS), p=world.shares)]
    gain, ramp = {
        "no_gain": (rng.uniform(-0.3, 0.9), rng.integers(5, 21)),
        "slow": (rng.uniform(*world.slow_kg), rng.integers(world.slow_days[0], world.slow_days[1] + 1)),
        "fast": (rng.uniform(*world.fast_kg), rng.integers(world.fast_days[0], world.fast_days[1] + 1)),
        "large": (rng.uniform(5, 8), rng.integers(6, 15)),
    }[kind]
    absent = int(rng.integers(5, 13)) if rng.random() < world.admitted_share else 0
    shift = float(rng.normal(-0.4, 0.8))
    return Event(
        kind=kind,
        onset=onset,
        treated=onset + int(ramp),
        gain_kg=float(gain),
        absent_days=absent,
        dry_shift_kg=shift if absent else shift / 3,
    )


def _fluid(event: Event, days: int, bend: float) -> FloatArray:
    """The ramp, then relief: -1.0 kg at 24 h and -2.3 kg by day 10 in hospital (ASCEND-HF), slower with pills."""
    since = np.arange(days, dtype=np.float64) - event.onset
    length = event.treated - event.onset
    ramp = np.clip(since / length, 0, 1) ** bend
    relief = np.exp(-np.maximum(0, since - length) / (physiology.RELIEF_DAYS if event.absent_days else 4.0))
    return np.asarray(event.gain_kg * ramp * relief)


def _dry(rng: np.random.Generator, *, days: int, events: Sequence[Event]) -> FloatArray:
    """The weight without excess fluid: slow drift, wasting in one of ten (clinical.md §3.6), a step after treatment."""
    wasting = rng.uniform(0.05, 0.12) if rng.random() < 0.1 else 0.0
    start = float(np.clip(rng.normal(80, 16), 45, 140))
    dry = start + (rng.normal(0, 1.5) - wasting * start) * np.arange(days) / 365
    for event in events:
        since = np.arange(days) - event.treated
        dry += event.dry_shift_kg * np.clip(since / 8, 0, 1)
    return np.asarray(dry)


def _noise(world: World, rng: np.random.Generator, days: int) -> FloatArray:
    if world.baselines:
        return _real(world.baselines[int(rng.integers(len(world.baselines)))], rng, days)
    keep = float(np.exp(-1 / world.home_days))
    walk_kg = world.walk_kg * float(np.exp(rng.normal(-(physiology.WALK_SPREAD**2), physiology.WALK_SPREAD)))
    day_kg = world.day_noise_kg * float(np.exp(rng.normal(-(world.noise_spread**2), world.noise_spread)))
    walk, _ = lfilter(
        [1.0], [1.0, -keep], rng.normal(0, walk_kg, days), zi=[rng.normal(0, walk_kg / np.sqrt(1 - keep**2))]
    )
    unit = np.sqrt((world.tail_freedom - 2) / world.tail_freedom)
    return np.asarray(walk + rng.standard_t(world.tail_freedom, days) * day_kg * unit)


def _real(series: FloatArray, rng: np.random.Generator, days: int) -> FloatArray:
    """A real series from a random day on, to and fro until it is long enough: its noise stays its own."""
    there_and_back = np.concatenate([series, series[::-1]])
    start = int(rng.integers(len(there_and_back)))
    index = (start + np.arange(days)) % len(there_and_back)
    return np.asarray(there_and_back[index] - np.nanmedian(series))


def _calendar(kg: float, *, first: int, days: int) -> FloatArray:
    day = first + np.arange(days)
    since = (day - NEW_YEAR - CHRISTMAS_DAY) % 365
    feast = np.where(
        since < 60,
        np.clip(since / 5, 0, 1) * (0.5 + 0.5 * np.exp(-since / CHRISTMAS_DAYS)),
        0.5 * np.exp(-(since - 60) / 120) * (since < 330),
    )
    return np.asarray(kg * (physiology.WEEK_SHARE[(day + 6) % 7] + CHRISTMAS_SHARE * feast))


def _weighed(world: World, rng: np.random.Generator, *, days: int, events: Sequence[Event]) -> BoolArray:
    """Two states, weighing or not, and days missed within the first; more of both before an event (BEAT-HF)."""
    misses = np.full(days, world.misses * rng.uniform(0.3, 1.7))
    stops = np.full(days, world.stops / 365)
    absent = np.zeros(days, dtype=np.bool_)
    before = [event.treated for event in events]
    for end in [*before, *np.flatnonzero(rng.random(days) < world.lapses / 365).tolist()]:
        misses[max(0, end - world.fading_days) : end] *= world.fading
        stops[max(0, end - world.fading_days) : end] *= world.stops_before
    for event in events:
        misses[event.treated + event.absent_days : event.treated + event.absent_days + 14] *= 1.3
        absent[event.treated : event.treated + event.absent_days] = True
    off = np.zeros(days, dtype=np.bool_)
    for day in np.flatnonzero(rng.random(days) < stops):
        off[day : day + int(rng.geometric(1 / 6))] = True
    return np.asarray((rng.random(days) >= misses) & ~off & ~absent)


def _mishaps(world: World, rng: np.random.Generator, shown: _Person) -> None:
    days = len(shown.kg)
    other = float(rng.choice([-1, 1]) * rng.uniform(5, 35))

    careless = float(np.exp(rng.normal(-(world.carelessness**2) / 2, world.carelessness)))

    def happens(rate: float) -> BoolArray:
        return np.asarray(rng.random(days) < careless * rate / 365)

    clothed, evening = happens(world.clothes), happens(world.evenings)
    shown.kg += np.where(clothed, rng.uniform(0.5, 2.0, days), 0) + np.where(evening, rng.normal(1.3, 0.5, days), 0)
    shown.hour[evening] = rng.uniform(16, 23, int(evening.sum()))
    shown.spurious |= clothed | evening
    for day in np.flatnonzero(happens(world.scale_moved)):
        shown.kg[day:] += rng.normal(0, 1.0)
    for day in np.flatnonzero(happens(world.scale_replaced)):
        shown.kg[day:] += rng.normal(0, 0.7)
        if rng.random() < world.told:
            shown.anchors.append(int(day))
    pounds, other_day = happens(world.unit_flips), happens(world.wrong_person)
    shown.kg[pounds] *= POUNDS_PER_KG
    shown.kg[other_day] += other + rng.normal(0, 0.7, int(other_day.sum()))
    shown.wrong_person |= other_day & ~np.isnan(shown.kg)
    shown.spurious |= pounds | other_day
    shown.anchors.sort()
