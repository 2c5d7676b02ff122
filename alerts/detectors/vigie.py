"""Is fluid gathering in this person? Vigie's own detector: trends of many lengths, each in this person's own units.

Weights are freed of the hour, the week and Christmas (`vigie_course`). Differences of moving averages are divided by
their own usual size in this person, the newest weights by this person's day noise; to these come how much of the gain
was one single step (a scale, a coat), and how many more days were missed lately than this person usually misses
(`vigie_features`). A missed day counts as the last weight again, and never lowers the score. A fixed weighing, fitted
once to days of many simulated worlds (deploy/bench/fit.py; reasons and figures in docs/detectors.md), makes one number
of them: the score, 0 to 100, the chance in those worlds that a decompensation is on its way.

In a patient's first days the guideline stands in: a gain of `gain_kg` over the lowest weight of the `gain_days` days
before is the default threshold, and the score is in proportion. Later such a gain still alerts, at its first weight, if
it is also a clear one for this person.

A weight more than 4 kg from the last one waits for a second that agrees, or a person who says that it is true; until
then the score stands. More than 10 kg
between two weighings is not fluid, whoever agrees: another person or scale, so every average begins there.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.detectors import vigie_course, vigie_features
from alerts.detectors.detector import NO_DAYS, NOTHING, TOLERANCE_KG, Days, Kilograms, Known, Scores
from alerts.detectors.vigie_course import Course, Grid
from alerts.detectors.vigie_features import EVERY, NEWEST, Seen
from alerts.detectors.vigie_weights import BIAS, OUT, WEIGHTS
from schemas.plan import Plan

NAME = "vigie"
VERSION = "5"
THRESHOLD = "vigie_threshold"
WAIT_DAYS = 10
"""For so many days from the first weight on the guideline stands in: there is nothing personal yet."""
USUAL, MOST = Plan().vigie_threshold, 99.0
CLEAR_NOISES = 7.0
"""A gain of so many SDs of this person's day noise needs no second weight: see docs/detectors.md for its price."""
BLOCK = 64
"""Patients at once: what fits the processor's caches, and memory that is not given back and asked for each time."""
WEIGHED = 512
"""Days of patients at once. For a thousand OpenBLAS would take a second thread, and both wait for each other."""
STEPS, FINER = 20, 3
# glibc gives freed memory back to the system above a threshold that rises to the largest block ever freed, at most 32
# MiB (mallopt(3), M_MMAP_THRESHOLD). Taken and freed once; else each step below fetches its memory anew.
np.empty(31 * 2**20, dtype=np.uint8)

Row = tuple[Days, Kilograms, Known]
Other = tuple[int, float]
"""The number of a day among those with a weight, and another weight (kg) for it."""
Scored = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From other newest weights in kg, (patients, weights), to scores."""


class Judged(NamedTuple):
    """A block of patients, and the score at each weight, (patients, days); on other days the last one stands."""

    course: Course
    seen: Seen
    lowest_kg: NDArray[np.float64]
    lowest_shown_kg: NDArray[np.float64]
    scores: Scores


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The score at each day, 0 to 100."""
    return scores_of([(days, kg, known)], [()], plan=plan)[0][0] if days.size else np.zeros(0)


def scores_of(
    rows: Sequence[Row], others: Sequence[Sequence[Other]], *, plan: Plan
) -> list[tuple[Scores, list[float]]]:
    """The scores of many patients at each of their days; and on some days, had that day's weight been another."""
    found: list[tuple[Scores, list[float]]] = []
    for start in range(0, len(rows), BLOCK):
        block, tried = rows[start : start + BLOCK], others[start : start + BLOCK]
        table = judged(grid(block), plan=plan)
        then = iter(_had_been(table, block, tried, plan=plan) if any(tried) else ())
        for number, (days, _, _) in enumerate(block):
            found.append((table.scores[number, days - days[:1]], list(islice(then, len(tried[number])))))
    return found


