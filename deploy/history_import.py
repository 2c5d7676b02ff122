"""How does a READINGS file enter the database? Read once to check it all and meet its patients, once to store it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from clinician_api.enrol import enrolment
from ingest.past import history
from schemas import database
from schemas.history_csv import ReadingsFile
from schemas.patient import NewPatient
from schemas.reading import HistoricReading


def run(database_url: str, path: Path, *, now: datetime) -> str:
    """Store a READINGS file in one transaction, with a progress bar on a terminal; what became of each row, in words.

    Raises:
        BadCsvError: the first bad row; nothing was stored.
    """
    file = ReadingsFile(path)
    screen = Console(stderr=True)
    # Written to a file, even a hidden bar would put an empty line before what went wrong.
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        since, rows = _patients(_shown(file, bar, "checking", total=None))
        people = [NewPatient(patient_id=name, enrolled_at=first) for name, first in sorted(since.items())]
        with database.connect(database_url) as conn:
            enrolled = enrolment.enrol(conn, people, now=now)
            summary = history.store_history(conn, _shown(file, bar, "storing", total=rows), now=now)
    if not file.row:
        return f"{file.note}: nothing to store"
    total = rows + file.left_out.total()
    said = [
        f"{summary.stored} readings stored",
        f"{summary.duplicates} known already",
        f"{summary.quarantined} in quarantine",
        *([file.note] if file.note else []),
    ]
    counted = f"{', '.join(said)}, of {total} rows; {enrolled} patients enrolled"
    return f"{counted}\n{file.warning}" if file.warning else counted


def _patients(readings: Iterable[HistoricReading]) -> tuple[dict[str, datetime], int]:
    """Each patient's first weighing, and the number of rows."""
    since: dict[str, datetime] = {}
    rows = 0
    for reading in readings:
        rows += 1
        known = since.get(reading.patient_id, reading.measured_at)
        since[reading.patient_id] = min(known, reading.measured_at)
    return since, rows


def _shown(
    readings: Iterable[HistoricReading], bar: Progress, verb: str, *, total: int | None
) -> Iterator[HistoricReading]:
    task = bar.add_task(verb, total=total)
    for number, reading in enumerate(readings, start=1):
        if number % 500 == 0:
            bar.update(task, completed=number)
        yield reading
