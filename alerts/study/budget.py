"""Which threshold keeps the clinic's budget of false alerts, and what is its price? Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any, Literal

from alerts.study import intervals
from alerts.study.backtest import Study
from alerts.study.intervals import Interval
from alerts.study.trial import BudgetError, Tally

ENOUGH_FALSE_ALERTS = 50
"""So many false alerts in the budget's own terms fix the rate within ±28 % (95 %, Poisson): 50 patient-years at 1.0."""
ENOUGH_EVENTS = 20
"""So many coded decompensations fix a sensitivity within ±22 points (Wilson)."""

Source = Literal["own history", "simulated patients"]


@dataclass(frozen=True, kw_only=True)
class Missed:
    """A past decompensation without an alert in the 30 days before it."""

    patient_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a budget buys, and costs."""

    budget: float
    detector: str
    threshold: float
    solved_on: Source
    patient_years: float
    false_alerts_per_patient_year: float
    false_alerts_95: Interval | None
    sensitivity_on: Source
    events: int
    found: int
    sensitivity_95: Interval | None
    median_lead_days: float | None
    lead_days_95: Interval | None
    own_events: int
    own_events_missed: list[Missed]
    patients: int
    nurses: int
    calls_per_nurse_day: float

    @property
    def sensitivity(self) -> float | None:
        return self.found / self.events if self.events else None

    def as_json(self) -> dict[str, Any]:
        """The figures under stable names; null where unknown."""
        figures = asdict(self) | {"sensitivity": self.sensitivity}
        figures["own_events_missed"] = [
            {"patient_id": one.patient_id, "at": one.at.isoformat()} for one in self.own_events_missed
        ]
        return figures


def is_enough(own: Study, *, budget: float) -> bool:
    """Whether a clinic's own history can fix the threshold for this budget."""
    return own.patient_years * budget >= ENOUGH_FALSE_ALERTS


def price(own: Study, simulated: Study, *, detector: str, budget: float, patients: int, nurses: int) -> Price:
    """Solve the threshold on the clinic's own history if that is enough, else on simulated patients, and price it.

    Alerts that a coded decompensation followed within 30 days are true, all others false. `patients` are watched now,
    by `nurses`: the calls are all alerts of decompensation, true and false.

    Raises:
        KeyError: no such detector.
        BudgetError: only a threshold that never alerts keeps the budget.
    """
    enough = is_enough(own, budget=budget)
    base = own if enough else simulated
    threshold = base.solve(detector, budget=budget)
    _, tallies = base.tallies(detector, threshold=threshold)
    if not any(one.raised for one in tallies):
        raise BudgetError(f"{detector} keeps {budget:g} false alerts per patient-year only by never alerting")
    _, of_own = own.tallies(detector, threshold=threshold)
    own_events = sum(one.events for one in of_own)
    judged = of_own if own_events >= ENOUGH_EVENTS else simulated.tallies(detector, threshold=threshold)[1]
    leads = [days for one in judged for days in one.lead_days]
    events, span = sum(one.events for one in judged), sum(one.years for one in tallies)
    return Price(
        budget=budget,
        detector=detector,
        threshold=threshold,
        solved_on="own history" if enough else "simulated patients",
        patient_years=span,
        false_alerts_per_patient_year=sum(one.false_alerts for one in tallies) / span,
        false_alerts_95=intervals.of_ratio([one.false_alerts for one in tallies], [one.years for one in tallies]),
        sensitivity_on="own history" if judged is of_own else "simulated patients",
        events=events,
        found=len(leads),
        sensitivity_95=intervals.wilson(len(leads), events),
        median_lead_days=median(leads) if leads else None,
        lead_days_95=intervals.of_median(leads),
        own_events=own_events,
        own_events_missed=_missed(of_own),
        patients=patients,
        nurses=nurses,
        calls_per_nurse_day=sum(len(one.raised) for one in tallies) / span / 365.25 * patients / nurses,
    )


def _missed(tallies: Sequence[Tally]) -> list[Missed]:
    return [Missed(patient_id=one.patient_id, at=at) for one in tallies for at in one.missed]
