"""What does `vigie budget` do? Prices it on the clinic's history, or on simulated patients until there is enough."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import Console
from rich.table import Table

from alerts.study import budget, outcome_store
from alerts.study.backtest import Study
from alerts.study.budget import ENOUGH_EVENTS, ENOUGH_FALSE_ALERTS, Price
from alerts.study.intervals import Interval
from schemas.database import Connection

SIMULATED_PATIENTS, SIMULATED_SEED = 400, 1
SHOWN_MISSED = 20


def price(conn: Connection, *, detector: str, target: float, nurses: int, now: datetime) -> Price:
    """What `target` false alerts per patient-year buy and cost.

    Raises:
        alerts.study.trial.BudgetError: only a threshold that never alerts keeps it.
    """
    own = Study(outcome_store.readings(conn, now=now), events=list(outcome_store.decompensations(conn)))
    return budget.price(
        own, simulated(), detector=detector, budget=target, patients=outcome_store.watched(conn), nurses=nurses
    )


def simulated() -> Study:
    """400 patient-years of the world on which published rules score about what they scored in the field."""
    from deploy.simulated import history  # what is tried on the clinic's own history does not wait for them
    from simulator import chronicle

    people = chronicle.chronicle(chronicle.World(), patients=SIMULATED_PATIENTS, seed=SIMULATED_SEED)
    return Study(history.readings(people), events=list(history.events(people)))


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
