"""What does this person usually weigh, and how much does that vary from day to day?

Pure and causal: what is said of a day uses the weights measured up to that moment, never a later one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np

from alerts.detectors.detector import Days, Kilograms, Known

SESSION = timedelta(minutes=10)
BASELINE_DAYS = 28
BASELINE_WEIGHTS = 5
NOISE_DAYS = 56
NOISE_PAIRS = 7
NOISE_FLOOR_KG = 0.3
NOISE_USUAL_KG = 0.67
"""SD of the one-day difference over 30 public logs (noise.md): stands in until a person's own is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """An accepted weight in kg and the time of the body; `recorded_at` says since when we know it."""

    measured_at: datetime
    weight_kg: float
    recorded_at: datetime | None = None
    confirmed: bool = False
    """A person said that it is true."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyWeight:
    """The median (kg) of the day's first session: the weights within 10 minutes of the day's first one.

    Later sessions are not used: taking the last or the lowest weight of a day tripled one person's noise, since others
    used the scale later (noise.md). `ignored` are those weights.
    """

    day: int
    used: tuple[Weight, ...]
    ignored: tuple[Weight, ...] = ()

    @property
    def weight_kg(self) -> float:
        used = [weight.weight_kg for weight in self.used]
        return round(median(used) if len(used) > 1 else used[0], 4)  # most days have one: a year of 800 patients waits

    @property
    def measured_at(self) -> datetime:
        return self.used[-1].measured_at

    @property
    def confirmed(self) -> bool:
        return any(weight.confirmed for weight in self.used)

    def joined_by(self, weight: Weight) -> "DailyWeight":
        """This day, once `weight` of the same day is known too."""
        if weight.measured_at - self.used[0].measured_at <= SESSION:
            return DailyWeight(day=self.day, used=(*self.used, weight), ignored=self.ignored)
        return DailyWeight(day=self.day, used=self.used, ignored=(*self.ignored, weight))

    def first(self, weights: int) -> "DailyWeight":
        """This day when only so many of its weights were known: those of the first session come first."""
        ignored = self.ignored[: max(0, weights - len(self.used))]
        return DailyWeight(day=self.day, used=self.used[:weights], ignored=ignored)


def as_they_come(weights: Iterable[Weight], *, zone: ZoneInfo) -> Iterator[tuple[Weight, DailyWeight]]:
    """Each distinct weight in the order of measuring, with its day's weight as known from then on.

    Neither the order of `weights` nor repetitions in them matter.
    """
    today: DailyWeight | None = None
    for weight in _in_order(weights):
        day = weight.measured_at.astimezone(zone).toordinal()
        same_day = today is not None and today.day == day
        today = today.joined_by(weight) if today and same_day else DailyWeight(day=day, used=(weight,))
        yield weight, today


def daily_weights(weights: Iterable[Weight], *, zone: ZoneInfo) -> list[DailyWeight]:
    """One weight for each day that has one, in order, by the patient's own midnight."""
    days = {today.day: today for _, today in as_they_come(weights, zone=zone)}
    return list(days.values())


def known(
    daily: Sequence[DailyWeight], *, zone: ZoneInfo, anchors: Iterable[date] = (), excused: Iterable[date] = ()
) -> Known:
    """What else the detectors take: the hour of each day's weight, the new beginnings, the days nobody missed.

    And of which days' weights a person said that they are true.
    """
    times = (day.measured_at.astimezone(zone) for day in daily)
    return Known(
        anchors=_ordinals(anchors),
        hours=np.array([at.hour + at.minute / 60 for at in times], dtype=np.float64),
        excused=_ordinals(excused),
        confirmed=np.array([day.day for day in daily if day.confirmed], dtype=np.int64),
    )


def _ordinals(days: Iterable[date]) -> Days:
    return np.array(sorted(day.toordinal() for day in days), dtype=np.int64)


def arrays(daily: Sequence[DailyWeight]) -> tuple[Days, Kilograms]:
    """The days and their weights in kg, as the detectors take them."""
    days = np.array([weight.day for weight in daily], dtype=np.int64)
    return days, np.array([weight.weight_kg for weight in daily], dtype=np.float64)


def baseline_kg(days: Days, kg: Kilograms) -> float | None:
    """The median weight (kg) of the 28 days before the newest, or None with fewer than 5 weights in them."""
    recent = kg[:-1][days[:-1] >= days[-1] - BASELINE_DAYS] if len(days) else kg
    return round(float(np.median(recent)), 3) if len(recent) >= BASELINE_WEIGHTS else None


def baselines_kg(days: Days, kg: Kilograms) -> list[float | None]:
    """`baseline_kg` of each day, from those before it, at once."""
    before = np.searchsorted(days, days - BASELINE_DAYS)
    back = before[:, np.newaxis] + np.arange(BASELINE_DAYS)  # no more than one weight a day
    numbers, count = np.arange(len(days)), np.arange(len(days)) - before
    window = np.sort(np.where(back < numbers[:, np.newaxis], kg.take(back, mode="clip"), np.inf), axis=1)
    middle = (window[numbers, np.maximum(count - 1, 0) // 2] + window[numbers, count // 2]) / 2
    enough = (count >= BASELINE_WEIGHTS).tolist()
    return [round(kg, 3) if known else None for kg, known in zip(middle.tolist(), enough, strict=True)]


def noise_kg(days: Days, kg: Kilograms) -> float:
    """The robust SD (kg) of this person's difference from one day to the next, over the 56 days before the newest.

    1.4826 times the median absolute difference, at least 0.3 kg: below that the scale's own steps speak. With fewer
    than 7 pairs of consecutive days, 0.67 kg, the usual SD. The newest weight is left out: it is the one being judged.
    """
    steps = np.diff(kg[:-1])[(np.diff(days[:-1]) == 1) & (days[1:-1] >= days[-1] - NOISE_DAYS)]
    if len(steps) < NOISE_PAIRS:
        return NOISE_USUAL_KG
    return round(max(NOISE_FLOOR_KG, 1.4826 * float(np.median(np.abs(steps)))), 3)


def _in_order(weights: Iterable[Weight]) -> list[Weight]:
    distinct = {(weight.measured_at, weight.weight_kg): weight for weight in sorted(weights, key=_is_confirmed)}
    return [distinct[key] for key in sorted(distinct)]


def _is_confirmed(weight: Weight) -> bool:
    return weight.confirmed
