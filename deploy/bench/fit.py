"""Which weights does `vigie` use? A small network, fitted to days of many drawn worlds.

Run once by hand; its output stands in alerts/detectors/vigie_weights.py. No named world and no real weight is among
them, so that all of those can be measured on. What missed days add is held at or above 0 along every path: falling
adherence raises the risk, never lowers it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from alerts.detectors import vigie, vigie_course, vigie_features
from deploy.bench import peers, worlds
from simulator import chronicle, physiology
from simulator.chronicle import Chronicle

Array = NDArray[np.float32]
HIDDEN, ROUNDS, BATCH = 24, 16, 4096
PEAK, RISING, DECAY = 6e-3, 0.3, 1e-3
"""The largest step; the share of all steps in which it grows; what each step takes off every weight, per unit of it."""
FROM_SHARE = 0.45
"""A day counts as before a decompensation from this share of a ramp on, and in the last LATE_DAYS of one without gain;
the rest of the 30 days before is nobody's example."""
LATE_DAYS, BEFORE_DAYS = 8, 30
QUIET_SHARE = 0.4
"""Of the days far from any event."""
LATEST_DAY = 300
SEED = 11
MISSED = [vigie_features.NAMES.index(name) for name in vigie_features.MISSED_NAMES]


def fit(*, count: int, patients: int, seed: int = SEED) -> dict[str, Any]:
    """The weights fitted to `patients` patient-years of each of `count` drawn worlds, in `vigie_weights`' own shape."""
    examples = [_examples(number, patients=patients, seed=seed) for number in range(count)]
    features = np.concatenate([one[0] for one in examples])
    before = np.concatenate([one[1] for one in examples])
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    features -= centre
    features /= spread
    net = _Net.drawn(features.shape[1], np.random.default_rng(seed))
    net.learn(features, before, np.random.default_rng(seed))
    weights = np.column_stack([net.into, net.straight]).T / spread
    return {
        "worlds": count,
        "patients": patients,
        "seed": seed,
        "weights": [[round(float(one), 4) for one in row] for row in weights],
        "bias": [
            round(float(one), 4) for one in np.append(net.bias, net.straight_bias) - weights @ centre.astype(np.float64)
        ],
        "out": [round(float(one), 4) for one in net.out],
    }


@dataclass(kw_only=True)
class _Net:
    """Units that are 0 below a bend and straight above it, weighed by `out`; and a straight part beside them."""

    into: Array
    bias: Array
    out: Array
    straight: Array
    straight_bias: Array

    @classmethod
    def drawn(cls, size: int, rng: np.random.Generator) -> "_Net":
        def uniform(*shape: int, of: int) -> Array:
            return np.asarray(rng.uniform(-1, 1, shape) / np.sqrt(of), dtype=np.float32)

        return cls(
            into=uniform(size, HIDDEN, of=size),
            bias=uniform(HIDDEN, of=size),
            out=uniform(HIDDEN, of=HIDDEN),
            straight=np.zeros(size, dtype=np.float32),
            straight_bias=np.zeros(1, dtype=np.float32),
        )

    def learn(self, features: Array, before: Array, rng: np.random.Generator) -> None:
        """Adam (Kingma 2015) with weight decay; the step grows, then falls along a cosine."""
        steps, step = ROUNDS * -(-len(before) // BATCH), 0
        own = [self.into, self.bias, self.out, self.straight, self.straight_bias]
        means, squares = ([np.zeros_like(one) for one in own] for _ in range(2))
        for _ in range(ROUNDS):
            order = rng.permutation(len(before))
            for start in range(0, len(order), BATCH):
                some, step = order[start : start + BATCH], step + 1
                done = step / steps
                size = PEAK * (done / RISING if done < RISING else _cosine((done - RISING) / (1 - RISING)))
                for number, slope in enumerate(self._slopes(features[some], before[some])):
                    means[number] += 0.1 * (slope - means[number])
                    squares[number] += 0.001 * (slope * slope - squares[number])
                    way = means[number] / (1 - 0.9**step) / (np.sqrt(squares[number] / (1 - 0.999**step)) + 1e-8)
                    own[number] -= size * (way + DECAY * own[number])
                self._never_lower_by_missing()

    def _slopes(self, features: Array, before: Array) -> list[Array]:
        """Of the mean logistic loss, in the order of `own`."""
        inside = features @ self.into + self.bias
        bent = np.maximum(inside, 0)
        odds = bent @ self.out + features @ self.straight + self.straight_bias
        miss = (expit(odds) - before) / len(before)
        back = np.outer(miss, self.out) * (inside > 0)
        return [features.T @ back, back.sum(axis=0), bent.T @ miss, features.T @ miss, miss.sum(keepdims=True)]

    def _never_lower_by_missing(self) -> None:
        self.into[MISSED] = np.where(self.into[MISSED] * self.out < 0, 0, self.into[MISSED])
        self.straight[MISSED] = np.maximum(self.straight[MISSED], 0)


def _cosine(done: float) -> float:
    return float(0.5 * (1 + np.cos(np.pi * done)))


def _examples(number: int, *, patients: int, seed: int) -> tuple[Array, Array]:
    """Features and truth of the days that are clearly before a decompensation, or clearly not."""
    rng = np.random.default_rng([seed, number])
    whole = chronicle.chronicle(worlds.drawn(number, seed=seed), patients=patients, seed=seed + number)
    people = replace(whole, kg=_cropped(whole.kg, rng))
    grid = peers.grid(people)
    course = vigie_course.course(grid)
    features, believed = vigie_features.features(vigie_features.seen(grid, course)), course.believed
    columns = np.arange(people.kg.shape[1])
    worth = believed & (columns - np.argmax(believed, axis=1)[:, np.newaxis] >= vigie.WAIT_DAYS)
    quiet = (rng.random(people.kg.shape) < QUIET_SHARE) & (columns >= chronicle.WARM_UP_DAYS)
    before, used = _truth(people, worth, worth & quiet)
    return features[:, used].T.astype(np.float32), before[used].astype(np.float32)


def _cropped(kg: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Half of the patients known from a later day on: else a short history would seem to be a safe one.

    The chronicle's people are spared for their first WARM_UP_DAYS, and for CALM_DAYS after an event. No real ones are.
    """
    start = rng.integers(0, LATEST_DAY, len(kg)) * rng.integers(0, 2, len(kg))
    return np.where(np.arange(kg.shape[1]) < start[:, np.newaxis], np.nan, kg)


def _truth(people: Chronicle, worth: NDArray[np.bool_], used: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    before = np.zeros(people.kg.shape, dtype=np.float32)
    for patient, events in enumerate(people.events):
        for event in events:
            calm_until = event.treated + event.absent_days + physiology.CALM_DAYS
            used[patient, max(0, event.treated - BEFORE_DAYS) : calm_until] = False
    for patient, events in enumerate(people.events):
        for event in events:
            late = max(0, event.treated - LATE_DAYS)
            ramp = event.onset + int(FROM_SHARE * (event.treated - event.onset))
            days = slice(late if event.kind == "no_gain" else min(late, ramp), event.treated + 1)
            before[patient, days] = 1
            used[patient, days] = worth[patient, days]
    return before, used
