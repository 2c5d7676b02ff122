"""Which weights are believed, and what do they say freed of the hour, the season and a single odd one?

Many patients at once: one in each row, a day in each column. Every number of a column is made of that column and those
before it; one patient and a hundred thousand go through the same code.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Columns = NDArray[np.int64]

AVERAGES = np.array([1.5, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0])
"""Lengths of the moving averages, in days."""
USUAL_KG, FLOOR_KG = 0.35, 0.15
ABSOLUTE = 0.8 * 2**0.5
"""The mean size of a one-day difference, in SDs of the day noise."""
NOISE_DAYS, NOISE_PRIOR_DAYS, NOISE_CLIP, TAME = 80.0, 12.0, 3.5, 4.0
JUMP_KG, AGREE_KG, STRANGE_KG = 4.0, 2.0, 10.0
HOUR_DAYS, HOUR_KG, HOURS_FREE, HOURS_MOST = 20.0, 0.13, 2.0, 8.0
"""Evening minus morning is +0.4 to +1.3 kg (noise.md): so much an hour, beyond 2 h from the usual hour, up to 10 h."""
UNMOVED_KG = 1e-9
WEEK_KG = 80 * np.array([0.16, 0.05, -0.07, -0.07, -0.09, -0.09, 0.04]) / 100
"""Monday to Sunday, for 80 kg (noise.md)."""
NEW_YEAR, YEAR_DAYS = date(2024, 1, 1).toordinal(), 365.2425
FEAST_KG, FEAST_FROM, FEAST_DAYS, FEAST_FORGOTTEN_DAYS = 0.75, 356.0, 9.0, 30.0
"""People gain 1.35 % at Christmas (NoHoW 2020): most of it, from 23 December to New Year, is food."""
CYCLE_DAYS = 146_097
"""400 years, after which the calendar and the week come again."""
REMEMBERED = 5
BEFORE = np.arange(1, REMEMBERED + 1)[:, np.newaxis, np.newaxis]
BLOCK_DAYS = 512
UP = np.exp(np.arange(BLOCK_DAYS) / AVERAGES[:, np.newaxis])[:, np.newaxis]
SHARES = (1 - np.exp(-1 / AVERAGES))[:, np.newaxis, np.newaxis]
DOWN = SHARES / UP


def _seasons() -> Array:
    days = np.arange(CYCLE_DAYS)
    since = (days - NEW_YEAR - FEAST_FROM) % YEAR_DAYS
    feast = np.minimum(since / FEAST_DAYS, 1) * np.exp(-np.maximum(since - FEAST_DAYS, 0) / FEAST_FORGOTTEN_DAYS)
    return np.asarray(WEEK_KG[(days + 6) % 7] + FEAST_KG * feast)


SEASON = _seasons()


class Grid(NamedTuple):
    """Weights in kg and hours of the day, NaN where there are none; and the days' ordinals."""

    kg: Array
    hours: Array
    days: Columns
    begins: Flags
    """With this weight the baseline starts afresh."""
    excused: Flags
    """Without a weight, but not by the patient's doing."""
    confirmed: Flags
    """A person said that the weight is true: it needs no second one that agrees."""

    def rows(self, some: slice) -> "Grid":
        """Some of the patients."""
        return Grid(
            kg=self.kg[some],
            hours=self.hours[some],
            days=self.days[some],
            begins=self.begins[some],
            excused=self.excused[some],
            confirmed=self.confirmed[some],
        )


class Course(NamedTuple):
    """Daily weights in kg, the last one carried over days without; what each row knows at each column."""

    columns: Columns
    """The days' numbers: 0, 1, 2, …"""
    kg: Array
    tame_kg: Array
    """Drawn to within 4 SDs of `middle_kg`, the median of the 5 days before."""
    middle_kg: Array
    before_kg: Array
    """One to five days before, since the last beginning: (5, patients, days)."""
    shown_kg: Array
    """As measured: `kg` is this less what the hour and the season add."""
    hour_kg: Array
    season_kg: Array
    noise_kg: Array
    """The SD of this person's day noise, as known before the day."""
    believed: Flags
    begins: Flags
    first: Columns
    """The column of each row's first weight."""
    start: Columns
    """The column of the last beginning."""
    last: Columns
    """The column of the last believed weight."""
    any_begins: bool
    any_first: bool
    """Whether a row begins afresh anywhere, and whether one begins later than column 0."""


