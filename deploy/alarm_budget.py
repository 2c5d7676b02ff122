"""What does `vigie budget` do? Prices it on the clinic's history, or on simulated patients until there is enough."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from rich.console import Console
from rich.table import Table

from alerts import choice_store
from alerts.judgement.choice import Duty
from alerts.judgement.history import Event
from alerts.study import budget, outcome_store
from alerts.study.backtest import Study
from alerts.study.budget import ENOUGH_EVENTS, ENOUGH_FALSE_ALERTS, Price
from alerts.study.intervals import Interval
from schemas.database import Connection
from simulator import cohort
from simulator.cohort import SimulatedPatient

SIMULATED_PATIENTS, SIMULATED_DAYS, SIMULATED_SEED = 400, 365, 1
SHOWN_MISSED = 20


def price(conn: Connection, *, detector: str, target: float, nurses: int, now: datetime) -> Price:
    """What `target` false alerts per patient-year buy and cost.

    Raises:
        alerts.study.trial.BudgetError: only a threshold that never alerts keeps it.
    """
    own = Study(outcome_store.readings(conn, now=now), events=list(outcome_store.decompensations(conn)))
    return budget.price(
        own, simulated(now), detector=detector, budget=target, patients=outcome_store.watched(conn), nurses=nurses
    )


def simulated(now: datetime) -> Study:
    """400 patient-years of the simulator, the same each time for the same day."""
    until = datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
    patients = cohort.cohort(patients=SIMULATED_PATIENTS, days=SIMULATED_DAYS, until=until, seed=SIMULATED_SEED)
    readings = [reading for patient in patients for reading in patient.history]
    return Study(readings, events=[event for patient in patients for event in _events(patient, until=until)])


def _events(patient: SimulatedPatient, *, until: datetime) -> Iterator[Event]:
    for event in patient.events:
        at = datetime.combine(event.treated, time(12), tzinfo=UTC)
        if at < until and patient.history and at > patient.history[0].measured_at + timedelta(days=1):
            yield Event(patient_id=patient.new_patient.patient_id, at=at, kind="decompensation")


def keep(conn: Connection, priced: Price, *, now: datetime) -> None:
    """From now on the worker alerts by this detector and threshold."""
    duty = Duty(detector=priced.detector, threshold=priced.threshold)
    choice_store.choose(conn, duty, price=priced.as_json(), now=now)


def show(priced: Price) -> None:
    """The price as a table."""
    table = Table(title=f"At most {priced.budget:g} false alerts per patient-year", show_header=False)
    table.add_row("detector", f"{priced.detector}, threshold {priced.threshold:.3f}")
    table.add_row("solved on", f"{priced.solved_on}, {priced.patient_years:.1f} patient-years")
    rate = f"{priced.false_alerts_per_patient_year:.2f} per patient-year"
    table.add_row("false alerts", rate + _between(priced.false_alerts_95, "{:.2f}"))
    share = "unknown" if priced.sensitivity is None else f"{priced.found} of {priced.events} = {priced.sensitivity:.0%}"
    found = share + _between(priced.sensitivity_95, "{:.0%}")
    table.add_row("decompensations found", f"{found}, on {priced.sensitivity_on}")
    lead = "unknown" if priced.median_lead_days is None else f"{priced.median_lead_days:.1f} days (median)"
    table.add_row("lead", lead + _between(priced.lead_days_95, "{:.1f}"))
    table.add_row(
        "calls",
        f"{priced.calls_per_nurse_day:.2f} per nurse and day ({priced.patients} patients, {priced.nurses} nurses)",
    )
    table.add_row("own events missed", _missed(priced))
    for note in _notes(priced):
        table.add_row("note", note)
    Console().print(table)


def _missed(priced: Price) -> str:
    if not priced.own_events:
        return "no outcome has been coded as confirmed yet"
    named = [f"{one.patient_id} {one.at.date().isoformat()}" for one in priced.own_events_missed[:SHOWN_MISSED]]
    more = len(priced.own_events_missed) - len(named)
    listed = ", ".join([*named, *([f"and {more} more (--json)"] if more else [])])
    return f"{len(priced.own_events_missed)} of {priced.own_events}{f': {listed}' if listed else ''}"


def _notes(priced: Price) -> Iterator[str]:
    if priced.solved_on == "simulated patients":
        yield (
            f"the own history is too short: it needs {ENOUGH_FALSE_ALERTS} false alerts' worth, "
            f"{ENOUGH_FALSE_ALERTS / priced.budget:.0f} patient-years at this budget"
        )
    if priced.sensitivity_on == "simulated patients":
        yield f"own sensitivity is shown from {ENOUGH_EVENTS} coded decompensations on; there are {priced.own_events}"
    yield "fitted to this same history: expect somewhat more false alerts on the next year"


def _between(interval: Interval | None, form: str) -> str:
    return f" (95 %: {form.format(interval[0])} to {form.format(interval[1])})" if interval else ""
