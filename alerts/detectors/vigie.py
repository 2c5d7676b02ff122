"""Is fluid gathering in this person? Vigie's own detector: trends of many lengths, each in this person's own units.

Exponential averages of seven lengths are compared in six pairs. Each difference is divided by its own usual size in
this person (a robust, slowly forgetting root mean square with a prior): so slow dry-weight drift, a restless scale and
personal day noise are all told apart from a gain that is unusual for this person, and one threshold means one thing.
To these come the newest weights against the baseline in units of day noise, how much of the gain was one single step
(a scale, a coat), how noisy the person is, and how many days were missed lately (never lowers the score). A missed day
counts as the last weight again. A fixed weighing, fitted once to days of several simulated worlds (deploy/bench/fit.py;
reasons and figures in docs/detectors.md), makes one number of them: the score, 0 to 100, the chance in those worlds
that such a day lies within a gain.

A weight more than 4 kg from the last one waits for a second that agrees; until then the score stands. More than 10 kg
between two weighings is not fluid, whoever agrees: another person or scale, so every average begins there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from alerts.detectors.detector import NO_DAYS, Days, Kilograms, Scores, exceeds
from alerts.detectors.vigie_weights import BIAS, WEIGHTS
from schemas.plan import Plan

NAME = "vigie"
VERSION = "1"
THRESHOLD = "vigie_threshold"


@dataclass(frozen=True)
class Pair:
    """Two of AVERAGES, and their difference's usual size as a multiple of USUAL_KG."""

    short: int
    long: int
    usual: float


AVERAGES = (1.5, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0)
"""Days."""
PAIRS = (Pair(0, 3, 1.0), Pair(1, 4, 1.0), Pair(2, 4, 0.8), Pair(3, 5, 0.8), Pair(4, 6, 0.9), Pair(2, 5, 1.1))
MIDDLE, BASE, MACD = 2, 4, 2
USUAL_KG, FLOOR_KG = 0.35, 0.15
COUNTED, TREND_COUNTED, PULL = 12.0, 30.0, 0.15
"""The prior counts as so many weighings, and is recalled a little at each."""
NOISE_MEMORY, MEMORY = 1 - 1 / 80, 1 - 1 / 120
CLIP, TREND_CLIP = 4.0, 6.25
JUMP_KG, AGREE_KG, STRANGE_KG = 4.0, 2.0, 10.0
STEP_DAYS = 8.0
USUAL_MISSING, MISSING_KEPT = 0.2, 0.93
WAIT_DAYS = 10
"""So many days after the first weight comes the first score."""
CARRIED_DAYS = 28
UNMOVED_KG = 1e-9
KEPT = tuple(math.exp(-1 / length) for length in AVERAGES)
STEP_KEPT = math.exp(-1 / STEP_DAYS)
SEARCHED_KG, STEP_KG = 8.0, 0.5
WEIGHT_LIST: list[float] = WEIGHTS.tolist()

Z_NAMES = (
    *(f"trend_{AVERAGES[pair.short]:g}_{AVERAGES[pair.long]:g}" for pair in PAIRS),
    *("newest", "lowest_of_2", "median_of_3", "lowest_of_3", "median_over_80"),
)
NAMES = (
    *Z_NAMES,
    *(f"{name}_within_2" for name in Z_NAMES),
    *(f"{name}_beyond_3" for name in Z_NAMES),
    *("log_noise", "step_in_noises", "missing", "kg_5_20", "kg_median", "kg_10_40", "kg_20_80"),
    *("log_usual", "step_kg"),
)


@dataclass(kw_only=True)
class State:
    """What is kept of one person. Weights are in kg above the first one."""

    average: list[float] = field(default_factory=lambda: [0.0] * len(AVERAGES))
    gathered: list[float] = field(default_factory=lambda: [0.0] * len(AVERAGES))
    noise: float = COUNTED * USUAL_KG**2
    noise_count: float = COUNTED
    trend: list[float] = field(default_factory=lambda: [TREND_COUNTED * (USUAL_KG * pair.usual) ** 2 for pair in PAIRS])
    trend_count: float = TREND_COUNTED
    recent: list[float] = field(default_factory=list)
    level: list[float] = field(default_factory=list)
    usual: list[float] = field(default_factory=list)
    previous: float = 0.0
    step: float = 0.0
    waiting: float | None = None
    offset: float = 0.0
    missing: float = USUAL_MISSING
    carried: int = 0
    first: int = 0
    last: int | None = None
    score: float = 0.0


