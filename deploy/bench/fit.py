"""Which weights does `vigie` use? A penalised logistic regression over days of many drawn worlds.

Run once by hand; its output stands in alerts/detectors/vigie_weights.py. No named world and no real weight is among
them, so that all of those can be measured on. The weights of missed days are held at or above 0: falling adherence
raises the risk, never lowers it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from alerts.detectors import vigie, vigie_features
from deploy.bench import peers, worlds
from simulator import chronicle
from simulator.chronicle import Chronicle

Array = NDArray[np.float64]
PENALTY = 1.0
FROM_SHARE = 0.45
"""A day counts as before a decompensation from this share of a ramp on, and in the last LATE_DAYS of one without gain;
the rest of the 30 days before is nobody's example."""
LATE_DAYS, BEFORE_DAYS = 8, 30
QUIET_SHARE = 0.4
"""Of the days far from any event."""
SEED = 11


def fit(*, count: int, patients: int, seed: int = SEED) -> dict[str, Any]:
    """The weights and bias fitted to `patients` patient-years of each of `count` drawn worlds."""
    drawn = [worlds.drawn(number, seed=seed) for number in range(count)]
    people = [chronicle.chronicle(world, patients=patients, seed=seed + number) for number, world in enumerate(drawn)]
    examples = [_examples(one, np.random.default_rng([seed, number])) for number, one in enumerate(people)]
    features = np.concatenate([one[0] for one in examples])
    before = np.concatenate([one[1] for one in examples])
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    weights = _regress((features - centre) / spread, before)
    per_unit = weights[:-1] / spread
    return {
        "worlds": count,
        "patients": patients,
        "seed": seed,
        "bias": round(float(weights[-1] - per_unit @ centre), 4),
        "weights": {name: round(float(w), 4) for name, w in zip(vigie_features.NAMES, per_unit, strict=True)},
    }


def _regress(features: Array, before: Array) -> Array:
    def loss(weights: Array) -> tuple[float, Array]:
        odds = features @ weights[:-1] + weights[-1]
        miss = expit(odds) - before
        slope = np.append(features.T @ miss + PENALTY * weights[:-1], miss.sum())
        return float((np.logaddexp(0, odds) - before * odds).sum() + PENALTY / 2 * (weights[:-1] ** 2).sum()), slope

    never_below = [0.0 if name in vigie_features.MISSED_NAMES else None for name in vigie_features.NAMES]
    bounds = [(low, None) for low in (*never_below, None)]
    start = np.zeros(len(bounds))
    return np.asarray(minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 400}).x)


def _examples(people: Chronicle, rng: np.random.Generator) -> tuple[Array, Array]:
    """Features and truth of the days that are clearly before a decompensation, or clearly not."""
    features, believed = vigie_features.features(peers.grid(people))
    columns = np.arange(people.kg.shape[1])
    worth = believed & (columns - np.argmax(believed, axis=1)[:, np.newaxis] >= vigie.WAIT_DAYS)
    before, used = np.zeros(people.kg.shape), worth & (rng.random(people.kg.shape) < QUIET_SHARE)
    for patient, events in enumerate(people.events):
        for event in events:
            used[patient, max(0, event.treated - BEFORE_DAYS) : event.treated + 3] = False
    for patient, events in enumerate(people.events):
        for event in events:
            late = max(0, event.treated - LATE_DAYS)
            ramp = event.onset + int(FROM_SHARE * (event.treated - event.onset))
            days = slice(late if event.kind == "no_gain" else min(late, ramp), event.treated + 1)
            before[patient, days] = 1
            used[patient, days] = worth[patient, days]
    return features[:, used].T, before[used]
