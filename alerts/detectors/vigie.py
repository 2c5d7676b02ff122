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

A weight more than 4 kg from the last one waits for a second that agrees; until then the score stands. More than 10 kg
between two weighings is not fluid, whoever agrees: another person or scale, so every average begins there.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from alerts.detectors import vigie_course, vigie_features
from alerts.detectors.detector import NOTHING, TOLERANCE_KG, Days, Kilograms, Known, Scores
from alerts.detectors.vigie_course import Course, Grid
from alerts.detectors.vigie_features import EVERY, NEWEST
from alerts.detectors.vigie_weights import BIAS, OUT, WEIGHTS
from schemas.plan import Plan

NAME = "vigie"
VERSION = "3"
THRESHOLD = "vigie_threshold"
WAIT_DAYS = 10
"""For so many days from the first weight on the guideline stands in: there is nothing personal yet."""
USUAL, MOST = Plan().vigie_threshold, 99.0
CLEAR_NOISES = 7.0
"""A gain of so many SDs of this person's day noise needs no second weight: see docs/detectors.md for its price."""
BLOCK, CACHED = 128, 1024
"""Patients, and days of patients, at once: what fits the processor's caches."""
SEARCHED_KG, STEPS = 8.0, 20

Row = tuple[Days, Kilograms, Known]


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The score at each day, 0 to 100."""
    return next(iter(scores_of([(days, kg, known)], plan=plan)), np.zeros(0))


def scores_of(rows: Sequence[Row], *, plan: Plan) -> list[Scores]:
    """The scores of many patients at each of their days."""
    found: list[Scores] = []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        table = on_grid(grid(block), plan=plan)
        found += [table[number, days - days[:1]] for number, (days, _, _) in enumerate(block)]
    return found


def newest(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float:
    """The score at the newest weight alone: the last of `scores`, for less."""
    return float(_newest(grid([(days, kg, known)]), plan=plan)[0])


def on_grid(patients: Grid, *, plan: Plan) -> NDArray[np.float64]:
    """The score at each weight, (patients, days); on other days the last one stands."""
    one = vigie_course.course(patients)
    columns = np.arange(one.kg.shape[1])
    shown = vigie_course.at(patients.kg, np.maximum(one.last, one.first))
    early = columns - one.first < WAIT_DAYS
    risk = np.where(
        early, _as_score(_gain_kg(shown, one, plan=plan) / plan.gain_kg), _personal(patients, one, plan=plan)
    )
    last = np.maximum.accumulate(np.where(one.believed, columns, -1), axis=1)
    return np.where(last < 0, 0.0, vigie_course.at(risk, np.maximum(last, 0)))


def _newest(patients: Grid, *, plan: Plan) -> NDArray[np.float64]:
    """The score in the last column, which has a weight in every row."""
    one = vigie_course.course(patients)
    if not one.believed[:, -1].all() or one.kg.shape[1] - int(one.first.max()) <= WAIT_DAYS:
        return on_grid(patients, plan=plan)[:, -1]
    return _personal(patients, one, NEWEST, plan=plan)[:, 0]


def _personal(patients: Grid, one: Course, columns: slice = EVERY, *, plan: Plan) -> NDArray[np.float64]:
    """What was learnt from the worlds; whatever that says, a gain beyond the guideline's and this person's noise."""
    limit_kg = np.maximum(plan.gain_kg, CLEAR_NOISES * one.noise_kg[:, columns])
    clear = _as_score(_gain_kg(one.kg, one, columns, plan=plan) / limit_kg)
    return np.asarray(np.maximum(clear, _learnt(vigie_features.features(patients, one, columns))))


def _learnt(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Units that are 0 below a bend and straight above it, weighed; the last of WEIGHTS is straight throughout."""
    flat = rows.reshape(len(rows), -1)
    odds = np.empty(flat.shape[1])
    for start in range(0, len(odds), CACHED):
        units = WEIGHTS @ flat[:, start : start + CACHED]
        units += BIAS[:, np.newaxis]
        np.maximum(units[:-1], 0, out=units[:-1])
        odds[start : start + CACHED] = OUT @ units[:-1] + units[-1]
    return np.asarray((100 * expit(odds)).round(3).reshape(rows.shape[1:]))


def _gain_kg(kg: NDArray[np.float64], one: Course, columns: slice = EVERY, *, plan: Plan) -> NDArray[np.float64]:
    """Over the lowest weight of the `gain_days` days before, less the tolerance."""
    days, start = np.arange(kg.shape[1])[columns], one.start[:, columns]
    before = [vigie_course.at(kg, np.maximum(days - back, start)) for back in range(1, plan.gain_days + 1)]
    return np.asarray(kg[:, columns] - np.minimum.reduce(before) - TOLERANCE_KG)


def _as_score(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """In multiples of the limit, which is the default threshold."""
    return np.asarray((USUAL * gains).clip(0, MOST).round(3))


def grid(rows: Sequence[Row]) -> Grid:
    """The rows side by side, each from its own first day on."""
    width = max((int(days[-1] - days[0]) + 1 for days, _, _ in rows if len(days)), default=0)
    shape = (len(rows), width)
    kg, hours = np.full(shape, np.nan), np.full(shape, np.nan)
    begins, excused = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    first = np.zeros((len(rows), 1), dtype=np.int64)
    for number, (days, weights, known) in enumerate(rows):
        first[number] = days[0]
        columns = days - days[0]
        kg[number, columns] = weights
        if known.hours.size:
            hours[number, columns] = known.hours
        if known.anchors.size:
            at = np.searchsorted(days, known.anchors)
            begins[number, columns[at[at < len(days)]]] = True
        if known.excused.size:
            away = known.excused - days[0]
            excused[number, away[(away >= 0) & (away < width)]] = True
    return Grid(kg=kg, hours=hours, days=first + np.arange(width), begins=begins, excused=excused)


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


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    """Searched downward from the newest weight if it fires, else upward: None if no weight within 8 kg would.

    By 0.4 kg first, then twice by a 20th of the step that turns it: to the gram.
    """

    def fires(newest: Kilograms) -> NDArray[np.bool_]:
        rows = grid([(days, kg, known)] * len(newest))
        rows.kg[:, -1] = newest
        return _newest(rows, plan=plan) > plan.vigie_threshold + TOLERANCE_KG

    start, step = float(kg[-1]), -SEARCHED_KG / STEPS
    steps = np.arange(STEPS + 1.0)
    found = fires(start + step * steps)  # most often asked of a weight that fires, so downward first
    now = bool(found[0])
    if not now:
        step = -step
        found = fires(start + step * steps)
    for finer in (True, True, False):
        turned = np.flatnonzero(found != now)
        if not turned.size:
            return None
        start, step = start + step * float(turned[0] - 1), step / STEPS
        if finer:
            found = fires(start + step * steps)
    quiet = start + step * STEPS if now else start
    return float(np.floor(quiet * 1000) / 1000)
