"""What does `vigie backtest` do with its files? Reads READINGS and EVENTS, runs, writes ALERTS and SCORES, reports."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from alerts import backtest_report, event_csv
from alerts.backtest import BacktestResult, run
from alerts.registry import DETECTORS
from schemas import history_csv

ALERT_COLUMNS = ("patient_id", "at", "kind", "severity", "detector", "score", "reason")
SCORE_COLUMNS = ("patient_id", "at", "score")


class UnknownDetectorError(Exception):
    """Wrong usage: the message names the detectors there are."""


def backtest(  # noqa: PLR0913 one parameter for each option of the command
    readings_path: Path,
    *,
    events_path: Path | None = None,
    detector: str | None = None,
    budget: float | None = None,
    alerts_out: Path | None = None,
    scores_out: Path | None = None,
    as_json: bool = False,
    echo: Callable[[str], None] = print,
) -> BacktestResult:
    """Run the back-test; the report goes to `echo` (JSON) or the terminal (table), the progress to stderr.

    Raises:
        UnknownDetectorError: exit 2.
        schemas.history_csv.BadCsvError: a file is not as interface.md says; one line.
        alerts.backtest.BudgetError: the budget is negative or cannot be computed; one line.
        OSError: a file cannot be read or written.
    """
    name = detector or next(iter(DETECTORS))
    if name not in DETECTORS:
        raise UnknownDetectorError(f"no detector {name!r}; there are: {', '.join(DETECTORS)}")
    events = list(event_csv.read_events(events_path)) if events_path else []
    errors = Console(stderr=True)
    readings = list(
        track(history_csv.read_readings(readings_path), "Reading", console=errors, disable=not errors.is_terminal)
    )
    result = run(readings, events=events, detector=name, budget=budget)
    if alerts_out:
        _write(alerts_out, ALERT_COLUMNS, result.alerts)
    if scores_out:
        _write(scores_out, SCORE_COLUMNS, result.scores)
    if as_json:
        echo(json.dumps(backtest_report.as_json(result), allow_nan=False))
    else:
        Console().print(backtest_report.as_table(result))
    return result


def _write(path: Path, columns: Sequence[str], rows: Iterable[object]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            values = vars(row)
            writer.writerow([values["at"].isoformat() if name == "at" else values[name] for name in columns])
