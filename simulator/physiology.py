"""How does a body's weight go from day to day, and what truth lies behind it?

The noise is measured on healthy self-trackers (noise.md): Var(k days) = 2 s^2 + k q^2, heavy tails. The walk is drawn
back to the dry weight, so that months stay believable. The decompensations follow clinical.md §3.2.
What detectors score is measured on `chronicle`, the same body with all that happens to real series, which is compared
with the field (`vigie bench calibration`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

FloatArray = npt.NDArray[np.float64]
Kind = Literal["no_gain", "slow", "fast"]

DAY_NOISE_KG, DAY_NOISE_SPREAD = 0.46, 0.255  # s; its log's SD, from the quartiles 0.39 and 0.55
WALK_KG, WALK_SPREAD = 0.22, 0.39  # q, kg per square root of a day; quartiles 0.16 and 0.27
TAIL_FREEDOM = 10.0  # Student's t
HOME_DAYS = 60.0  # the walk forgets in about so many days: an SD of 1.2 kg around the dry weight
WEEK_SHARE = np.array([0.16, 0.05, -0.07, -0.07, -0.09, -0.09, 0.04]) / 100  # Monday to Sunday
KINDS: tuple[Kind, ...] = ("no_gain", "slow", "fast")
KIND_SHARES = (0.50, 0.28, 0.22)
EVENTS_PER_YEAR = 0.3
CALM_DAYS = 30  # after an event
LAST_WEEK_DAYS, LAST_WEEK_SHARE = 7, 0.5  # of a slow gain falls into its last week
RELIEF_DAYS = (
    5.0  # what is left falls to 1/e in so many: about 1 kg in 3 days (ASCEND-HF: 1.0 kg at 24 h, 2.3 kg by day 10)
)


@dataclass(frozen=True, kw_only=True)
class Constitution:
    """One person: the weight without excess fluid, and how much it moves. All in kg."""

    dry_weight_kg: float
    day_noise_kg: float = DAY_NOISE_KG
    walk_kg: float = WALK_KG
    evening_kg: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Decompensation:
    """Fluid gathers from `onset` on; on `treated`, `ramp_days` later, somebody acts: admission, or diuretics."""

    kind: Kind
    onset: date
    ramp_days: int
    gain_kg: float
    admitted_days: int = 0

    @property
    def treated(self) -> date:
        return self.onset + timedelta(days=self.ramp_days)


@dataclass(frozen=True, kw_only=True)
class Body:
    """Morning weights from `first_day` on, one a day, and the truth: how much of each is excess fluid."""

    first_day: date
    morning_kg: FloatArray
    fluid_kg: FloatArray
    walk_kg: FloatArray


def constitution(rng: np.random.Generator) -> Constitution:
    """A person at random: 45-140 kg, with noise like the 30 people's in noise.md."""
    return Constitution(
        dry_weight_kg=float(np.clip(rng.normal(78, 15), 45, 140)),
        day_noise_kg=DAY_NOISE_KG * _spread(rng, DAY_NOISE_SPREAD),
        walk_kg=WALK_KG * _spread(rng, WALK_SPREAD),
        evening_kg=float(rng.uniform(0.4, 1.3)),
    )


def _spread(rng: np.random.Generator, log_sd: float) -> float:
    """A log-normal factor whose mean square is 1: the cohort's pooled noise is the measured one."""
    return float(np.exp(rng.normal(-(log_sd**2), log_sd)))


def decompensations(rng: np.random.Generator, *, first_day: date, days: int) -> list[Decompensation]:
    """A person's events that begin in `days` days from `first_day`: 0.3 a year, never two at once."""
    events: list[Decompensation] = []
    day = rng.exponential(365 / EVENTS_PER_YEAR)
    while day < days:
        kind = KINDS[rng.choice(len(KINDS), p=KIND_SHARES)]
        event = decompensation(rng, kind=kind, onset=first_day + timedelta(days=int(day)))
        events.append(event)
        day += event.ramp_days + CALM_DAYS + rng.exponential(365 / EVENTS_PER_YEAR)
    return events


def decompensation(rng: np.random.Generator, *, kind: Kind, onset: date) -> Decompensation:
    """One event. Slow: +2.3 kg over up to 30 days (Gudmundsson 2016); fast: 2-7 kg in 3-7 days; or hardly any gain."""
    ramp_days, gain_kg = {
        "no_gain": (14, rng.uniform(0, 0.9)),
        "slow": (int(rng.integers(14, 31)), float(np.clip(rng.normal(2.3, 0.6), 1, 4))),
        "fast": (int(rng.integers(3, 8)), 2 + min(5.0, rng.exponential(1.5))),
    }[kind]
    admitted_days = int(rng.integers(5, 13)) if rng.random() < 0.5 else 0
    return Decompensation(kind=kind, onset=onset, ramp_days=ramp_days, gain_kg=gain_kg, admitted_days=admitted_days)


def fluid_kg(event: Decompensation, since_onset: FloatArray) -> FloatArray:
    """Excess fluid in kg, so many days after the onset: a ramp, steeper in the last week if slow, then relief."""
    ramp = np.clip(since_onset / event.ramp_days, 0, 1)
    if event.kind == "slow":
        last_week = np.clip((since_onset - event.ramp_days) / LAST_WEEK_DAYS + 1, 0, 1)
        ramp = (1 - LAST_WEEK_SHARE) * ramp + LAST_WEEK_SHARE * last_week
    relief = np.exp(-np.maximum(0, since_onset - event.ramp_days) / RELIEF_DAYS)
    return event.gain_kg * ramp * relief


def live(
    person: Constitution,
    rng: np.random.Generator,
    *,
    first_day: date,
    days: int,
    events: Sequence[Decompensation] = (),
    walk_kg_before: float | None = None,
) -> Body:
    """`days` mornings of this person's life. `walk_kg_before` goes on from an earlier body's last morning."""
    keep = float(np.exp(-1 / HOME_DAYS))
    if walk_kg_before is None:
        walk_kg_before = rng.normal(0, person.walk_kg / np.sqrt(1 - keep**2))
    steps = rng.normal(0, person.walk_kg, days)
    walk, _ = lfilter([1.0], [1.0, -keep], steps, zi=[keep * walk_kg_before])
    numbers = np.arange(days, dtype=np.float64)
    fluid = sum((fluid_kg(event, numbers - (event.onset - first_day).days) for event in events), np.zeros(days))
    week = WEEK_SHARE[(numbers.astype(int) + first_day.weekday()) % 7] * person.dry_weight_kg
    noise = rng.standard_t(TAIL_FREEDOM, days) * person.day_noise_kg * np.sqrt((TAIL_FREEDOM - 2) / TAIL_FREEDOM)
    return Body(
        first_day=first_day,
        morning_kg=person.dry_weight_kg + walk + fluid + week + noise,
        fluid_kg=fluid,
        walk_kg=walk,
    )
