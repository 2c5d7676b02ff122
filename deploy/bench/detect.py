"""How fast are the detectors on one core? Patients per second, beside a plain numpy MACD and a scipy Theil-Sen."""

import csv
import gc
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes
from structlog.testing import capture_logs

from alerts.detectors import vigie
from alerts.detectors.detector import Known
from alerts.detectors.macd import LONG_DAYS, SHORT_DAYS
from alerts.detectors.vigie_course import Grid
from alerts.study import backtest_command
from alerts.worker import Worker
from deploy.bench import peers, simulated_clinic, worlds
from deploy.simulated import history as simulated
from schemas import clock, database
from schemas.plan import Plan
from simulator import chronicle
from simulator.chronicle import Chronicle

Array = NDArray[np.float64]
DAYS, FEW, SAMPLE, THEIL_SEN_DAYS, STEPS = 90, 2000, 200, 14, 500
HISTORY_DAYS, ASSESSED = 120, 200
READINGS, EVENTS = ("patient_id", "measured_at", "weight_kg", "device_id"), ("patient_id", "at", "kind", "until")
LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)
ONE_MORE: LiteralString = "UPDATE latest_reading SET arrivals = arrivals + 1"


def run(*, patients: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Rescore `patients` of 90 days each at every day; the per-patient forms on 200 of them."""
    people = chronicle.chronicle(worlds.USUAL, patients=FEW, days=DAYS, seed=seed)
    few, seen, plan = people.kg, peers.grid(people), Plan()
    say("vectorised")
    again = max(1, patients // FEW)
    seconds = _seconds(lambda: _rescored(seen, again, plan=plan)) * patients / (again * FEW)
    many = few[np.arange(patients) % FEW]
    return {
        "bench": "detect",
        "patients": patients,
        "days": DAYS,
        "vigie_vectorised_seconds": round(seconds, 2),
        "vigie_vectorised_patients_per_second": round(patients / seconds),
        "plain_numpy_macd_patients_per_second": round(patients / _seconds(lambda: numpy_macd(many))),
        "per_patient": {detector.NAME: round(_per_patient(detector.scores, few)) for detector in peers.ALL},
        "scipy_theil_sen_newest_day_patients_per_second": round(_per_patient(_theil_sen, few)),
        "one_new_reading_us": _one_reading(people),
        "one_new_reading_with_database_ms": _one_reading_with_database(seed=seed),
        "backtest_of_1000_patient_years_seconds": _backtest(seed=seed),
    }


def _rescored(people: Grid, again: int, *, plan: Plan) -> Array:
    """All scores, so many times over, in one array: kept apart, they make the system take back what is freed."""
    size = len(people.kg)
    scores = np.empty((again * size, people.kg.shape[1]))
    for first in range(0, len(scores), size):
        for start in range(0, size, vigie.BLOCK):
            block = slice(start, min(start + vigie.BLOCK, size))
            scores[first + block.start : first + block.stop] = vigie.on_grid(people.rows(block), plan=plan)
    return scores


def numpy_macd(kg: Array) -> Array:
    """The plainest MACD over a grid: two moving averages, gaps skipped."""
    short = long = np.nan_to_num(kg[:, 0], nan=float(np.nanmean(kg)))
    out = np.empty(kg.shape)
    for day in range(kg.shape[1]):
        x = kg[:, day]
        short = np.where(np.isnan(x), short, short + (x - short) * (1 - np.exp(-1 / SHORT_DAYS)))
        long = np.where(np.isnan(x), long, long + (x - long) * (1 - np.exp(-1 / LONG_DAYS)))
        out[:, day] = short - long
    return out


def _per_patient(scores: Callable[..., object], kg: Array) -> float:
    """Patients per second, one at a time."""
    rows = [(np.flatnonzero(~np.isnan(row)), row[~np.isnan(row)]) for row in kg[:SAMPLE]]
    plan = Plan()
    return SAMPLE / _seconds(lambda: [scores(days, row, plan=plan) for days, row in rows])


def _theil_sen(days: NDArray[np.int64], kg: Array, *, plan: Plan) -> float:
    recent = days > days[-1] - THEIL_SEN_DAYS
    return float(theilslopes(kg[recent], days[recent])[0])


def _one_reading(people: Chronicle) -> float:
    """Microseconds for one more weight: its score from 90 days of weights, hours and gaps; nothing is kept."""
    kg = people.kg[0]
    weighed = np.flatnonzero(~np.isnan(kg))
    days, known = weighed + int(people.first_day[0]), Known(hours=people.hour[0, weighed])
    plan = Plan()
    return round(
        _seconds(lambda: [vigie.newest(days, kg[weighed], plan=plan, known=known) for _ in range(STEPS)]) / STEPS * 1e6,
        1,
    )


def _one_reading_with_database(*, seed: int) -> float:
    """Milliseconds (median) from the claim of a patient with one more weight to what was found, written down."""
    taken = []
    with (
        capture_logs(),  # each round says that it assessed
        simulated_clinic.stored(patients=1, days=HISTORY_DAYS, seed=seed) as (url, _),
        database.open_pool(url, service="alerts") as pool,
        database.connect(url) as conn,
    ):
        worker = Worker(url=url, pool=pool, clock=clock.Clock(), stop=threading.Event(), screens_url="")
        worker.assess_due()
        for _ in range(ASSESSED):
            conn.execute(ONE_MORE)
            conn.commit()
            taken.append(_timed(lambda: worker.assess_some(conn)))
            conn.commit()
    return round(statistics.median(taken) * 1e3, 2)


def _backtest(*, seed: int) -> float:
    """Seconds that `vigie backtest` takes with the files of 1,000 patient-years, a budget solved on them."""
    people = chronicle.chronicle(worlds.USUAL, patients=1000, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        readings, events = Path(folder) / "readings.csv", Path(folder) / "events.csv"
        _write(readings, READINGS, simulated.readings(people))
        _write(events, EVENTS, simulated.events(people))
        return round(_timed(lambda: _run_backtest(readings, events)), 2)


def _run_backtest(readings: Path, events: Path) -> None:
    gc.disable()  # as the command does
    backtest_command.backtest(
        readings, events_path=events, now=LONG_AFTER, budget=1.0, as_json=True, echo=lambda _: None
    )
    gc.enable()


def _write(path: Path, columns: Sequence[str], rows: Iterable[object]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            values = [getattr(row, name) for name in columns]
            writer.writerow([one.isoformat() if isinstance(one, datetime) else one for one in values])


def _seconds(work: Callable[[], object]) -> float:
    """The best of three: others use this machine too."""
    return min(_timed(work) for _ in range(3))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
