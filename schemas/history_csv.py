"""What is in a READINGS file? interface.md's CSV, read row by row; a fault names its row and column.

Columns may stand in any order and unknown ones are ignored; rows are numbered as a spreadsheet does: the header is
row 1. A weight finer than a gram is rounded to grams: spreadsheets write 80.10000000000001.
"""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from schemas import rfc3339
from schemas.plausibility import MAX_KG, MIN_KG
from schemas.reading import HistoricReading

REQUIRED = ("patient_id", "measured_at", "weight_kg")
OPTIONAL = ("device_id",)
LINE_BYTES = 64 * 1024
WEIGHT = re.compile(r"\d{1,6}(?:\.\d{1,30})?", re.ASCII)
GRAM = Decimal("0.001")


class BadCsvError(Exception):
    """The file is no READINGS file; one line: the file, the row and column if any, what is wrong and what to do."""


class _FaultError(Exception):
    """What is wrong, in which column if it is one column's fault, and in which row if not in the one at hand."""

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.row = row


def read_readings(path: Path) -> Iterator[HistoricReading]:
    """The readings of a file, in its order, without holding it in memory.

    Raises:
        BadCsvError: at the first row that is not as interface.md says.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        rows = csv.reader(_lines(file), strict=True)
        try:
            columns = _columns(next(rows, None))
            for row in rows:
                if row:
                    yield _reading(row, columns)
        except _FaultError as fault:
            column = f", column {fault.column}" if fault.column else ""
            raise BadCsvError(f"{path.name}, row {fault.row or max(1, rows.line_num)}{column}: {fault}") from None
        except csv.Error:
            raise BadCsvError(
                f"{path.name}, row {max(1, rows.line_num)}: a quotation mark or line end is out of place; "
                "save the table again as CSV with commas"
            ) from None


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


def _reading(row: list[str], columns: dict[str, int]) -> HistoricReading:
    if len(row) < columns[""]:
        raise _FaultError(f"has {len(row)} fields, the header {columns['']}; complete the row or remove it")
    if len(row) > columns[""]:
        raise _FaultError(
            f"has {len(row)} fields, the header {columns['']}; write decimals with a point (82.4), not a comma"
        )
    place = columns.get("device_id")
    device_id = row[place].strip() if place is not None else ""
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
