"""Whose weight is this? How likely it is that somebody else stood on the scale, and what that rests on. Pure.

Which weights wait is decided by plausibility's plain rule, which lets fewer of other people's pass than this does
(docs/detectors.md); this is for the person who asks the patient.

Bayes with two answers. This person's weight lies around the last one, by the noise of their own days, wider for each
day between; now and then fluid gathers fast, or the scale was moved. Somebody else's lies anywhere within 47 kg, or
near a weight of somebody who was seen on this scale before. Each has hours of the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt
from statistics import NormalDist

STRANGE_DAYS = 13 / 18_556
"""The share of days on which somebody else's weight, or a typing error, was among 30 people's (noise.md) …"""
FARTHEST_KG = 47.0
"""… the farthest of them."""
HOUSEHOLD_WEIGHTS, HOUSEHOLD_SD_KG = 30.0, 1.2
"""After so many weights this household's own share counts for half. What somebody's weight does in some weeks."""
TAIL_FREEDOM, TAIL_PEAK, WALK_KG = 10.0, 0.3891, 0.22
"""Student's t, its density at 0, and the random walk in kg per square root of a day (noise.md)."""
FAST_DAYS, FAST_KG = 0.6 * 0.2 * 4 / 365, 0.7
"""0.6 decompensations a year, a fifth of them fast, for about 4 days (clinical.md §3); the mean gain of such a day."""
MOVED_DAYS, MOVED_KG = 0.25 / 365, 1.5
"""How often a scale is moved or replaced, and by how much it then shifts."""
USUAL_HOUR_SHARE, WAKING_HOURS = 0.9, 18.0


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """A doubted weight against what is known of the person before it."""

    step_kg: float
    """From the last weight of their own …"""
    days: float
    """… so long ago."""
    noise_kg: float
    """The SD of this person's difference from one day to the next."""
    own: int
    """How many weights of their own are known …"""
    others_kg: Sequence[float] = ()
    """… and how far from the last of them those of somebody else on this scale lay."""
    hours_off: float | None = None
    """From the usual hour, None: not known …"""
    hour_sd: float = 1.0
    """… and the SD of this person's hours."""


def somebody_elses(weighing: Weighing) -> float:
    """The probability, 0 to 1, that it is not this person's."""
    theirs = _own_density(weighing) * _own_hour(weighing)
    others = _other_density(weighing) / WAKING_HOURS
    return others / (others + theirs) if others else 0.0


def _own_density(one: Weighing) -> float:
    """Per kg, at this distance from the last weight."""
    days = max(1.0, one.days)
    spread = sqrt(one.noise_kg**2 + WALK_KG**2 * (days - 1))
    beyond = 1 + (one.step_kg / spread) ** 2 / TAIL_FREEDOM
    noise: float = TAIL_PEAK / beyond ** ((TAIL_FREEDOM + 1) / 2) / spread
    mean = FAST_KG * days
    fluid = FAST_DAYS * days * exp(-one.step_kg / mean) / mean if one.step_kg > 0 else 0.0
    return noise + fluid + MOVED_DAYS * days * NormalDist(0, MOVED_KG).pdf(one.step_kg)


def _other_density(one: Weighing) -> float:
    """Per kg; times how often somebody else stands on this scale."""
    anybody = STRANGE_DAYS / (2 * FARTHEST_KG) if abs(one.step_kg) <= FARTHEST_KG else 0.0
    known = sum(NormalDist(kg, HOUSEHOLD_SD_KG).pdf(one.step_kg) for kg in one.others_kg)
    return anybody + known / (one.own + len(one.others_kg) + HOUSEHOLD_WEIGHTS)


def _own_hour(one: Weighing) -> float:
    """Per hour."""
    if one.hours_off is None:
        return 1 / WAKING_HOURS
    return USUAL_HOUR_SHARE * NormalDist(0, one.hour_sd).pdf(one.hours_off) + (1 - USUAL_HOUR_SHARE) / WAKING_HOURS