def scores(days: Days, kg: Kilograms, *, plan: Plan, anchors: Days = NO_DAYS) -> Scores:
    """The score at each day, 0 to 100."""
    state, starts = State(), _starts(days, anchors)
    return np.array(
        [
            take(state, day=day, kg=weight, afresh=day in starts)
            for day, weight in zip(days.tolist(), kg.tolist(), strict=True)
        ],
        dtype=np.float64,
    )


def threshold(plan: Plan) -> float:
    return plan.vigie_threshold


def parameters(plan: Plan) -> dict[str, float]:
    return {"vigie_threshold": plan.vigie_threshold}


def would_not_fire_at_kg(days: Days, kg: Kilograms, *, plan: Plan, anchors: Days = NO_DAYS) -> float | None:
    """Searched downward from the newest weight if it fires, else upward: None if no weight within 8 kg would.

    Half-kilogram steps first, then bisection to the gram within the first step that turns it.
    """
    before = _before(days.tobytes(), kg[:-1].tobytes(), anchors.tobytes())
    newest, afresh = int(days[-1]), int(days[-1]) in _starts(days, anchors)

    def fires(weight: float) -> bool:
        return exceeds(take(_copy(before), day=newest, kg=weight, afresh=afresh), plan.vigie_threshold)

    way = -STEP_KG if (now := fires(float(kg[-1]))) else STEP_KG
    for number in range(1, round(SEARCHED_KG / STEP_KG) + 1):
        weight = float(kg[-1]) + way * number
        if fires(weight) != now:
            return _edge(fires, low=min(weight, weight - way))
    return None


@lru_cache(maxsize=4096)
def _before(days: bytes, kg: bytes, anchors: bytes) -> State:
    """The state before the newest of `days`; kept, since a budget is solved by asking again at other thresholds."""
    known = np.frombuffer(days, dtype=np.int64)
    state, starts = State(), _starts(known, np.frombuffer(anchors, dtype=np.int64))
    for day, weight in zip(known[:-1].tolist(), np.frombuffer(kg).tolist(), strict=True):
        take(state, day=day, kg=weight, afresh=day in starts)
    return state


def _copy(state: State) -> State:
    """What `take` changes in place is copied; it replaces all other lists."""
    return replace(
        state,
        average=state.average.copy(),
        gathered=state.gathered.copy(),
        trend=state.trend.copy(),
    )


def take(state: State, *, day: int, kg: float, afresh: bool = False) -> float:
    """Take one day's weight (kg) into `state`; the score at it. Days only ever grow."""
    if state.last is None:
        _begin(state, day, kg)
    _carry(state, day - state.last - 1 if state.last is not None else 0)
    state.last = day
    x = kg - state.offset
    if afresh:
        _begin_afresh(state, x)
    if not afresh and _is_doubted(state, x):
        state.waiting = x
        _carry(state, 1)
        return state.score
    if abs(x - state.recent[0]) > STRANGE_KG:
        _begin_afresh(state, x)
    state.waiting, state.carried = None, 0
    state.missing *= MISSING_KEPT
    noise, trends = _learn(state, x)
    state.score = _score(state, noise=noise, trends=trends) if day - state.first >= WAIT_DAYS else 0.0
    return state.score


def _begin(state: State, day: int, kg: float) -> None:
    state.offset, state.first, state.last = kg, day, day
    state.recent = [0.0, 0.0, 0.0]


def _begin_afresh(state: State, x: float) -> None:
    """Every average stands at the new weight; what is known of the person's noise stays."""
    state.average = [x * gathered for gathered in state.gathered]
    state.recent = [x, x, x]
    state.previous, state.step = x, 0.0


