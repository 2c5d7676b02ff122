"""What does a threshold find in a chronicle, and at what price? Alerts matched with events as in `alerts.study`.

On a grid of days, so that a thousand patient-years take seconds. An alert is raised when the score comes to exceed the
threshold, and again after each 7 days (`policy.MERGE_FALSE`) for as long as it does; it is true if a decompensation is
treated within the 30 days after it (`backtest.MATCH`). Every other one is false, also after an event.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from alerts.detectors.detector import TOLERANCE_KG
from alerts.policy import MERGE_FALSE
from alerts.study.backtest import MATCH
from simulator.chronicle import Chronicle

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
RESAMPLES = 200


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came of one decompensation; lead in days, NaN if it was missed."""

    kind: str
    found: bool
    lead_days: float


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One score on one chronicle at one threshold."""

    threshold: float
    years: float
    events: list[Found]
    false_by_patient: NDArray[np.int64]
    true_alerts: int

    @property
    def false_per_year(self) -> float:
        return float(self.false_by_patient.sum() / self.years)

    def summary(self) -> dict[str, Any]:
        """The figures with 95 % intervals: Wilson for shares of events, bootstrap over patients for false alerts."""
        gains = [event for event in self.events if event.kind != "no_gain"]
        leads = [event.lead_days for event in self.events if event.found]
        alerts = self.true_alerts + int(self.false_by_patient.sum())
        return {
            "threshold": round(self.threshold, 4),
            "false_per_patient_year": round(self.false_per_year, 3),
            "false_per_patient_year_95": self._false_interval(),
            "sensitivity": share(sum(event.found for event in self.events), len(self.events)),
            "sensitivity_with_gain": share(sum(event.found for event in gains), len(gains)),
            "ppv": share(self.true_alerts, alerts),
            "median_lead_days": float(np.median(leads)) if leads else None,
            "median_lead_days_95": _lead_interval(leads),
        }

    def _false_interval(self) -> list[float]:
        rng = np.random.default_rng(0)
        patients = len(self.false_by_patient)
        drawn = self.false_by_patient[rng.integers(0, patients, (RESAMPLES, patients))].sum(axis=1) / self.years
        return [round(float(bound), 3) for bound in np.percentile(drawn, [2.5, 97.5])]


def alerts(scores: Array, threshold: float) -> BoolArray:
    """On which days each patient would be raised; `scores` are NaN on days without a weight."""
    raised = np.zeros(scores.shape, dtype=np.bool_)
    last, above = np.full(len(scores), -np.inf), np.zeros(len(scores), dtype=np.bool_)
    for day in range(scores.shape[1]):
        seen = ~np.isnan(scores[:, day])
        now = seen & (scores[:, day] > threshold + TOLERANCE_KG)
        raised[:, day] = now & (~above | (day - last >= MERGE_FALSE.days))
        last[raised[:, day]] = day
        above = np.where(seen, now, above)
    return raised


def try_threshold(people: Chronicle, scores: Array, threshold: float) -> Trial:
    """Match the alerts at this threshold with the events."""
    raised = alerts(scores, threshold)
    true, found = np.zeros(raised.shape, dtype=np.bool_), []
    for patient, events in enumerate(people.events):
        for event in events:
            window = slice(max(0, event.treated - MATCH.days), event.treated + 1)
            true[patient, window] = True
            days = np.flatnonzero(raised[patient, window])
            lead = event.treated - window.start - days[0] if len(days) else np.nan
            found.append(Found(kind=event.kind, found=len(days) > 0, lead_days=float(lead)))
    return Trial(
        threshold=threshold,
        years=people.patient_years,
        events=found,
        false_by_patient=(raised & ~true).sum(axis=1),
        true_alerts=int((raised & true).sum()),
    )


def at_budget(people: Chronicle, scores: Array, budget: float) -> Trial:
    """The lowest threshold, by bisection, with at most `budget` false alerts per patient-year on this chronicle."""
    low, high = 0.0, float(np.nanmax(scores))
    best = try_threshold(people, scores, high)
    while high - low > max(1e-4, 1e-3 * high):
        middle = (low + high) / 2
        tried = try_threshold(people, scores, middle)
        if tried.false_per_year <= budget:
            high, best = middle, tried
        else:
            low = middle
    return best


def share(part: int, whole: int) -> dict[str, Any]:
    """With its 95 % Wilson interval."""
    if not whole:
        return {"share": None, "of": 0, "interval_95": None}
    bounds = binomtest(part, whole).proportion_ci(method="wilson")
    return {
        "share": round(part / whole, 4),
        "of": whole,
        "interval_95": [round(float(bounds.low), 4), round(float(bounds.high), 4)],
    }


def _lead_interval(leads: list[float]) -> list[float] | None:
    if not leads:
        return None
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(leads, (RESAMPLES, len(leads))), axis=1)
    return [float(bound) for bound in np.percentile(drawn, [2.5, 97.5])]
