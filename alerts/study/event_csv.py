"""What is in an EVENTS file? `patient_id,at,kind[,until][,weight_kg]`; a fault names its row and column."""

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

from alerts.judgement.history import Event, EventKind
from schemas import rfc3339
from schemas.history_csv import EARLIEST, BadCsvError

REQUIRED = ("patient_id", "at", "kind")
KINDS: tuple[EventKind, ...] = get_args(EventKind)
PLANNED = timedelta(days=3653)
"""How far ahead a pause may be planned."""


def read_events(path: Path, *, latest: datetime) -> Iterator[Event]:
    """The events of a file, in its order; of what has happened none may lie after `latest`.

    Raises:
        BadCsvError: at the first row that is not as interface.md says; str() is one line.
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        try:
            for name in REQUIRED:
                if name not in (rows.fieldnames or ()):
                    raise BadCsvError(
                        f"{path.name}, row 1, column {name}: is missing; the first row is patient_id,at,kind[,until]"
                    )
            for row in rows:
                yield _Row(f"{path.name}, row {rows.line_num}", row).event(latest)
        except csv.Error:
            raise BadCsvError(f"{path.name}, row {rows.line_num}: is no CSV; save the table with commas") from None
        except UnicodeDecodeError:
            raise BadCsvError(f"{path.name}, row {rows.line_num + 1}: is not UTF-8; save as CSV UTF-8") from None


class _Row:
    def __init__(self, place: str, row: dict[str, str]) -> None:
        self.place = place
        # csv gives None for a field that is missing at the end, and a list under None for those that are too many.
        self.fields = {name: (text or "").strip() for name, text in row.items() if isinstance(name, str)}
        if None in row:
            raise BadCsvError(f"{place}: has more fields than the header; write decimals with a point (71.5)")

    def event(self, latest: datetime) -> Event:
        kind = self.fields["kind"]
        if kind not in KINDS:
            raise self._fault("kind", f"must be one of {', '.join(KINDS)}")
        if not self.fields["patient_id"]:
            raise self._fault("patient_id", "is empty; write the pseudonym as in READINGS")
        if kind == "pause":
            latest += PLANNED
        at = self._instant("at", latest)
        until = self._instant("until", latest) if kind == "pause" else None
        if until is not None and until <= at:
            raise self._fault("until", "must lie after `at`")
        return Event(
            patient_id=self.fields["patient_id"],
            at=at,
            kind=kind,
            until=until,
            weight_kg=self._weight_kg() if kind == "dry_weight" else None,
        )

    def _instant(self, column: str, latest: datetime) -> datetime:
        try:
            at = rfc3339.parse(self.fields.get(column, ""))
        except rfc3339.NotAnInstantError as error:
            raise self._fault(column, f"{error}; write it like 2026-11-22T07:12:05+01:00") from None
        if not EARLIEST <= at <= latest:
            raise self._fault(column, f"{at.date()} cannot be; correct it or remove the row")
        return at

    def _weight_kg(self) -> float:
        try:
            weight_kg = float(self.fields.get("weight_kg", ""))
        except ValueError:
            raise self._fault("weight_kg", "a dry weight needs kilograms, like 71.5") from None
        if not 20 <= weight_kg <= 400:
            raise self._fault("weight_kg", "must lie between 20 and 400 kg")
        return weight_kg

    def _fault(self, column: str, message: str) -> BadCsvError:
        return BadCsvError(f"{self.place}, column {column}: {message}")
