"""What is in a weight log, and as which scales' readings can it be sent?

Two kinds of file: READINGS of interface.md, and two columns `t,kg` as bathroom scales export them, where `t` is a local
date-time in France, or a date alone: then it was 07:00.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from schemas import history_csv
from schemas.history_csv import BadCsvError
from schemas.patient import LentScale, NewPatient
from schemas.plausibility import MAX_KG, MIN_KG
from simulator.life import PARIS
from simulator.weighing import Weighing

MORNING = time(7)
FIRST_YEAR = datetime(1, 1, 1)  # noqa: DTZ001 local times are counted from it


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row: whose weight, in kg, when by the clocks of France. `patient_id` is None in a two-column log."""

    patient_id: str | None
    local: datetime
    weight_kg: Decimal


@dataclass(frozen=True, kw_only=True)
class ScaleLog:
    """One scale's readings, and the patient it must be lent to before they are sent."""

    new_patient: NewPatient
    scale: LentScale
    weighings: list[Weighing]


def read(path: Path) -> list[Entry]:
    """The log's distinct rows, in order of time.

    Raises:
        BadCsvError: naming the row and column.
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = [name.strip() for name in file.readline().split(",")]
    entries = set(_two_columns(path) if header == ["t", "kg"] else _readings(path))
    if not entries:
        raise BadCsvError(f"{path.name}: there is no reading in it; give a log with at least one")
    return sorted(entries, key=lambda entry: (entry.local, entry.weight_kg))


def days_to_today(entries: Iterable[Entry], *, now: datetime) -> int:
    """By how many whole days to move the log so that it ends today, or yesterday if its last hour is still to come."""
    last, today = max(entry.local for entry in entries), now.astimezone(PARIS)
    days = (today.date() - last.date()).days
    return days if last.time() <= today.time() else days - 1


def scale_logs(
    entries: Iterable[Entry], *, days: int, site: str, name: str, patient_id: str | None = None, device_id: str | None
) -> list[ScaleLog]:
    """The log as one scale's readings for each patient in it, moved by whole days; hours stay what clocks showed.

    A `seq` counts the seconds of the log's own time: whenever the log is sent again, also with more rows, each row
    keeps its number. Rows of one second follow one another.

    Raises:
        ValueError: one patient or device is asked for, and the log has several patients.
    """
    rows: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        rows[entry.patient_id or patient_id or name].append(entry)
    if len(rows) > 1 and (patient_id or device_id):
        raise ValueError(f"{len(rows)} patients are in the log: leave --patient and --device out, or split the log")
    return [
        _scale_log(patient_id or theirs, rows[theirs], days=days, scale=LentScale(site=site, device_id=device))
        for theirs in sorted(rows)
        for device in [device_id or topic_part(theirs)]
    ]


def topic_part(name: str) -> str:
    """`name` as a device may be called in a topic."""
    return re.sub(r"[^A-Za-z0-9._:-]", "-", name).lstrip("._:-")[:64] or "log"


def _scale_log(patient_id: str, entries: list[Entry], *, days: int, scale: LentScale) -> ScaleLog:
    weighings: list[Weighing] = []
    for entry in entries:
        seq = int((entry.local - FIRST_YEAR).total_seconds())
        seq = max(seq, weighings[-1].seq + 1) if weighings else seq
        moved = (entry.local + timedelta(days=days)).replace(tzinfo=PARIS).astimezone(UTC)
        weighings.append(Weighing(seq=seq, measured_at=moved, weight_kg=entry.weight_kg))
    enrolled_at = weighings[0].measured_at - timedelta(days=1)
    patient = NewPatient(patient_id=patient_id, enrolled_at=enrolled_at, scale=scale)
    return ScaleLog(new_patient=patient, scale=scale, weighings=weighings)


def _readings(path: Path) -> Iterator[Entry]:
    for reading in history_csv.ReadingsFile(path):
        local = reading.measured_at.astimezone(PARIS).replace(tzinfo=None)
        yield Entry(patient_id=reading.patient_id, local=local, weight_kg=reading.weight_kg)


def _two_columns(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in filter(None, rows):
            where = f"{path.name}, row {rows.line_num}"
            if len(row) != 2:
                raise BadCsvError(f"{where}: has {len(row)} fields, must have 2: t,kg")
            yield Entry(patient_id=None, local=_local(row[0].strip(), where), weight_kg=_kg(row[1].strip(), where))


def _local(text: str, where: str) -> datetime:
    try:
        if len(text) == len("2026-11-22"):
            return datetime.combine(date.fromisoformat(text), MORNING)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadCsvError(
            f"{where}, column t: is no time; write 2026-11-22 or 2026-11-22T07:12:05, by the clocks of France"
        ) from None
    return moment.astimezone(PARIS).replace(tzinfo=None) if moment.tzinfo else moment


def _kg(text: str, where: str) -> Decimal:
    if history_csv.WEIGHT.fullmatch(text) is None:
        raise BadCsvError(f"{where}, column kg: is no plain number; write kilograms like 82.4")
    weight_kg = Decimal(text).quantize(history_csv.GRAM)
    if not MIN_KG <= weight_kg <= MAX_KG:
        raise BadCsvError(f"{where}, column kg: must lie between {MIN_KG:g} and {MAX_KG:g} kg; correct or remove it")
    return weight_kg
