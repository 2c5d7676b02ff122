"""READINGS files: what is read, and how each fault is named."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.history_csv import BadCsvError, ReadingsFile
from schemas.reading import HistoricReading

HEADER = "patient_id,measured_at,weight_kg\n"
ROW = "p1,2026-01-05T07:00:00+01:00,82.4\n"


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "READINGS.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_row_becomes_a_reading_with_its_instant_and_exact_weight(tmp_path: Path) -> None:
    assert list(ReadingsFile(file(tmp_path, HEADER + ROW))) == [
        HistoricReading(patient_id="p1", measured_at=datetime(2026, 1, 5, 6, tzinfo=UTC), weight_kg=Decimal("82.4"))
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + (HEADER + ROW).encode(),
        (HEADER + ROW).replace("\n", "\r\n"),
        (HEADER + ROW).rstrip("\n"),
        HEADER + "\n" + ROW + "\n\n",
        "weight_kg,patient_id,measured_at\n82.4,p1,2026-01-05T07:00:00+01:00\n",
        'note,patient_id,measured_at,weight_kg\n"a, b",p1,2026-01-05T06:00:00Z,82.400\n',
        HEADER + '"p1"," 2026-01-05T07:00:00.000000000+01:00 ",82.40000000000001\n',
        "patient_id,measured_at,weight_kg,device_id\np1,2026-01-05T07:00:00+01:00,82.4,\n",
    ],
)
def test_harmless_differences_of_form_change_nothing(tmp_path: Path, content: str | bytes) -> None:
    assert list(ReadingsFile(file(tmp_path, content))) == list(ReadingsFile(file(tmp_path / "..", HEADER + ROW)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "row 1: the file is empty; the first row must be patient_id,measured_at,weight_kg"),
        ("patient;measured_at;weight_kg\n", "row 1: columns are not separated by commas"),
        ("patient_id,time,weight_kg\n", "row 1, column measured_at: is missing"),
        ("patient_id,measured_at,weight_kg,weight_kg\n", "row 1, column weight_kg: is there twice"),
        ((HEADER + ROW).encode("utf-16"), "row 1: the file is in UTF-16"),
        (HEADER + ROW + "p1,2026-01-06T07:00:00+01:00,NaN\n", "row 3, column weight_kg: is no plain number"),
        (HEADER + "p1,2026-01-06T07:00:00+01:00,Infinity\n", "row 2, column weight_kg: is no plain number"),
        (HEADER + "p1,2026-01-06T07:00:00+01:00,0\n", "row 2, column weight_kg: must lie between 2 and 400 kg"),
        (HEADER + "p1,2026-01-06T07:00:00+01:00,-82\n", "row 2, column weight_kg: is no plain number"),
        (HEADER + "p1,2026-01-06T07:00:00+01:00,1000\n", "row 2, column weight_kg: must lie between"),
        (HEADER + "p1,2026-01-06T07:00:00+01:00,8e1\n", "row 2, column weight_kg: is no plain number"),
        (HEADER + "p1,2026-01-06T07:00:00+01:00,٨٢\n", "row 2, column weight_kg: is no plain number"),
        (HEADER + 'p1,2026-01-06T07:00:00+01:00,"82,4"\n', "row 2, column weight_kg: has a decimal comma"),
        (HEADER + "p1,2026-01-06T07:00:00+01:00,82,4\n", "row 2: has 4 fields, the header 3; write decimals"),
        (HEADER + "p1,2026-01-06T07:00:00,82.4\n", "row 2, column measured_at: needs an offset"),
        (HEADER + "p1,06/01/2026 07:00,82.4\n", "row 2, column measured_at: must look like"),
        (HEADER + "p1,2026-02-30T07:00:00Z,82.4\n", "row 2, column measured_at: is no date and time that exists"),
        (HEADER + "p1,0001-01-01T00:00:00+01:00,82.4\n", "row 2, column measured_at: is no date and time"),
        (HEADER + ",2026-01-06T07:00:00Z,82.4\n", "row 2, column patient_id: must be 1 to 64 characters"),
        (HEADER + "Jean Dupont,2026-01-06T07:00:00Z,82.4\n", "row 2, column patient_id: must be 1 to 64"),
        (HEADER + ROW + "p1,2026-01-0", "row 3: has 2 fields, the header 3; complete the row"),
        (HEADER + ROW + "p1,2026-01-06T07:00:00Z,82.", "row 3, column weight_kg: is no plain number"),
        (HEADER + ROW + "p1,2026-01-06T07:00:00Z,82\0.4\n", "row 3: holds a NUL byte"),
        ((HEADER + ROW).encode() + b"\xff\xfe,x,1\n", "row 3: is not UTF-8; save the file as CSV UTF-8"),
        (HEADER + ROW + "x" * 100_000, "row 3: is longer than 64 KiB"),
        (HEADER + ROW + '"p1,2026-01-06T07:00:00Z,82.4\n', "row 3: a quotation mark or line end"),
        (HEADER.replace("\n", "\r") + ROW.replace("\n", "\r"), "row 1: a quotation mark or line end"),
        (
            "patient_id,measured_at,weight_kg,device_id\np1,2026-01-06T07:00:00Z,82.4,a\tb\n",
            "row 2, column device_id: must be at most 64 printable characters",
        ),
    ],
)
def test_a_fault_is_one_line_that_names_row_and_column(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(BadCsvError) as caught:
        list(ReadingsFile(file(tmp_path, content)))
    assert str(caught.value).startswith(f"READINGS.csv, {says}")
    assert "\n" not in str(caught.value)


@given(
    content=st.binary(max_size=300)
    | st.text(alphabet=' ,"\n\r\0p1-TZ:+.82é', max_size=200).map(lambda text: (HEADER + text).encode())
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_content_raises_anything_else(tmp_path: Path, content: bytes) -> None:
    try:
        list(ReadingsFile(file(tmp_path, content)))
    except BadCsvError as error:
        assert "\n" not in str(error)  # noqa: PT017 either outcome is right


@given(
    at=st.datetimes(
        min_value=datetime(1990, 1, 1),  # noqa: DTZ001 hypothesis wants naive bounds
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))]),
    ),
    grams=st.integers(2000, 400_000),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_written_is_what_is_read(tmp_path: Path, at: datetime, grams: int) -> None:
    content = f"{HEADER}p1,{at.isoformat()},{grams / 1000:.3f}\n"
    [reading] = ReadingsFile(file(tmp_path, content))
    assert (reading.measured_at, reading.weight_kg) == (at, Decimal(grams) / 1000)