def course(grid: Grid) -> Course:
    """Believe, correct, carry and tame; a weight far from the last one waits until a second agrees."""
    seen = ~np.isnan(grid.kg)
    believed, begins = _believed(grid, seen)
    columns = np.arange(grid.kg.shape[1])
    last = np.maximum.accumulate(np.where(believed, columns, -1), axis=1)
    first = believed.argmax(axis=1)[:, np.newaxis]
    any_first = bool(np.count_nonzero(first))
    start = np.maximum.accumulate(np.where(begins, columns, first), axis=1)
    carried = np.maximum(last, first)
    shown = at(grid.kg, carried)
    hour_kg, season_kg = at(_of_the_hour(grid.hours, believed), carried), of_the_season(grid.days)
    kg = shown - hour_kg - season_kg
    if any_first:
        kg = np.where(columns < first, at(kg, first), kg)
    moved = believed & ~begins & (np.abs(differences(shown)) > UNMOVED_KG)
    noise_kg = _noise(np.abs(differences(kg)), moved.astype(np.float64))
    before = _before(kg, start, columns)
    middle_kg = _median_of_5(before)
    return Course(
        columns=columns,
        kg=kg,
        tame_kg=tamed(kg, middle_kg, noise_kg),
        middle_kg=middle_kg,
        before_kg=before,
        shown_kg=shown,
        hour_kg=hour_kg,
        season_kg=season_kg,
        noise_kg=noise_kg,
        believed=believed,
        begins=begins,
        first=first,
        start=start,
        last=last,
        any_begins=bool(np.count_nonzero(begins)),
        any_first=any_first,
    )


def tamed(kg: Array, middle_kg: Array, noise_kg: Array) -> Array:
    return middle_kg + within(kg - middle_kg, -TAME * noise_kg, TAME * noise_kg)


