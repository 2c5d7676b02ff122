"""What does `vigie shadow compare` print? The alerting detector and its shadow, side by side."""

from rich.console import Console
from rich.table import Table

from alerts import choice_store, shadow, shadow_store
from alerts.judgement.choice import Duty
from alerts.shadow import Comparison
from deploy.outcome import CommandError
from schemas.database import Connection

Names = tuple[str, str]


def compare(conn: Connection) -> tuple[Names, Comparison]:
    """The two detectors by name and threshold, and what they said of the weights since the shadow began.

    Raises:
        CommandError: there is no shadow.
    """
    choice, began = choice_store.choice(conn), choice_store.chosen(conn).get("shadow")
    if choice.shadow is None or began is None:
        raise CommandError(
            "no detector runs in the shadow; a clinician starts one, signed, on the page /detection/shadow"
        )
    rows = shadow_store.judged(conn, choice, since=began.recorded_at)
    return (_name(choice.alerting), _name(choice.shadow)), shadow.compare(rows)


def show(names: Names, comparison: Comparison) -> None:
    """As tables."""
    table = Table("", names[0], f"{names[1]} (shadow)", title="Since the shadow began")
    table.add_row("weights judged by both", str(comparison.judged), str(comparison.judged))
    table.add_row("alerts", str(comparison.alerting), str(comparison.shadow))
    if comparison.patient_years:
        rates = [count / comparison.patient_years for count in (comparison.alerting, comparison.shadow)]
        table.add_row("per patient-year", *(f"{rate:.2f}" for rate in rates))
    table.add_row("of them in both", str(comparison.both), str(comparison.both))
    Console().print(table)
    patients = Table("patient", "in both", names[0] + " alone", names[1] + " alone", title="Alerts by patient")
    for one in comparison.patients:
        days = [", ".join(at.date().isoformat() for at in alone) for alone in (one.alerting_alone, one.shadow_alone)]
        patients.add_row(one.patient_id, str(one.both), *days)
    if comparison.patients:
        Console().print(patients)


def _name(duty: Duty) -> str:
    return duty.detector if duty.threshold is None else f"{duty.detector}:{duty.threshold:g}"
