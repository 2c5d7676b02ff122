"""How are all detectors run over a chronicle? First the readings are sifted, as the service does."""

import numpy as np
from numpy.typing import NDArray

from alerts.detectors import (
    control_chart,
    cusum,
    engage_hf,
    fast,
    guideline,
    heartphone,
    macd,
    scale_hf,
    vigie,
)
from alerts.detectors.detector import Detector
from alerts.detectors.vigie_course import Grid
from schemas.plan import Plan
from simulator.chronicle import Chronicle

Array = NDArray[np.float64]
PEERS: tuple[Detector, ...] = (guideline, fast, scale_hf, engage_hf, macd, cusum, heartphone, control_chart)
ALL: tuple[Detector, ...] = (vigie, *PEERS)
JUMP_KG, AGREE_KG = 5.0, 2.0


def scores(detector: Detector, people: Chronicle, *, plan: Plan | None = None) -> Array:
    """The detector's score at each weighing, NaN elsewhere. `vigie` sees every weight, the peers only sifted ones."""
    plan = plan or Plan()
    if detector is vigie:
        patients = grid(people)
        blocks = (patients.rows(slice(row, row + vigie.BLOCK)) for row in range(0, len(people.kg), vigie.BLOCK))
        risk = np.concatenate([vigie.on_grid(block, plan=plan) for block in blocks])
        return np.where(np.isnan(people.kg), np.nan, risk)
    sifted = sift(people.kg)
    out = np.full(sifted.shape, np.nan)
    for patient, kg in enumerate(sifted):
        days = np.flatnonzero(~np.isnan(kg))
        out[patient, days] = detector.scores(days, kg[days], plan=plan)
    return out


def grid(people: Chronicle) -> Grid:
    """All that the service knows: weights and hours, returns and new scales it is told of, decompensations treated."""
    known = [
        sorted([*anchors, *(event.treated + 1 for event in events)])
        for anchors, events in zip(people.anchors, people.events, strict=True)
    ]
    begins = np.zeros(people.kg.shape, dtype=np.bool_)
    for patient, (kg, days) in enumerate(zip(people.kg, known, strict=True)):
        weighed = np.flatnonzero(~np.isnan(kg))
        at = np.searchsorted(weighed, days)
        begins[patient, weighed[at[at < len(weighed)]]] = True
    return Grid(
        kg=people.kg,
        hours=np.where(np.isnan(people.kg), np.nan, people.hour),
        days=people.first_day[:, np.newaxis] + np.arange(people.kg.shape[1]),
        begins=begins,
        excused=np.zeros(people.kg.shape, dtype=np.bool_),
        confirmed=np.zeros(people.kg.shape, dtype=np.bool_),
    )


def sift(kg: Array) -> Array:
    """Leave out a weight more than 5 kg from the last one until a second agrees: the quarantine, in one line."""
    kept = kg.copy()
    last, waiting = np.full(len(kg), np.nan), np.full(len(kg), np.nan)
    for day in range(kg.shape[1]):
        x = kg[:, day]
        doubted = (np.abs(x - last) > JUMP_KG) & ~(np.abs(x - waiting) < AGREE_KG)
        kept[doubted, day] = np.nan
        waiting = np.where(doubted, x, np.where(np.isnan(x), waiting, np.nan))
        last = np.where(np.isnan(x) | doubted, last, x)
    return kept
