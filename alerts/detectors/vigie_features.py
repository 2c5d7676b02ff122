"""From what is `vigie`'s score weighed? Trends in this person's own units, the newest weights, and days missed."""

from dataclasses import dataclass

import numpy as np

from alerts.detectors import vigie_course
from alerts.detectors.vigie_course import AVERAGES, USUAL_KG, Array, Course, Flags, Grid, earlier, forgetting_sum


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
CARRIED_DAYS = 28
"""For so long does the last weight stand for missing ones when the usual size of trends is learnt."""
MISSED_USUAL, MISSED_PRIOR_DAYS, MISSED_DAYS, MISSED_AFTER_DAYS = 0.2, 15.0, 90.0, 28
"""How often a person misses days is learnt from days more than 4 weeks back: so no gap makes itself usual."""
MOST_SDS = 6.0
"""What lies further out says no more: real people's tails are longer than any simulated one's."""
Z_NAMES = (
    *(f"trend_{AVERAGES[pair.short]:g}_{AVERAGES[pair.long]:g}" for pair in PAIRS),
    *("newest_20", "lowest_of_2_20", "median_of_3_20", "lowest_of_3_20"),
    *("median_of_3_10", "median_of_3_40", "median_of_3_80"),
)
MISSED_NAMES = ("missed_7", "missed_14", "missed_7_beyond_1", "missed_14_beyond_1", "missed_14_beyond_2")
NAMES = (
    *Z_NAMES,
    *(f"{name}_within_2" for name in Z_NAMES),
    *(f"{name}_beyond_3" for name in Z_NAMES),
    *("log_noise", "step_in_noises", "step_kg", "kg_5_20", "kg_10_40", "kg_20_80", "kg_median_20"),
    *("log_usual_5_20", "log_usual_20_80", "log_days_known", "usually_missed"),
    *MISSED_NAMES,
)


def features(grid: Grid) -> tuple[Array, Flags]:
    """(NAMES, patients, days); and on which days a weight was believed."""
    one = vigie_course.course(grid)
    levels = vigie_course.levels(one)
    trends = levels[SHORT] - levels[LONG]
    usual = _usual(trends, one)
    against, median_kg = _against(one, levels)
    rows, n = np.empty((len(NAMES), *grid.kg.shape)), len(Z_NAMES)
    np.divide(trends, usual, out=rows[: len(PAIRS)])
    np.divide(against, one.noise_kg, out=rows[len(PAIRS) : n])
    rows[:n].clip(-MOST_SDS, MOST_SDS, out=rows[:n])
    (rows[:n] / 2).clip(-1, 1, out=rows[n : 2 * n])
    (rows[:n] - 3).clip(-1, 1, out=rows[2 * n : 3 * n])
    step = vigie_course.largest_of_8(np.where(one.begins, 0.0, vigie_course.differences(one.tame_kg)))
    rest = rows[3 * n :]
    rest[0], rest[1], rest[2] = np.log(one.noise_kg), step / one.noise_kg, step
    rest[3:6], rest[6] = trends[[WEEKS, WEEKS + 2, MONTHS]], median_kg
    rest[7:9] = np.log(usual[[WEEKS, MONTHS]])
    rest[9] = np.log(np.maximum(np.arange(grid.kg.shape[1]) - one.start + 1, 1))
    _missed(grid, one, out=rest[10:])
    return rows, one.believed


def _usual(trends: Array, one: Course) -> Array:
    """The root mean square of each trend in this person before the day, the large ones cut to what was usual.

    So an illness does not become the usual at once.
    """
    columns = np.arange(trends.shape[2])
    lives = (columns - one.last <= CARRIED_DAYS) & (columns >= one.first)
    count = forgetting_sum(lives.astype(np.float64), days=TREND_DAYS) + TREND_PRIOR_DAYS
    squares = np.where(lives, trends * trends, 0.0)
    usual: Array | float = np.inf
    for _ in range(2):
        bounded = np.minimum(squares, TREND_CLIP * usual)
        mean = (forgetting_sum(bounded, days=TREND_DAYS) + TREND_PRIOR_DAYS * TREND_PRIOR) / count
        usual = earlier(mean, TREND_PRIOR)
    return np.sqrt(usual)


def _against(one: Course, levels: Array) -> tuple[Array, Array]:
    """The newest weights against the averages, in kg; and their median against 20 days'."""
    levels = levels + vigie_course.at(one.kg, one.first)
    before, oldest = one.before_kg[:2]
    pair = np.minimum(one.kg, before)
    median = np.maximum(pair, np.minimum(np.maximum(one.kg, before), oldest))
    weeks = levels[4]
    newest = [one.kg - weeks, pair - weeks, median - weeks, np.minimum(pair, oldest) - weeks]
    against = np.array([*newest, *(median - levels[[3, 5, 6]])])
    return against, against[2]


def _missed(grid: Grid, one: Course, *, out: Array) -> None:
    """More days missed than this person usually does, in SDs; never less than 0, and no less by one more missed.

    The gap before a new beginning (hospital, holiday, another scale) is nobody's fading.
    """
    seen = ~np.isnan(grid.kg)
    columns = np.arange(seen.shape[1])
    missing = ~seen & ~grid.excused & (columns >= one.first)
    for row, day in zip(*one.begins.nonzero(), strict=True):
        before = np.flatnonzero(seen[row, :day])
        missing[row, before[-1] + 1 if len(before) else 0 : day] = False
    gone = missing.astype(np.float64)
    learnt_from = np.maximum(columns - one.first + 1 - MISSED_AFTER_DAYS, 0)
    days_known = (1 - np.exp(-learnt_from / MISSED_DAYS)) / (1 - np.exp(-1 / MISSED_DAYS))
    gone_then = earlier(forgetting_sum(gone, days=MISSED_DAYS), 0.0, by=min(MISSED_AFTER_DAYS, columns.size))
    rate = (gone_then + MISSED_USUAL * MISSED_PRIOR_DAYS) / (days_known + MISSED_PRIOR_DAYS)
    total = gone.cumsum(axis=1)
    week, two = (_beyond_usual(total - earlier(total, 0.0, by=min(days, columns.size)), rate, days) for days in (7, 14))
    out[0], out[1], out[2] = rate, week, two
    out[3], out[4], out[5] = (week - 1).clip(0, 2), (two - 1).clip(0, 2), (two - 2).clip(0, 2)


def _beyond_usual(missed: Array, rate: Array, days: int) -> Array:
    return np.maximum((missed - days * rate) / np.sqrt(days * rate * (1 - rate) + 0.5), 0.0)
