"""What is in a READINGS file? interface.md's CSV, read row by row; a fault names its row and column.

Columns may stand in any order and unknown ones are ignored; rows are numbered as a spreadsheet does: the header is
row 1. A weight finer than a gram is rounded to grams: spreadsheets write 80.10000000000001.

What `vigie export` writes is such a file. Its rows that are nobody's history are left out, and counted.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Literal, Protocol

from pydantic import ValidationError

from schemas import rfc3339
from schemas.plausibility import MAX_KG, MIN_KG
from schemas.reading import HistoricReading

REQUIRED = ("patient_id", "measured_at", "weight_kg")
OPTIONAL = ("device_id", "state")
LINE_BYTES = 64 * 1024
EARLIEST = datetime(2000, 1, 2, tzinfo=UTC)
"""Nobody was telemonitored before; clocks that were never set show 1 January 1970 or 2000 (payloads.md §15)."""
HEAVY_KG = 130
"""Half of all patients weigh less, anywhere; in pounds nearly everybody weighs more."""
WEIGHT = re.compile(r"\d{1,6}(?:\.\d{1,30})?", re.ASCII)
GRAM = Decimal("0.001")

LeftOut = Literal["scale_lent_to_nobody", "no_longer_stands", "impossible_time"]
"""A row with a scale and no patient; a weight that a nurse excluded or a scale corrected, by the export's `state`; one
that waits in quarantine there, and of a day that cannot be."""
NO_LONGER_STANDS = frozenset({"excluded", "superseded"})


class _Rows(Protocol):
    """What `csv.reader` gives; its own type has no public name before Python 3.13."""

    line_num: int

    def __next__(self) -> list[str]: ...
    def __iter__(self) -> Iterator[list[str]]: ...


class BadCsvError(Exception):
    """The file is no READINGS file; one line: the file, the row and column if any, what is wrong and what to do."""


class _FaultError(Exception):
    """What is wrong, in which column if it is one column's fault, and in which row if not in the one at hand."""

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.row = row


class ReadingsFile:
    """The readings of a file, in its order, without holding it in memory; each pass reads it anew.

    `row` is the one at hand, `left_out` counts what this pass has left out so far. With `latest` a weight measured
    later, or before anybody was telemonitored, is a fault: one of them would make a century of patient-years.
    """

    def __init__(self, path: Path, *, latest: datetime | None = None) -> None:
        self.path = path
        self.latest = latest
        self.row = 0
        self.left_out: Counter[LeftOut] = Counter()
        self._heavy: Counter[str] = Counter()
        """Of each patient how many more weights lie above HEAVY_KG than below."""

    def __iter__(self) -> Iterator[HistoricReading]:
        """As it goes.

        Raises:
            BadCsvError: at the first row that is not as interface.md says.
            OSError: the file cannot be read.
        """
        self.row = 0
        self.left_out.clear()
        self._heavy.clear()
        with self.path.open("rb") as file:
            rows = csv.reader(_lines(file), strict=True)
            try:
                yield from self._readings(rows)
            except _FaultError as fault:
                raise self._bad(str(fault), row=fault.row or rows.line_num, column=fault.column) from None
            except csv.Error:
                raise self._bad(
                    "a quotation mark or line end is out of place; save the table again as CSV with commas",
                    row=rows.line_num,
                ) from None

    def _readings(self, rows: "_Rows") -> Iterator[HistoricReading]:
        columns = _columns(next(rows, None))
        for row in rows:
            if not row:
                continue
            self.row = rows.line_num
            if reason := _left_out(_whole(row, columns), columns):
                self.left_out[reason] += 1
            else:
                reading = _reading(row, columns)
                if self._is_impossible(reading.measured_at, state=_optional(row, columns, "state")):
                    self.left_out["impossible_time"] += 1
                    continue
                self._heavy[reading.patient_id] += 1 if reading.weight_kg > HEAVY_KG else -1
                yield reading

    def _is_impossible(self, measured_at: datetime, *, state: str) -> bool:
        """Whether it is left out for its time."""
        if self.latest is None or EARLIEST <= measured_at <= self.latest:
            return False
        if state == "quarantined":
            return True
        why = "is still to come" if measured_at > self.latest else "is of a clock that was never set"
        raise _FaultError(f"{measured_at.date()} {why}; correct it or remove the row", column="measured_at")

    @property
    def note(self) -> str:
        """Like "3 rows left out (2 no_longer_stands, 1 scale_lent_to_nobody)"; empty if every row is a reading."""
        if not self.row:
            return f"{self.path.name} has a header and no rows"
        if not self.left_out:
            return ""
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self.left_out.items()))
        return f"{self.left_out.total()} rows left out ({reasons})"

    @property
    def warning(self) -> str:
        """A line if this pass looked like pounds, whatever the header says. Nothing is converted."""
        heavy = sum(more > 0 for more in self._heavy.values())
        if 2 * heavy <= len(self._heavy):
            return ""
        return (
            f"{self.path.name}: {heavy} of {len(self._heavy)} patients weigh more than {HEAVY_KG} kg; "
            "the weights were taken as kg, divide them by 2.2046 if they are pounds"
        )

    def _bad(self, fault: str, *, row: int, column: str | None = None) -> BadCsvError:
        where = f", column {column}" if column else ""
        return BadCsvError(f"{self.path.name}, row {max(1, row)}{where}: {fault}")


