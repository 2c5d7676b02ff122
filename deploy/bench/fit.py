"""Which weights does `vigie` use? A penalised logistic regression over days of several simulated worlds.

Run once by hand; its output stands in alerts/detectors/vigie_weights.py. The partly real world is left out, so that it
can be measured on. The weight of `missing` is held at or above 0: falling adherence raises the risk, never lowers it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from alerts.detectors import vigie, vigie_many
from deploy.bench import worlds
from simulator import chronicle
from simulator.chronicle import Chronicle, World

Array = NDArray[np.float64]
PENALTY = 1.0
FROM_SHARE = 0.45
"""A day counts as within a gain from this share of its ramp on; the rest of the 30 days before is nobody's example."""
SEED = 11


def fit(
    *, patients: int, seed: int = SEED, learned: Sequence[World] = (worlds.USUAL, *worlds.OTHERS)
) -> dict[str, Any]:
    """The weights and bias fitted to `patients` patient-years of each world."""
    examples = [_examples(chronicle.chronicle(world, patients=patients, seed=seed)) for world in learned]
    features = np.concatenate([one[0] for one in examples])
    within = np.concatenate([one[1] for one in examples])
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    weights = _regress((features - centre) / spread, within)
    per_unit = weights[:-1] / spread
    return {
        "patients": patients,
        "seed": seed,
        "worlds": [world.name for world in learned],
        "bias": round(float(weights[-1] - per_unit @ centre), 4),
        "weights": {name: round(float(w), 4) for name, w in zip(vigie.NAMES, per_unit, strict=True)},
    }


def _regress(features: Array, within: Array) -> Array:
    def loss(weights: Array) -> tuple[float, Array]:
        odds = features @ weights[:-1] + weights[-1]
        miss = expit(odds) - within
        slope = np.append(features.T @ miss + PENALTY * weights[:-1], miss.sum())
        return float((np.logaddexp(0, odds) - within * odds).sum() + PENALTY / 2 * (weights[:-1] ** 2).sum()), slope

    bounds = [(0.0 if name == "missing" else None, None) for name in vigie.NAMES] + [(None, None)]
    start = np.zeros(len(bounds))
    return np.asarray(minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 400}).x)


def _examples(people: Chronicle) -> tuple[Array, Array]:
    """Features and truth of the days that are clearly within a gain or clearly outside any event."""
    features = vigie_many.features(people.kg, anchors=people.anchors)
    within, used = np.zeros(people.kg.shape), ~np.isnan(features[:, :, 0])
    for patient, events in enumerate(people.events):
        for event in events:
            used[patient, max(0, event.treated - 30) : event.treated + 12] = False
    for patient, events in enumerate(people.events):
        for event in events:
            if event.kind != "no_gain":
                since = event.onset + int(FROM_SHARE * (event.treated - event.onset))
                days = slice(since, event.treated + 1)
                within[patient, days] = 1
                used[patient, days] = ~np.isnan(features[patient, days, 0])
    return features[used], within[used]
