"""On which bodies are detectors fitted, measured and checked? Drawn worlds, named ones, and one that is partly real.

`vigie` is fitted on drawn worlds alone; every figure is measured on the named ones and the partly real one.
"""

import csv
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np

from simulator.chronicle import World
from simulator.physiology import FloatArray

LOGS = Path("../shared/weights")
USUAL = World()
OTHERS = (
    World(
        name="restless",
        day_noise_kg=0.46,
        walk_kg=0.22,
        noise_spread=0.255,
        clothes=4.0,
        evenings=4.0,
        carelessness=0.5,
    ),
    World(
        name="jumpy",
        day_noise_kg=0.40,
        walk_kg=0.10,
        noise_spread=0.4,
        tail_freedom=3.5,
        home_days=25.0,
        bend=1.0,
        shares=(0.45, 0.20, 0.28, 0.07),
        slow_kg=(1.5, 4.0),
        slow_days=(14, 35),
        misses=0.28,
    ),
    World(
        name="gentle",
        day_noise_kg=0.33,
        walk_kg=0.09,
        noise_spread=0.3,
        carelessness=0.8,
        scale_moved=0.3,
        scale_replaced=0.3,
        clothes=3.0,
        slow_kg=(1.5, 3.5),
        slow_days=(14, 30),
        shares=(0.50, 0.30, 0.15, 0.05),
        bend=1.3,
    ),
    World(
        name="fading",
        day_noise_kg=0.33,
        walk_kg=0.09,
        noise_spread=0.35,
        carelessness=0.8,
        scale_moved=0.3,
        scale_replaced=0.3,
        clothes=3.0,
        evenings=5.0,
        wrong_person=1.0,
        slow_kg=(1.5, 3.5),
        slow_days=(14, 30),
        shares=(0.50, 0.30, 0.15, 0.05),
        bend=1.3,
        misses=0.2,
        fading=3.0,
        stops_before=3.0,
        lapses=0.2,
        told=0.5,
    ),
)
"""Noise as healthy people's (noise.md); heavy tails, a short memory and straight ramps; quiet people, bad scales; the
same, weighing themselves much less before an event, and little told of."""


def drawn(number: int, *, seed: int) -> World:
    """A world of which every property is drawn at random between bounds that are believable (clinical.md §3, noise.md).

    How much people weigh themselves less before an event is not published in days: from not at all to 4.5 times.
    """
    rng = np.random.default_rng([seed, number])
    no_gain = rng.uniform(0.42, 0.6)
    slow, fast, large = (rng.dirichlet([5, 3.5, 1.2]) * (1 - no_gain)).tolist()
    return World(
        name=f"drawn {number}",
        day_noise_kg=rng.uniform(0.28, 0.5),
        walk_kg=rng.uniform(0.05, 0.22),
        noise_spread=rng.uniform(0.2, 1.0),
        tail_freedom=float(np.exp(rng.uniform(np.log(3.2), np.log(15)))),
        home_days=rng.uniform(15, 90),
        events=rng.uniform(0.4, 1.2),
        shares=(no_gain, slow, fast, large),
        slow_kg=(rng.uniform(1.0, 1.6), rng.uniform(2.6, 4.0)),
        slow_days=(int(rng.integers(8, 16)), int(rng.integers(22, 36))),
        fast_kg=(rng.uniform(1.5, 2.2), rng.uniform(4.0, 5.5)),
        fast_days=(int(rng.integers(2, 5)), int(rng.integers(6, 11))),
        bend=rng.uniform(0.9, 2.2),
        misses=rng.uniform(0.08, 0.3),
        stops=rng.uniform(0.5, 4.0),
        fading=rng.uniform(1.0, 4.5),
        fading_days=int(rng.integers(7, 22)),
        stops_before=rng.uniform(1.0, 6.0),
        lapses=rng.uniform(0.0, 1.0),
        frailty=rng.uniform(0.0, 0.8),
        told=float(rng.choice([0.0, 0.5, 1.0])),
        carelessness=rng.uniform(0.3, 1.3),
        wrong_person=rng.uniform(0.1, 2.0),
        clothes=rng.uniform(0.5, 5.0),
        evenings=rng.uniform(0.5, 8.0),
        scale_moved=rng.uniform(0.02, 0.4),
        scale_replaced=rng.uniform(0.02, 0.3),
        unit_flips=rng.uniform(0.0, 0.1),
        admitted_share=rng.uniform(0.3, 0.8),
    )


def partly_real(folder: Path = LOGS) -> World | None:
    """Real people's days under simulated decompensations; None without the logs. Never used for fitting."""
    series = tuple(log for path in sorted(folder.glob("*.csv")) if (log := _daily(path)) is not None)
    if not series:
        return None
    shares = (0.50, 0.25, 0.20, 0.05)
    return World(name="partly real", baselines=series, bend=1.3, shares=shares, clothes=1.0, evenings=1.0)


def _daily(path: Path) -> FloatArray | None:
    """One weight a day, NaN for none; None if fewer than half of the days have one."""
    weights: dict[int, list[float]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            weights.setdefault(datetime.fromisoformat(row["t"]).toordinal(), []).append(float(row["kg"]))
    first = min(weights)
    series = np.full(max(weights) - first + 1, np.nan)
    for day, kg in weights.items():
        series[day - first] = median(kg)
    return series if np.isfinite(series).mean() > 0.5 else None