def believable_kg(one: Course, rows: Columns, columns: Columns) -> tuple[Array, Array]:
    """From which to which weight of these patients on these days, as measured, none waits for a second."""
    last, middle = one.shown_kg[rows, columns], one.shown_kg[rows, columns]
    for number, (row, column, start) in enumerate(zip(rows, columns, one.start[rows, columns], strict=True)):
        recent = one.shown_kg[row, start:column][one.believed[row, start:column]][-REMEMBERED:].tolist()
        if recent:
            last[number], middle[number] = recent[-1], sorted(recent)[len(recent) // 2]
    return np.maximum(last, middle) - JUMP_KG, np.minimum(last, middle) + JUMP_KG


def of_the_season(days: Columns) -> Array:
    """What a weight of this day is usually above its season's, in kg: the week's swing, and Christmas."""
    return np.asarray(SEASON[days % CYCLE_DAYS])


def within(values: Array, low: Array | float, high: Array | float) -> Array:
    """As `clip` in place, which takes four times as long for a single day."""
    np.maximum(values, low, out=values)
    return np.asarray(np.minimum(values, high, out=values))


def at(values: Array, columns: Columns) -> Array:
    """Of each row, what stands at these columns of it."""
    if len(values) == 1:
        return np.asarray(values.take(columns))
    rows = np.arange(values.shape[0])[:, np.newaxis] * values.shape[1]
    return np.asarray(values.take(rows + columns))


def levels(one: Course) -> Array:
    """The moving averages of the tame weights since the last beginning: (AVERAGES, patients, days).

    Each is divided by the weight that it has gathered so far, so that the first day counts for no more than it knows.
    """
    relative = one.tame_kg - at(one.kg, one.first)
    if one.any_first:
        relative[one.columns < one.first] = 0.0
    totals = _exponential(relative)
    gathered = _gathered(one.columns.size).take(np.maximum(one.columns - one.start, 0), axis=1)
    if one.any_begins:
        rows = np.flatnonzero(one.begins.any(axis=1))
        before = np.maximum(one.start[rows] - 1, 0)[np.newaxis]
        earlier = np.take_along_axis(totals[:, rows], before, axis=2) * (one.start[rows] > 0)
        totals[:, rows] -= (1 - gathered[:, rows]) * earlier
    totals /= gathered
    return totals


@lru_cache(maxsize=512)
def _gathered(days: int) -> Array:
    """What share of its weight each of AVERAGES has gathered on each of so many days since its beginning."""
    return np.asarray(1 - np.exp(-np.arange(1, days + 1) / AVERAGES[:, np.newaxis]))


def forgetting_sum(values: Array | Flags, *, days: float) -> Array:
    """At each column the sum of what stood there and before, each day back counting exp(-1 / days) as much."""
    size = values.shape[-1]
    if size > BLOCK_DAYS:
        head = forgetting_sum(values[..., :BLOCK_DAYS], days=days)
        tail = forgetting_sum(values[..., BLOCK_DAYS:], days=days)
        return np.concatenate([head, tail + head[..., -1:] * np.exp(-np.arange(1, size - BLOCK_DAYS + 1) / days)], -1)
    up, down = _up_and_down(days, size)
    total = values * up
    np.add.accumulate(total, -1, None, total)
    total *= down
    return np.asarray(total)


@lru_cache(maxsize=512)
def _up_and_down(days: float, size: int) -> tuple[Array, Array]:
    up = np.exp(np.arange(size) / days)
    return up, 1 / up


def earlier_mean(values: Array, count: Array, *, days: float, prior: Array | float, prior_days: float) -> Array:
    """At each column the mean of those before, forgotten with `days`, and of so many days of the `prior`.

    `count`: what all of them and the prior amount to, in days.
    """
    up, down = _up_and_down(days, values.shape[-1])
    total = values * up
    np.add.accumulate(total, -1, None, total)
    total += prior_days * prior * up
    total *= down / count
    return earlier(total, prior)


def earlier(values: Array, first: Array | float, *, by: int = 1) -> Array:
    """The same, so many days later; `first` stands before."""
    out = np.empty(values.shape)
    out[..., :by] = first
    out[..., by:] = values[..., : values.shape[-1] - by]
    return out


def differences(values: Array) -> Array:
    """From the day before; 0 on the first."""
    out = np.empty(values.shape)
    out[..., :1] = 0.0
    np.subtract(values[..., 1:], values[..., :-1], out=out[..., 1:])
    return out


def _exponential(values: Array) -> Array:
    """All AVERAGES at once, not yet divided by what they have gathered."""
    size = values.shape[1]
    if size > BLOCK_DAYS:
        head, tail = _exponential(values[:, :BLOCK_DAYS]), _exponential(values[:, BLOCK_DAYS:])
        left = np.exp(-np.arange(1, size - BLOCK_DAYS + 1) / AVERAGES[:, np.newaxis])[:, np.newaxis]
        return np.concatenate([head, tail + head[..., -1:] * left], axis=2)
    totals = values * UP[:, :, :size]
    np.add.accumulate(totals, 2, None, totals)
    totals *= DOWN[:, :, :size]
    return np.asarray(totals)


def _believed(grid: Grid, seen: Flags) -> tuple[Flags, Flags]:
    """Which weights are used, and with which the baseline begins: also after 10 kg, which no fluid brings in a day."""
    kg, begins = grid.kg, grid.begins
    rows = (np.fmax.reduce(kg, axis=1) - np.fmin.reduce(kg, axis=1) > JUMP_KG).nonzero()[0]
    if not rows.size:
        return seen, begins
    believed, begins = seen.copy(), begins.copy()
    far = _far(kg[rows], seen[rows])
    for row, first in zip(rows[far.any(axis=1)].tolist(), far.argmax(axis=1)[far.any(axis=1)].tolist(), strict=True):
        days = seen[row].nonzero()[0][max(0, first - REMEMBERED) :]
        _doubt(kg[row], days.tolist(), believed[row], begins[row], told=grid.confirmed[row])
    return believed, begins


def _far(kg: Array, seen: Flags) -> Flags:
    """Of each row's weights, without the days between: whether it may be too far from one of the five before."""
    weights, (row, day) = np.full(kg.shape, np.nan), seen.nonzero()
    weights[row, (seen.cumsum(axis=1) - 1)[row, day]] = kg[row, day]
    highest = lowest = weights
    for by in range(1, min(REMEMBERED, kg.shape[1] - 1) + 1):
        before = earlier(weights, np.nan, by=by)
        highest, lowest = np.fmax(highest, before), np.fmin(lowest, before)
    return np.asarray(~np.isnan(weights) & (highest - lowest > JUMP_KG))


def _doubt(kg: Array, days: Sequence[int], believed: Flags, begins: Flags, *, told: Flags) -> None:
    """Walk through one row: a weight too far from the last one, and from the median of the last five, waits.

    `days`: those to walk; the weights before are all believed. `told`: of which a person said that they are true.
    """
    recent: list[float] = []
    waiting: float | None = None
    weights, afresh, true = kg.tolist(), begins.tolist(), told.tolist()
    for day in days:
        weight = weights[day]
        if recent and not afresh[day]:
            far = max(abs(weight - recent[-1]), abs(weight - sorted(recent)[len(recent) // 2]))
            if far > JUMP_KG and not true[day] and (waiting is None or abs(weight - waiting) >= AGREE_KG):
                believed[day], waiting = False, weight
                continue
            begins[day] = abs(weight - recent[-1]) > STRANGE_KG
        recent = [weight] if begins[day] else [*recent[1 - REMEMBERED :], weight]
        waiting = None


def largest(values: Array, doubling: Sequence[int]) -> Array:
    """The largest of this day's and those before: of 1 + the sum of `doubling`, each at most twice the one before."""
    for by in doubling:
        values = np.maximum(values, earlier(values, values[:, :1], by=min(by, values.shape[1])))
    return values


def _of_the_hour(hours: Array, believed: Flags) -> Array:
    """What each weight is above the same person's at the usual hour, in kg."""
    told = believed & ~np.isnan(hours)
    if not np.count_nonzero(told):
        return np.zeros_like(hours)
    both = np.empty((2, *hours.shape))
    both[0], both[1] = np.where(told, hours, 0.0), told
    total, kept = forgetting_sum(both, days=HOUR_DAYS)
    total /= np.maximum(kept, 0.5)
    off = both[0]
    off[:, 1:] -= total[:, :-1]
    off *= told
    off[np.arange(len(off)), told.argmax(axis=1)] = 0.0  # the first one told: there is no usual hour yet
    return np.asarray(HOUR_KG * np.copysign(within(np.abs(off) - HOURS_FREE, 0.0, HOURS_MOST), off))


def _noise(sizes: Array, moved: Array) -> Array:
    """From the mean size of one-day differences, the large ones cut to what was usual before.

    A weight that has not moved at all, as on days carried, tells nothing of the noise.
    """
    prior = USUAL_KG * ABSOLUTE
    sizes *= moved
    count = forgetting_sum(moved, days=NOISE_DAYS)
    count += NOISE_PRIOR_DAYS
    usual: Array | float = prior
    for _ in range(2):
        told = np.minimum(sizes, NOISE_CLIP * usual)
        usual = earlier_mean(told, count, days=NOISE_DAYS, prior=prior, prior_days=NOISE_PRIOR_DAYS)
    return np.asarray(np.maximum(usual / ABSOLUTE, FLOOR_KG))


def _before(kg: Array, start: Columns, columns: Columns) -> Array:
    """The weights 1 to 5 days before, none from before the last beginning: (5, patients, days)."""
    return at(kg, np.maximum(columns - BEFORE, np.minimum(start, columns)))


def _median_of_5(values: Array) -> Array:
    a, b, c, d, e = values
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.asarray(np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e)))
