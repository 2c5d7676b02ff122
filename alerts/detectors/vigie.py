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

import numpy as np
from numpy.typing import NDArray

from alerts.detectors import vigie_course, vigie_features
from alerts.detectors.detector import NOTHING, TOLERANCE_KG, Days, Kilograms, Known, Scores
from alerts.detectors.vigie_course import Course, Grid
from alerts.detectors.vigie_features import EVERY, NEWEST, Seen
from alerts.detectors.vigie_weights import BIAS, OUT, WEIGHTS
from schemas.plan import Plan

NAME = "vigie"
VERSION = "4"
THRESHOLD = "vigie_threshold"
WAIT_DAYS = 10
"""For so many days from the first weight on the guideline stands in: there is nothing personal yet."""
USUAL, MOST = Plan().vigie_threshold, 99.0
CLEAR_NOISES = 7.0
"""A gain of so many SDs of this person's day noise needs no second weight: see docs/detectors.md for its price."""
BLOCK = 128
"""Patients at once: what fits the processor's caches."""
WEIGHED = 512
"""Days of patients at once. For a thousand OpenBLAS would take a second thread, and both wait for each other."""
STEPS, FINER = 20, 3

Row = tuple[Days, Kilograms, Known]
Scored = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From so many kg more than each newest weight, (patients, weights), to scores."""


def scores(days: Days, kg: Kilograms, *, plan: Plan, known: Known = NOTHING) -> Scores:
    """The score at each day, 0 to 100."""
    return scores_of([(days, kg, known)], plan=plan)[0] if days.size else np.zeros(0)


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
    return float(_newest([(days, kg, known)], plan=plan)[0])


def newest_of(rows: Sequence[Row], *, plan: Plan) -> Scores:
    """The same of many."""
    return np.concatenate([_newest(rows[start : start + BLOCK], plan=plan) for start in range(0, len(rows), BLOCK)])


def _newest(rows: Sequence[Row], *, plan: Plan) -> Scores:
    patients = grid(rows, ends_together=True)
    one = vigie_course.course(patients)
    gained_kg = _gain_kg(one.kg, one, NEWEST, plan=plan)
    found = _risk(gained_kg, vigie_features.seen(patients, one, NEWEST), plan=plan)[:, 0]
    other = ~one.believed[:, -1] | (one.first[:, 0] > patients.kg.shape[1] - 1 - WAIT_DAYS)
    for number in other.nonzero()[0].tolist():
        days, kg, known = rows[number]
        found[number] = scores(days, kg, plan=plan, known=known)[-1]
    return np.asarray(found)


def on_grid(patients: Grid, *, plan: Plan) -> NDArray[np.float64]:
    """The score at each weight, (patients, days); on other days the last one stands."""
    one = vigie_course.course(patients)
    shown = vigie_course.at(patients.kg, np.maximum(one.last, one.first))
    early = one.columns - one.first < WAIT_DAYS
    risk = _as_score(_gain_kg(shown, one, plan=plan) / plan.gain_kg).round(3)
    later = np.flatnonzero(one.believed & ~early)
    gained_kg = _gain_kg(one.kg, one, plan=plan).take(later)
    risk.put(later, _risk(gained_kg, vigie_features.seen(patients, one).of(later), plan=plan))
    return np.where(one.last < 0, 0.0, vigie_course.at(risk, np.maximum(one.last, 0)))


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


def _gain_kg(kg: NDArray[np.float64], one: Course, columns: slice = EVERY, *, plan: Plan) -> NDArray[np.float64]:
    """Over the lowest weight of the `gain_days` days before, less the tolerance."""
    days = one.columns[columns]
    back = np.arange(1, plan.gain_days + 1)[:, np.newaxis, np.newaxis]
    lowest = vigie_course.at(kg, np.maximum(days - back, one.start[:, columns])).min(axis=0)
    return np.asarray(kg[:, columns] - lowest - TOLERANCE_KG)


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
    shown = vigie_course.at(patients.kg, np.maximum(one.last, one.first))
    low, high = vigie_course.believable_kg(one, shown)
    scored, newest_kg = _other(patients, one, shown, plan=plan), shown[:, -1:].copy()

    def fires(tried: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(scored(tried - newest_kg) > plan.vigie_threshold + TOLERANCE_KG)

    start, end, every = newest_kg[:, 0], low, np.arange(len(rows))
    tried = np.linspace(start, end, STEPS + 1, axis=1)
    fired = fires(tried)
    now, turns = fired[:, 0], one.believed[:, -1]
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


def _other(patients: Grid, one: Course, shown: NDArray[np.float64], *, plan: Plan) -> Scored:
    """The scores, had the newest weights been others: the guideline's while that stands in."""
    early, stand_in_kg = (one.columns[-1] - one.first < WAIT_DAYS)[:, 0], _gain_kg(shown, one, NEWEST, plan=plan)

    def stood_in(more_kg: NDArray[np.float64]) -> NDArray[np.float64]:
        return _as_score((stand_in_kg + more_kg) / plan.gain_kg).round(3)

    if early.all():
        return stood_in
    gained_kg, known = _gain_kg(one.kg, one, NEWEST, plan=plan), vigie_features.seen(patients, one, NEWEST)

    def scored(more_kg: NDArray[np.float64]) -> NDArray[np.float64]:
        found = _risk(gained_kg + more_kg, vigie_features.with_newest(one, known, known.kg + more_kg), plan=plan)
        return np.where(early[:, np.newaxis], stood_in(more_kg), found)

    return scored