def _lines(file: IO[bytes]) -> Iterator[str]:
    """The lines as text; a fault here is raised before `csv` has counted the line, so it names the row itself."""
    for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES), b""), start=1):
        if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _FaultError("the file is in UTF-16; save it as CSV UTF-8")
        if len(line) == LINE_BYTES:
            raise _FaultError("is longer than 64 KiB; this is no table of readings", row=number)
        if b"\0" in line:
            raise _FaultError("holds a NUL byte; the file is damaged or no text, save it again", row=number)
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise _FaultError("is not UTF-8; save the file as CSV UTF-8", row=number) from None


def _columns(header: list[str] | None) -> dict[str, int]:
    """The place of each column we know."""
    if header is None:
        raise _FaultError("the file is empty; the first row must be patient_id,measured_at,weight_kg")
    names = [name.strip() for name in header]
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise _FaultError("columns are not separated by commas; save as CSV with commas and decimal points")
    for name in (*REQUIRED, *OPTIONAL):
        if names.count(name) > 1:
            raise _FaultError("is there twice; remove one of the two", column=name)
    for name in REQUIRED:
        if name not in names:
            raise _FaultError("is missing; the first row must be patient_id,measured_at,weight_kg", column=name)
    return {name: names.index(name) for name in (*REQUIRED, *OPTIONAL) if name in names} | {"": len(names)}


def _whole(row: list[str], columns: dict[str, int]) -> list[str]:
    """The fields of a row that has them all."""
    if len(row) < columns[""]:
        raise _FaultError(f"has {len(row)} fields, the header {columns['']}; complete the row or remove it")
    if len(row) > columns[""]:
        raise _FaultError(
            f"has {len(row)} fields, the header {columns['']}; write decimals with a point (82.4), not a comma"
        )
    return row


def _optional(row: list[str], columns: dict[str, int], name: str) -> str:
    return row[columns[name]].strip() if name in columns else ""


def _left_out(row: list[str], columns: dict[str, int]) -> LeftOut | None:
    """Why this row is nobody's history, or None."""
    if _optional(row, columns, "state") in NO_LONGER_STANDS:
        return "no_longer_stands"
    if not row[columns["patient_id"]].strip() and _optional(row, columns, "device_id"):
        return "scale_lent_to_nobody"
    return None


def _reading(row: list[str], columns: dict[str, int]) -> HistoricReading:
    device_id = _optional(row, columns, "device_id")
    try:
        return HistoricReading(
            patient_id=row[columns["patient_id"]].strip(),
            measured_at=rfc3339.parse(row[columns["measured_at"]].strip()),
            weight_kg=_weight(row[columns["weight_kg"]].strip()),
            device_id=_device(device_id) if device_id else None,
        )
    except rfc3339.NotAnInstantError as error:
        raise _FaultError(f"{error}; write it like 2026-11-22T07:12:05+01:00", column="measured_at") from None
    except ValidationError:
        raise _FaultError(
            "must be 1 to 64 characters without spaces or / # + ? % &; use a pseudonym", column="patient_id"
        ) from None


def _weight(text: str) -> Decimal:
    if "," in text:
        raise _FaultError("has a decimal comma; write decimals with a point (82.4)", column="weight_kg")
    if WEIGHT.fullmatch(text) is None:
        raise _FaultError("is no plain number; write kilograms like 82.4", column="weight_kg")
    weight_kg = Decimal(text)
    if not MIN_KG <= weight_kg <= MAX_KG:
        raise _FaultError(
            f"must lie between {MIN_KG:g} and {MAX_KG:g} kg; correct it or remove the row", column="weight_kg"
        )
    return weight_kg.quantize(GRAM)


def _device(text: str) -> str:
    if len(text) > 64 or not text.isprintable():
        raise _FaultError("must be at most 64 printable characters; correct it or leave it empty", column="device_id")
    return text