def _carry(state: State, days: int) -> None:
    """Days without a believed weight count as the last weight again: a gap never lowers a score by itself."""
    for _ in range(min(days, CARRIED_DAYS - state.carried)):
        state.carried += 1
        state.missing = 1 - (1 - state.missing) * MISSING_KEPT
        _learn(state, state.recent[0])


def _is_doubted(state: State, x: float) -> bool:
    far = abs(x - state.recent[0]) > JUMP_KG
    return far and (state.waiting is None or abs(x - state.waiting) >= AGREE_KG)


def _learn(state: State, x: float) -> tuple[float, list[float]]:
    """One more day at `x`. Give the day noise known before it, and the six trends with it, in kg."""
    noise = max(math.sqrt(state.noise / state.noise_count), FLOOR_KG)
    middle = state.average[MIDDLE] / state.gathered[MIDDLE] if state.gathered[MIDDLE] else x
    tame = middle + min(max(x - middle, -CLIP * noise), CLIP * noise)
    for index, kept in enumerate(KEPT):
        state.average[index] = state.average[index] * kept + tame * (1 - kept)
        state.gathered[index] = state.gathered[index] * kept + (1 - kept)
    state.recent = [x, *state.recent[:2]]
    moved, state.previous = tame - state.previous, tame
    state.step = max(state.step * STEP_KEPT, moved)
    level = [average / gathered for average, gathered in zip(state.average, state.gathered, strict=True)]
    state.level, trends = level, [level[pair.short] - level[pair.long] for pair in PAIRS]
    state.usual = [math.sqrt(trend / state.trend_count) for trend in state.trend]
    _remember(state, trends, moved=moved, noise=noise)
    return noise, trends


def _score(state: State, *, noise: float, trends: list[float]) -> float:
    level, usual, typical = state.level, state.usual, sorted(state.recent)[1]
    against = (state.recent[0], min(state.recent[:2]), typical, min(state.recent))
    z = [trend / size for trend, size in zip(trends, usual, strict=True)]
    z += [(value - level[BASE]) / noise for value in against]
    z.append((typical - level[-1]) / noise)
    features = [
        *z,
        *(min(max(value / 2, -1.0), 1.0) for value in z),
        *(min(max(value - 3, -1.0), 1.0) for value in z),
        *(math.log(noise), state.step / noise, math.log(state.missing / USUAL_MISSING)),
        *(trends[MACD], typical - level[BASE], level[3] - level[5], level[4] - level[6]),
        *(math.log(usual[MACD]), state.step),
    ]
    odds = sum(weight * value for weight, value in zip(WEIGHT_LIST, features, strict=True)) + BIAS
    return round(100 / (1 + math.exp(-min(max(odds, -30.0), 30.0))), 3)


def _remember(state: State, trends: list[float], *, moved: float, noise: float) -> None:
    """Learn the person's noise and usual trends, each bounded, so that an illness does not become the usual.

    A weight that has not moved at all, as on days carried, tells nothing of the noise.
    """
    if abs(moved) > UNMOVED_KG:
        state.noise = state.noise * NOISE_MEMORY + min(moved * moved / 2, 9 * noise * noise) + PULL * USUAL_KG**2
        state.noise_count = state.noise_count * NOISE_MEMORY + 1 + PULL
    for index, trend in enumerate(trends):
        bounded = min(trend * trend, TREND_CLIP * state.usual[index] ** 2)
        state.trend[index] = state.trend[index] * MEMORY + bounded
    state.trend_count = state.trend_count * MEMORY + 1


def _starts(days: Days, anchors: Days) -> set[int]:
    """The days with a weight on which the baseline starts afresh: the first on or after each anchor."""
    at = np.searchsorted(days, anchors)
    return {int(days[index]) for index in at.tolist() if index < len(days)}


def _edge(fires: Callable[[float], bool], *, low: float) -> float:
    """To the gram, the highest weight (kg) above `low` that does not fire, within one step."""
    high = low + STEP_KG
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if fires(middle) else (middle, high)
    return math.floor(low * 1000) / 1000