def newest(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float:
    """The score at the newest weight alone: the last of `scores`, for less."""
    patients = grid([(days, kg, known)])
    one = vigie_course.course(patients)
    if not one.believed[0, -1] or stands_in(days):
        return float(scores(days, kg, plan=plan, known=known)[-1])
    gained_kg = _gain_kg(one.kg[:, NEWEST], _lowest_kg(one.kg, one, NEWEST, plan=plan))
    return float(_risk(gained_kg, vigie_features.seen(patients, one, NEWEST), plan=plan)[0, 0])


def on_grid(patients: Grid, *, plan: Plan) -> Scores:
    """The scores of `judged` alone."""
    return judged(patients, plan=plan).scores


def judged(patients: Grid, *, plan: Plan) -> Judged:
    """Every patient on every day."""
    one = vigie_course.course(patients)
    seen, early = vigie_features.seen(patients, one), one.columns - one.first < WAIT_DAYS
    lowest_kg, lowest_shown_kg = (_lowest_kg(kg, one, plan=plan) for kg in (one.kg, one.shown_kg))
    risk = _stood_in(one.shown_kg, lowest_shown_kg, plan=plan)
    later = np.flatnonzero(one.believed & ~early)
    gained_kg = _gain_kg(one.kg, lowest_kg).take(later)
    risk.put(later, _risk(gained_kg, vigie_features.of(seen, later), plan=plan))
    stands = np.where(one.last < 0, 0.0, vigie_course.at(risk, np.maximum(one.last, 0)))
    return Judged(course=one, seen=seen, lowest_kg=lowest_kg, lowest_shown_kg=lowest_shown_kg, scores=stands)


def _had_been(table: Judged, rows: Sequence[Row], others: Sequence[Sequence[Other]], *, plan: Plan) -> list[float]:
    """The scores, had these days' weights been others; those that one would not believe at once are judged alone."""
    every = [(row, number, kg) for row, some in enumerate(others) for number, kg in some]
    at = np.array([(row, rows[row][0][number] - rows[row][0][0]) for row, number, _ in every])
    cells = (at @ [table.scores.shape[1], 1])[:, np.newaxis]
    shown_kg = np.array([kg for _, _, kg in every])[:, np.newaxis]
    one, days = table.course, vigie_features.of(table.seen, cells)
    kg = shown_kg - one.hour_kg.take(cells) - one.season_kg.take(cells)
    other = vigie_features.with_other(days, vigie_features.of(vigie_features.past(one), cells), kg)
    found = _risk(_gain_kg(kg, table.lowest_kg.take(cells)), other, plan=plan)
    early = (one.columns - one.first).take(cells) < WAIT_DAYS
    found = np.where(early, _stood_in(shown_kg, table.lowest_shown_kg.take(cells), plan=plan), found)
    low, high = vigie_course.believable_kg(one, *at.T)
    plain = (low <= shown_kg[:, 0]) & (shown_kg[:, 0] <= high) & one.believed[*at.T]
    plain &= one.start[*at.T] < at[:, 1]  # at a beginning everything is measured against that weight itself
    for number in np.flatnonzero(~plain).tolist():
        found[number] = _alone(rows[every[number][0]], every[number][1], every[number][2], plan=plan)
    return [float(score) for score in found[:, 0]]


def _alone(row: Row, number: int, newest_kg: float, *, plan: Plan) -> float:
    """The same of one of them."""
    days, kg, known = row
    known = replace(known, hours=known.hours[: number + 1])
    return newest(days[: number + 1], np.append(kg[:number], newest_kg), plan=plan, known=known)


def _risk(gained_kg: NDArray[np.float64], days: Seen, *, plan: Plan) -> NDArray[np.float64]:
    """What was learnt from the worlds; whatever that says, a gain beyond the guideline's and this person's noise."""
    clear = _as_score(gained_kg / np.maximum(plan.gain_kg, CLEAR_NOISES * days.noise_kg))
    return np.asarray(np.maximum(clear, _learnt(vigie_features.features(days)))).round(3)


def _learnt(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Units that are 0 below a bend and straight above it, weighed; the last of WEIGHTS is straight throughout."""
    flat = rows.reshape(len(rows), -1)
    odds = np.empty(flat.shape[1])
    for start in range(0, len(odds), WEIGHED):
        units = WEIGHTS @ flat[:, start : start + WEIGHED]
        units += BIAS[:, np.newaxis]
        np.maximum(units[:-1], 0, out=units[:-1])
        odds[start : start + WEIGHED] = OUT @ units[:-1] + units[-1]
    return np.asarray(50 * (1 + np.tanh(odds / 2)).reshape(rows.shape[1:]))  # the logistic function, in per cent


def _lowest_kg(kg: Scores, one: Course, columns: slice = EVERY, *, plan: Plan) -> Scores:
    """The lowest weight of the `gain_days` days before."""
    days = one.columns[columns]
    back = np.arange(1, plan.gain_days + 1)[:, np.newaxis, np.newaxis]
    return np.asarray(vigie_course.at(kg, np.maximum(days - back, one.start[:, columns])).min(axis=0))


def _gain_kg(kg: Scores, lowest_kg: Scores) -> Scores:
    """How much more that is, less the tolerance."""
    return np.asarray(kg - lowest_kg - TOLERANCE_KG)


def _stood_in(kg: Scores, lowest_kg: Scores, *, plan: Plan) -> Scores:
    """The guideline's score."""
    return _as_score(_gain_kg(kg, lowest_kg) / plan.gain_kg).round(3)


def _as_score(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """In multiples of the limit, which is the default threshold."""
    return vigie_course.within(USUAL * gains, 0.0, MOST)


def grid(rows: Sequence[Row], *, ends_together: bool = False) -> Grid:
    """The rows side by side, each from its own first day on, or up to its own last."""
    width = max((int(days[-1] - days[0]) + 1 for days, _, _ in rows if len(days)), default=0)
    shape = (len(rows), width)
    kg, hours = np.full(shape, np.nan), np.full(shape, np.nan)
    begins, excused, confirmed = (np.zeros(shape, dtype=np.bool_) for _ in range(3))
    first = np.zeros((len(rows), 1), dtype=np.int64)
    for number, (days, weights, known) in enumerate(rows):
        first[number] = days[-1] - width + 1 if ends_together else days[0]
        columns = days - first[number]
        kg[number, columns] = weights
        if known.hours.size:
            hours[number, columns] = known.hours
        if known.anchors.size:
            at = np.searchsorted(days, known.anchors)
            begins[number, columns[at[at < len(days)]]] = True
        if known.excused.size:
            away = known.excused - first[number]
            excused[number, away[(away >= 0) & (away < width)]] = True
        if known.confirmed.size:
            confirmed[number, columns[np.isin(days, known.confirmed)]] = True
    days_of = first + np.arange(width)
    return Grid(kg=kg, hours=hours, days=days_of, begins=begins, excused=excused, confirmed=confirmed)


def threshold(plan: Plan) -> float:
    return plan.vigie_threshold


def parameters(plan: Plan) -> dict[str, float]:
    return {"vigie_threshold": plan.vigie_threshold, "gain_kg": plan.gain_kg, "gain_days": plan.gain_days}


def gain_kg(score: float, *, plan: Plan) -> float:
    """What gain has this score while the guideline stands in."""
    return score * plan.gain_kg / USUAL + TOLERANCE_KG


def stands_in(days: Days) -> bool:
    """Whether the newest day's score is the guideline's."""
    return int(days[-1] - days[0]) < WAIT_DAYS


def waiting(days: Days, kg: Kilograms, *, known: Known = NOTHING) -> Days:
    """The days whose weight is not believed: no second one has agreed with it, or only that one is used."""
    if np.ptp(kg) <= vigie_course.JUMP_KG:
        return NO_DAYS
    return np.asarray(days[~vigie_course.course(grid([(days, kg, known)])).believed[0, days - days[0]]])


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    """Searched downward from the newest weight if it fires, else upward, as far as a weight is believed at once.

    To the gram, by 20ths of 20ths. None if no such weight turns it: it is not the weight that fires.
    """
    return would_not_fire_of([(days, kg, known)], plan=plan)[0]


def would_not_fire_of(rows: Sequence[Row], *, plan: Plan) -> list[float | None]:
    """The same of many."""
    found: list[float | None] = []
    for start in range(0, len(rows), BLOCK):
        found += _limits(rows[start : start + BLOCK], plan=plan)
    return found


def _limits(rows: Sequence[Row], *, plan: Plan) -> list[float | None]:
    patients = grid(rows, ends_together=True)
    one = vigie_course.course(patients)
    every = np.arange(len(rows))
    low, high = vigie_course.believable_kg(one, every, np.full(len(rows), one.columns[-1]))
    scored = _other(patients, one, plan=plan)

    def fires(shown_kg: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(scored(shown_kg) > plan.vigie_threshold + TOLERANCE_KG)

    start, end = one.shown_kg[:, -1], low
    tried = np.linspace(start, end, STEPS + 1, axis=1)
    fired = fires(tried)
    now, turns = fired[:, 0], one.believed[:, -1] & (one.start[:, -1] < one.columns[-1])
    if not now.all():
        end = np.where(now, low, high)
        tried = np.linspace(start, end, STEPS + 1, axis=1)
        fired = fires(tried)
    for finer in range(FINER):
        if finer:
            tried = np.linspace(start, end, STEPS + 1, axis=1)
            fired = fires(tried)
        turned = fired != now[:, np.newaxis]
        turns, first = turns & turned.any(axis=1), turned.argmax(axis=1)
        start, end = tried[every, np.maximum(first - 1, 0)], tried[every, first]
    limits = (np.floor(np.where(now, end, start) * 1000) / 1000).tolist()
    return [limit if turn else None for limit, turn in zip(limits, turns.tolist(), strict=True)]


def _other(patients: Grid, one: Course, *, plan: Plan) -> Scored:
    """The scores, had the newest weights been others; the guideline's while that stands in."""
    early, lowest_shown_kg = one.columns[-1] - one.first < WAIT_DAYS, _lowest_kg(one.shown_kg, one, NEWEST, plan=plan)
    if early.all():
        return partial(_stood_in, lowest_kg=lowest_shown_kg, plan=plan)
    days, past = vigie_features.seen(patients, one, NEWEST), vigie_features.past(one, NEWEST)
    lowest_kg, off_kg = _lowest_kg(one.kg, one, NEWEST, plan=plan), one.kg[:, NEWEST] - one.shown_kg[:, NEWEST]

    def scored(shown_kg: NDArray[np.float64]) -> NDArray[np.float64]:
        kg = shown_kg + off_kg
        found = _risk(_gain_kg(kg, lowest_kg), vigie_features.with_other(days, past, kg), plan=plan)
        return np.where(early, _stood_in(shown_kg, lowest_shown_kg, plan=plan), found)

    return scored
