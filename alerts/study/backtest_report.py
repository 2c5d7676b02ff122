"""How is a back-test shown? One table, or one JSON object; sensitivity never without the false alerts it cost."""

from statistics import median
from typing import Any

from rich.table import Table

from alerts.study import intervals
from alerts.study.backtest import BacktestResult
from alerts.study.intervals import Interval
from alerts.study.trial import MATCH
from schemas.alert import Cause

OTHER_KINDS: tuple[Cause, ...] = ("weight_loss", "no_transmission")


def as_json(result: BacktestResult) -> dict[str, Any]:
    """The figures under stable names; null where unknown."""
    return {
        "detector": result.detector,
        "threshold": round(result.threshold, 4),
        "threshold_kg": round(result.threshold, 4),
        "budget": result.budget,
        "budget_met_only_by_never_alerting": result.never_alerts,
        "patients": result.patients,
        "patient_years": round(result.patient_years, 4),
        "readings": result.readings,
        "duplicates": result.duplicates,
        "doubted": result.doubted,
        "doubted_reasons": result.doubts,
        "doubted_at_first": result.released,
        "match_days": MATCH.days,
        "events": result.events,
        "events_of_patients_without_readings": result.events_elsewhere,
        "events_found": result.found if result.events else None,
        "sensitivity": _rounded(result.sensitivity),
        "sensitivity_95": _bounds(intervals.wilson(result.found, result.events)),
        "alerts": result.true_alerts + result.false_alerts,
        "alerts_per_patient_year": _rate(result, result.true_alerts + result.false_alerts),
        "false_alerts": result.false_alerts if result.events else None,
        "false_alerts_per_patient_year": _rounded(result.false_alerts_per_patient_year) if result.events else None,
        "false_alerts_per_patient_year_95": _bounds(false_rate(result) if result.events else None),
        "ppv": _rounded(result.ppv),
        "ppv_95": _bounds(ppv(result)),
        "median_lead_days": _rounded(median(result.lead_days)) if result.lead_days else None,
        "median_lead_days_95": _bounds(intervals.of_median(result.lead_days)),
        "weight_loss_alerts": result.count("weight_loss"),
        "no_transmission_alerts": result.count("no_transmission"),
    }


def as_table(result: BacktestResult) -> Table:
    """The same for people."""
    table = Table(title=f"Back-test: {result.detector}, threshold {result.threshold:.3f}", show_header=False)
    alerts = result.true_alerts + result.false_alerts
    table.add_row("patients", f"{result.patients} ({result.patient_years:.1f} patient-years)")
    table.add_row("readings", _readings(result))
    if result.events:
        share = f"{result.found} of {result.events} = {result.found / result.events:.0%}"
        sure = _between(intervals.wilson(result.found, result.events), "{:.0%}")
        table.add_row("events found", f"{share}{sure}, alert at most {MATCH.days} days before")
        rate = f"{_per_year(result, result.false_alerts)}{_between(false_rate(result), '{:.2f}')}"
        table.add_row("false alerts", f"{rate}; {result.false_alerts} of {alerts} alerts")
        table.add_row(
            "PPV", "no alerts" if result.ppv is None else f"{result.ppv:.1%}{_between(ppv(result), '{:.1%}')}"
        )
        lead = f"{median(result.lead_days):.1f} days (median)" if result.lead_days else "no event found"
        table.add_row("lead", f"{lead}{_between(intervals.of_median(result.lead_days), '{:.1f}')}")
    else:
        table.add_row("alerts", f"{_per_year(result, alerts)} ({alerts})")
        table.add_row("events found", "unknown: no decompensation in EVENTS, so no alert can be called true or false")
    for kind in OTHER_KINDS:
        count = result.count(kind)
        table.add_row(kind.replace("_", " "), f"{_per_year(result, count)} ({count})")
    for note in notes(result):
        table.add_row("note", note)
    return table


def false_rate(result: BacktestResult) -> Interval | None:
    """The 95 % interval of the false alerts per patient-year."""
    return intervals.of_ratio([one.false_alerts for one in result.tallies], [one.years for one in result.tallies])


def ppv(result: BacktestResult) -> Interval | None:
    """The 95 % interval of the share of true alerts; None without events."""
    if not result.events:
        return None
    return intervals.of_ratio([one.true_alerts for one in result.tallies], [len(one.raised) for one in result.tallies])


def _readings(result: BacktestResult) -> str:
    parts = [f"{result.readings} accepted"]
    if result.duplicates:
        parts.append(f"{result.duplicates} there twice and counted once")
    if result.released:
        parts.append(f"{result.released} doubted until the next one agreed")
    reasons = ", ".join(f"{number} {doubt}" for doubt, number in result.doubts.items())
    parts.append(f"{result.doubted} implausible and left out{f' ({reasons})' if reasons else ''}")
    return "; ".join(parts)


def _between(interval: Interval | None, form: str) -> str:
    return f" (95 %: {form.format(interval[0])} to {form.format(interval[1])})" if interval else ""


def _bounds(interval: Interval | None) -> list[float | None]:
    return [_rounded(bound) for bound in interval or (None, None)]


def notes(result: BacktestResult) -> list[str]:
    """What a reader of the figures must know."""
    said = []
    if result.never_alerts:
        said.append(f"a budget of {result.budget:g} can be met on this history only by never alerting")
    elif result.budget is not None:
        said.append("the threshold was fitted to this same history: expect more false alerts on the next one")
    if result.doubts.get("other_person", 0) > result.readings / 20:
        said.append("more than 1 weight in 20 is another person's: are there two people under one id?")
    if result.events_elsewhere:
        said.append(f"{result.events_elsewhere} decompensations of patients without a reading were left out")
    return said


def _per_year(result: BacktestResult, count: int) -> str:
    rate = _rate(result, count)
    return "history too short for a rate" if rate is None else f"{rate:.2f} per patient-year"


def _rate(result: BacktestResult, count: int) -> float | None:
    return _rounded(count / result.patient_years) if result.patient_years else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
