"""From what is `vigie`'s score weighed? Trends in this person's own units, the newest weights, and days missed."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, TypeVar

import numpy as np

from alerts.detectors import vigie_course
from alerts.detectors.vigie_course import (
    AVERAGES,
    USUAL_KG,
    Array,
    Columns,
    Course,
    Flags,
    Grid,
    earlier,
    earlier_mean,
    forgetting_sum,
    within,
)


@dataclass(frozen=True)
class Pair:
    """Two of AVERAGES, and their difference's usual size as a multiple of USUAL_KG."""

    short: int
    long: int
    usual: float


PAIRS = (
    Pair(0, 2, 0.8),
    Pair(0, 3, 1.0),
    Pair(1, 4, 1.0),
    Pair(2, 4, 0.8),
    Pair(2, 5, 1.1),
    Pair(3, 5, 0.8),
    Pair(4, 6, 0.9),
)
SHORT, LONG = [pair.short for pair in PAIRS], [pair.long for pair in PAIRS]
WEEKS, MONTHS = 3, 6
"""The pairs 5 and 20, 20 and 80 days."""
TREND_DAYS, TREND_PRIOR_DAYS, TREND_CLIP = 120.0, 30.0, 4.0
TREND_PRIOR = np.array([[[(USUAL_KG * pair.usual) ** 2]] for pair in PAIRS])
MISSED_OF = (3, 7, 14, 28)
"""How many days were missed of so many: each in SDs beyond what is usual for this person, and never below 0."""
RECENT_DAYS = MISSED_OF[-1]
BACK = np.array(MISSED_OF)[:, np.newaxis, np.newaxis]
MISSED_USUAL, MISSED_PRIOR_DAYS, MISSED_DAYS = 0.2, 15.0, 90.0
"""How often a person misses days is learnt from days before the RECENT_DAYS: so no gap makes itself usual. Learning it
from none would lower no score ever, and call whoever weighs twice a week every week (docs/detectors.md)."""
MOST_SURPRISE = 12.0
MOST_SDS = 6.0
"""What lies further out says no more: real people's tails are longer than any simulated one's."""
Z_NAMES = (
    *(f"trend_{AVERAGES[pair.short]:g}_{AVERAGES[pair.long]:g}" for pair in PAIRS),
    *("newest_20", "lowest_of_2_20", "median_of_3_20", "lowest_of_3_20"),
    *("median_of_3_10", "median_of_3_40", "median_of_3_80"),
)
MISSED_NAMES = (*(f"missed_of_{days}" for days in MISSED_OF), "far_beyond_usual_14", "missed_in_a_row")
NAMES = (
    *Z_NAMES,
    *(f"{name}_within_2" for name in Z_NAMES),
    *(f"{name}_beyond_3" for name in Z_NAMES),
    *("log_noise", "step_in_noises", "step_kg", "kg_5_20", "kg_10_40", "kg_20_80", "kg_median_20"),
    *("log_usual_5_20", "log_usual_20_80", "log_days_known"),
    *MISSED_NAMES,
)
EVERY, NEWEST = slice(None), slice(-1, None)


class Seen(NamedTuple):
    """What the features of some days are made of; (…, patients, days) each, or what is broadcast to that."""

    kg: Array
    before_kg: Array
    """One and two days before: (2, patients, days)."""
    levels: Array
    """The moving averages, against the first weight."""
    first_kg: Array
    usual: Array
    """Each trend's usual size."""
    noise_kg: Array
    step_kg: Array
    """The largest of the last 8 days' steps."""
    days_known: Array
    missed: Array


class Past(NamedTuple):
    """Against what the weight of some days is measured, in the same shapes."""

    tame_kg: Array
    middle_kg: Array
    last_tame_kg: Array
    step_kg: Array
    """The largest of the seven days' before."""
    joined: Array
    """1, or 0 for a new beginning, to which no step leads."""


Some = TypeVar("Some", Seen, Past)


