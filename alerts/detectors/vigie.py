"""Is fluid gathering in this person? Vigie's own detector: trends of many lengths, each in this person's own units.

Weights are freed of the hour, the week and Christmas (`vigie_course`). Differences of moving averages are divided by
their own usual size in this person, the newest weights by this person's day noise; to these come how much of the gain
was one single step (a scale, a coat), and how many more days were missed lately than this person usually misses
(`vigie_features`). A missed day counts as the last weight again, and never lowers the score. A fixed weighing, fitted
once to days of many simulated worlds (deploy/bench/fit.py; reasons and figures in docs/detectors.md), makes one number
of them: the score, 0 to 100, the chance in those worlds that a decompensation is on its way.

A weight more than 4 kg from the last one waits for a second that agrees; until then the score stands. More than 10 kg
between two weighings is not fluid, whoever agrees: another person or scale, so every average begins there.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from alerts.detectors import vigie_course, vigie_features
from alerts.detectors.detector import NOTHING, TOLERANCE_KG, Days, Kilograms, Known, Scores
from alerts.detectors.vigie_course import Grid
from alerts.detectors.vigie_weights import BIAS, WEIGHTS
from schemas.plan import Plan

NAME = "vigie"
VERSION = "2"
THRESHOLD = "vigie_threshold"
WAIT_DAYS = 10
"""So many days after the first weight comes the first score."""
BLOCK = 128
"""Patients at once: what fits the processor's cache."""
SEARCHED_KG, STEPS = 8.0, 20

Row = tuple[Days, Kilograms, Known]


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The score at each day, 0 to 100."""
    return next(iter(scores_of([(days, kg, known)])), np.zeros(0))


def scores_of(rows: Sequence[Row]) -> list[Scores]:
    """The scores of many patients at each of their days."""
    found: list[Scores] = []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        table = on_grid(grid(block))
        found += [table[number, days - days[:1]] for number, (days, _, _) in enumerate(block)]
    return found


def on_grid(patients: Grid) -> NDArray[np.float64]:
    """The score at each weight, (patients, days); on other days the last one stands."""
    rows, believed = vigie_features.features(patients)
    columns = np.arange(believed.shape[1])
    scored = believed & (columns - believed.argmax(axis=1)[:, np.newaxis] >= WAIT_DAYS)
    last = np.maximum.accumulate(np.where(scored, columns, -1), axis=1)
    odds = (WEIGHTS @ rows.reshape(len(rows), -1)).reshape(believed.shape) + BIAS
    risk = (100 * expit(odds)).round(3)
    return np.where(last < 0, 0.0, vigie_course.at(risk, np.maximum(last, 0)))


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
    return {"vigie_threshold": plan.vigie_threshold}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> float | None:
    """Searched downward from the newest weight if it fires, else upward: None if no weight within 8 kg would.

    By 0.4 kg first, then twice by a 20th of the step that turns it: to the gram.
    """

    def fires(newest: Kilograms) -> NDArray[np.bool_]:
        rows = grid([(days, kg, known)] * len(newest))
        rows.kg[:, -1] = newest
        return on_grid(rows)[:, -1] > plan.vigie_threshold + TOLERANCE_KG

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
