"""On which bodies are detectors fitted, measured and checked? Several simulated worlds, and one that is partly real."""

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
)
"""Noise as healthy people's (noise.md); heavy tails, a short memory and straight ramps; quiet people, bad scales."""


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