def of(days: Some, cells: Columns) -> Some:
    """Some of the patients' days alone, (…, *cells.shape); they are counted row by row."""

    def some(part: Array) -> Array:
        wide = np.broadcast_to(part, (*part.shape[:-2], *days[0].shape))
        return wide.reshape(*part.shape[:-2], -1).take(cells, axis=-1)

    return type(days)(*map(some, days))


def seen(grid: Grid, one: Course, columns: slice = EVERY) -> Seen:
    """Of those columns, from all before them."""
    levels = vigie_course.levels(one)
    return Seen(
        kg=one.kg[:, columns],
        before_kg=one.before_kg[:2, :, columns],
        levels=levels[..., columns],
        first_kg=vigie_course.at(one.kg, one.first),
        usual=_usual(_trends(levels), one, columns),
        noise_kg=one.noise_kg[:, columns],
        step_kg=vigie_course.largest(_steps(one), (1, 2, 4))[:, columns],
        days_known=np.maximum(one.columns - one.start + 1, 1)[:, columns].astype(np.float64),
        missed=_missed(grid, one, columns),
    )


def past(one: Course, columns: slice = EVERY) -> Past:
    """Of those columns."""
    week = vigie_course.largest(_steps(one), (1, 2, 3))
    return Past(
        tame_kg=one.tame_kg[:, columns],
        middle_kg=one.middle_kg[:, columns],
        last_tame_kg=earlier(one.tame_kg, one.tame_kg[:, :1])[:, columns],
        step_kg=earlier(week, 0.0)[:, columns],
        joined=np.where(one.begins[:, columns], 0.0, 1.0),
    )


def _steps(one: Course) -> Array:
    return np.where(one.begins, 0.0, vigie_course.differences(one.tame_kg))


def with_other(days: Seen, past: Past, kg: Array) -> Seen:
    """Had the weights of those days been others. Where there is a single day, (…, patients, 1), many may be tried."""
    tame_kg = vigie_course.tamed(kg, past.middle_kg, days.noise_kg)
    gathered = vigie_course.SHARES / (1 - np.exp(-days.days_known / vigie_course.AVERAGES[:, np.newaxis, np.newaxis]))
    return days._replace(
        kg=kg,
        levels=days.levels + (tame_kg - past.tame_kg) * gathered,
        step_kg=np.maximum(past.step_kg, past.joined * (tame_kg - past.last_tame_kg)),
    )


def features(days: Seen) -> Array:
    """(NAMES, …): of each of those days."""
    trends = _trends(days.levels)
    against, median_kg = _against(days)
    rows, n = np.empty((len(NAMES), *days.kg.shape)), len(Z_NAMES)
    np.divide(trends, days.usual, out=rows[: len(PAIRS)])
    np.divide(against, days.noise_kg, out=rows[len(PAIRS) : n])
    z, rest = within(rows[:n], -MOST_SDS, MOST_SDS), rows[3 * n :]
    within(np.multiply(z, 0.5, out=rows[n : 2 * n]), -1.0, 1.0)
    within(np.subtract(z, 3, out=rows[2 * n : 3 * n]), -1.0, 1.0)
    rest[0], rest[1], rest[2] = np.log(days.noise_kg), days.step_kg / days.noise_kg, days.step_kg
    rest[3:6], rest[6] = trends[[WEEKS, WEEKS + 2, MONTHS]], median_kg
    rest[7:9] = np.log(days.usual[[WEEKS, MONTHS]])
    rest[9] = np.log(days.days_known)
    rest[10:] = days.missed
    return rows


def _trends(levels: Array) -> Array:
    trends = levels.take(SHORT, axis=0)
    trends -= levels.take(LONG, axis=0)
    return trends


def _usual(trends: Array, one: Course, columns: slice) -> Array:
    """The root mean square of each trend in this person before the day, the large ones cut to what was usual.

    So an illness does not become the usual at once.
    """
    squares, count = trends, _lived(trends.shape[2])
    squares *= squares
    if one.any_first:
        squares *= one.columns >= one.first
        count = count.take(np.maximum(one.columns - one.first, 0))
    mean = partial(earlier_mean, count=count, days=TREND_DAYS, prior=TREND_PRIOR, prior_days=TREND_PRIOR_DAYS)
    most = mean(squares)
    most *= TREND_CLIP
    np.minimum(squares, most, out=squares)
    return np.asarray(np.sqrt(mean(squares)[..., columns]))


