"""What does `vigie backtest` do with its files? Reads READINGS and EVENTS, runs, writes what was asked for, reports."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from alerts.judgement import registry
from alerts.judgement.choice import BadSettingError, setting
from alerts.judgement.registry import UnknownDetectorError
from alerts.study import backtest_report, comparison, event_csv, operating_curve
from alerts.study.backtest import BacktestResult, Study
from alerts.study.comparison import Changed
from alerts.study.operating_curve import Curve
from alerts.study.trial import Operation
from schemas.history_csv import BadCsvError, ReadingsFile
from schemas.plan import DEFAULT_DETECTOR
from schemas.reading import HistoricReading

ALERT_COLUMNS = ("patient_id", "at", "kind", "severity", "detector", "score", "reason")
SCORE_COLUMNS = ("patient_id", "at", "score")
PICTURES = (".svg", ".png")
MOST_A_DAY = 300
"""Weights of one patient: a person at home weighs a few times a day, and a sensor that never stops is no person."""

__all__ = ["BadSettingError", "BadUsageError", "UnknownDetectorError", "backtest"]


class BadUsageError(Exception):
    """An option cannot be what it is; one line."""


def backtest(  # noqa: PLR0913 one parameter for each option of the command
    readings_path: Path,
    *,
    now: datetime,
    events_path: Path | None = None,
    detector: str | None = None,
    budget: float | None = None,
    compare: str | None = None,
    alerts_out: Path | None = None,
    scores_out: Path | None = None,
    plot_out: Path | None = None,
    as_json: bool = False,
    echo: Callable[[str], None] = print,
) -> BacktestResult:
    """Run the back-test; the report goes to `echo` (JSON) or the terminal (table), the progress to stderr.

    `compare` is another setting, DETECTOR or DETECTOR:THRESHOLD. No weight or event may lie a day after `now` or later.

    Raises:
        UnknownDetectorError, BadSettingError, BadUsageError: exit 2.
        schemas.history_csv.BadCsvError: a file is not as interface.md says; one line.
        alerts.study.trial.BudgetError: the budget is negative or cannot be computed; one line.
        OSError: a file cannot be read or written.
    """
    name = registry.named(detector or DEFAULT_DETECTOR).NAME
    other = setting(compare) if compare else None
    if plot_out and plot_out.suffix.lower() not in PICTURES:
        raise BadUsageError(f"the plot is drawn as SVG or PNG: give it a name that ends in {' or '.join(PICTURES)}")
    latest = now + timedelta(days=1)
    events = list(event_csv.read_events(events_path, latest=latest)) if events_path else []
    if plot_out and not any(event.kind == "decompensation" for event in events):
        raise BadUsageError("a plot of sensitivity needs --events with decompensations")
    file = ReadingsFile(readings_path, latest=latest)
    study = Study(_shown(_believable(file), "Reading"), events=events)
    if file.warning:
        print(f"vigie: {file.warning}", file=sys.stderr)
    for judged in dict.fromkeys([name, *([other.detector] if other else [])]):
        study.scores(judged, progress=lambda courses: _shown(courses, "Scoring"))
    result = study.result(name, budget=budget)
    changes = None
    if other:
        second = study.result(other.detector, threshold=other.threshold)
        changes = (second, comparison.changed(result, second))
    if alerts_out:
        _write(alerts_out, ALERT_COLUMNS, result.alerts)
    if scores_out:
        _write(scores_out, SCORE_COLUMNS, result.scores)
    if plot_out:
        results = [result, *([changes[0]] if changes else [])]
        drawing = operating_curve.draw(_curves(study, results), title=_title(study))
        is_png = plot_out.suffix.lower() == ".png"
        plot_out.write_bytes(operating_curve.as_png(drawing) if is_png else drawing.encode())
    if as_json:
        said = backtest_report.as_json(result) | {"left_out": file.left_out} | _compared_json(changes)
        echo(json.dumps(said, allow_nan=False))
    else:
        _print(result, changes, note=file.note)
    return result


def _believable(file: ReadingsFile) -> Iterator[HistoricReading]:
    """The readings, unless one patient has more a day than any home gives: then the first one too many is named."""
    counts: Counter[tuple[str, date]] = Counter()
    for reading in file:
        day = reading.measured_at.astimezone(UTC).date()
        counts[reading.patient_id, day] += 1
        if counts[reading.patient_id, day] > MOST_A_DAY:
            raise BadCsvError(
                f"{file.path.name}, row {file.row}, column measured_at: patient {reading.patient_id} has more than "
                f"{MOST_A_DAY} weights on {day}; keep a few a day, such as the first of each morning"
            )
        yield reading


def _shown(things: Iterable[Any], verb: str) -> Iterable[Any]:
    errors = Console(stderr=True)
    return track(things, verb, console=errors, disable=not errors.is_terminal)


def _curves(study: Study, results: Sequence[BacktestResult]) -> list[Curve]:
    curves = []
    for one in results:
        rate = one.false_alerts_per_patient_year
        chosen = Operation(
            threshold=one.threshold, sensitivity=one.sensitivity or 0.0, false_alerts_per_patient_year=rate or 0.0
        )
        operations = list(_shown(study.curve(one.detector), f"Curve of {one.detector}"))
        curves.append(Curve(name=one.detector, operations=operations, chosen=chosen))
    return curves


def _title(study: Study) -> str:
    events = sum(len(course.decompensations) for course in study.courses)
    return f"{len(study.courses)} patients, {study.patient_years:.0f} patient-years, {events} decompensations"


def _print(result: BacktestResult, changes: tuple[BacktestResult, list[Changed]] | None, *, note: str) -> None:
    console = Console()
    table = backtest_report.as_table(result)
    if note:
        table.add_row("note", note)
    console.print(table)
    if changes is None:
        return
    second, patients = changes
    console.print(backtest_report.as_table(second))
    table = Table("patient", "vanish", "appear", "events lost", "events won", title="Whose alerts change")
    for one in patients:
        days = [", ".join(at.date().isoformat() for at in instants) for instants in (one.vanish, one.appear)]
        table.add_row(one.patient_id, *days, str(one.lost_events), str(one.won_events))
    console.print(table if patients else "The alerts of no patient change.")


def _compared_json(changes: tuple[BacktestResult, list[Changed]] | None) -> dict[str, Any]:
    if changes is None:
        return {}
    second, patients = changes
    changed = [
        vars(one) | {"vanish": [at.isoformat() for at in one.vanish], "appear": [at.isoformat() for at in one.appear]}
        for one in patients
    ]
    return {"compared_with": backtest_report.as_json(second), "patients_changed": changed}


def _write(path: Path, columns: Sequence[str], rows: Iterable[object]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            values = {name: getattr(row, name) for name in columns}
            writer.writerow([values["at"].isoformat() if name == "at" else values[name] for name in columns])