@lru_cache(maxsize=512)
def _lived(days: int) -> Array:
    """How much each of so many days from the first on tells of the usual."""
    return forgetting_sum(np.ones(days), days=TREND_DAYS) + TREND_PRIOR_DAYS


def _against(days: Seen) -> tuple[Array, Array]:
    """The newest weights against the averages, in kg; and their median against 20 days'."""
    levels = days.levels[3:] + days.first_kg
    newest, (before, oldest) = days.kg, days.before_kg
    pair = np.minimum(newest, before)
    median = np.maximum(pair, np.minimum(np.maximum(newest, before), oldest))
    weeks = levels[1]
    against = np.empty((7, *newest.shape))
    against[0], against[1], against[2], against[3] = newest, pair, median, np.minimum(pair, oldest)
    against[:4] -= weeks
    against[4:] = median - levels[[0, 2, 3]]
    return against, against[2]


def _missed(grid: Grid, one: Course, columns: slice) -> Array:
    """Days missed beyond this person's usual: 0 where none was missed lately, and no less by one more missed.

    The gap before a new beginning (hospital, holiday, another scale) is nobody's fading.
    """
    missing, days = np.isnan(grid.kg), one.columns
    if one.any_begins:
        for row, day in zip(*one.begins.nonzero(), strict=True):
            before = np.flatnonzero(~missing[row, :day])
            missing[row, before[-1] + 1 if len(before) else 0 : day] = False
    missing &= ~grid.excused & (days >= one.first)
    total = np.zeros((len(missing), RECENT_DAYS + days.size))
    missing.cumsum(axis=1, out=total[:, RECENT_DAYS:])
    now, rate = total[:, RECENT_DAYS:][:, columns], _usually_missed(missing, one, columns)
    out = np.empty((len(MISSED_NAMES), *rate.shape))
    of = out[: len(MISSED_OF)]
    for missed, back in zip(of, MISSED_OF, strict=True):
        np.subtract(now, total[:, RECENT_DAYS - back : total.shape[1] - back][:, columns], out=missed)
    _beyond_usual(of, rate)
    np.maximum(of[2] - 1, 0, out=out[-2])
    last = np.maximum.accumulate(np.where(missing, -1, days), axis=1)
    in_a_row = earlier((days - last).astype(np.float64), 0.0)[:, columns]
    np.minimum(in_a_row * -np.log(rate), MOST_SURPRISE, out=out[-1])
    return out


def _usually_missed(missing: Flags, one: Course, columns: slice) -> Array:
    """The share of days that this person missed, up to RECENT_DAYS before."""
    days = one.columns
    gone = earlier(forgetting_sum(missing, days=MISSED_DAYS), 0.0, by=min(RECENT_DAYS, days.size))[:, columns]
    known = _known(days.size).take(np.maximum(days[columns] - one.first + 1 - RECENT_DAYS, 0))
    return np.asarray((gone + MISSED_USUAL * MISSED_PRIOR_DAYS) / (known + MISSED_PRIOR_DAYS))


@lru_cache(maxsize=512)
def _known(days: int) -> Array:
    """How many days' worth so many days tell of how often somebody misses one."""
    return np.asarray((1 - np.exp(-np.arange(days + 1) / MISSED_DAYS)) / (1 - np.exp(-1 / MISSED_DAYS)))


def _beyond_usual(missed: Array, rate: Array) -> None:
    """Counts of missed days become SDs beyond this person's usual, never below 0."""
    usual = BACK * rate
    missed -= usual
    usual *= 1 - rate
    usual += 0.5
    missed /= np.sqrt(usual, out=usual)
    np.maximum(missed, 0.0, out=missed)
