"""What if a history is not what was meant? `vigie backtest` says row and column in one line, or keeps a stated rule."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerts.judgement import history
from deploy.cli import app
from schemas.reading import HistoricReading

HEADER = "patient_id,measured_at,weight_kg\n"
GOOD = "P1,2026-01-05T07:00:00+01:00,80.0\n"
IMPOSSIBLE = ("1970-01-01", "2108-01-05")
START = datetime(2026, 1, 5, 7, tzinfo=timezone(timedelta(hours=1)))


def backtested(tmp_path: Path, text: str, *options: str) -> Result:
    path = tmp_path / "READINGS.csv"
    path.write_text(text)
    return CliRunner().invoke(app, ["backtest", str(path), "--json", *options])


def mornings(*kg: float) -> list[str]:
    return [f"P1,{(START + timedelta(days=day)).isoformat()},{one}\n" for day, one in enumerate(kg)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "READINGS.csv, row 1: the file is empty"),
        ("who,when,kg\n" + GOOD, "READINGS.csv, row 1, column patient_id: is missing"),
        ("patient_id,measured_at,weight_lb\n" + GOOD, "READINGS.csv, row 1, column weight_kg: is missing"),
        (HEADER + GOOD + "P1,2026-01-06T07:00:00,80.0\n", "READINGS.csv, row 3, column measured_at: "),
        (HEADER + GOOD + "P1,2026-01-06T07:00:00 CEST,80.0\n", "READINGS.csv, row 3, column measured_at: "),
        (HEADER + GOOD + "P1,2026-01-06T07:00:00[Mars/Olympus],80.0\n", "READINGS.csv, row 3, column measured_at: "),
        (HEADER + GOOD + 'P1,2026-01-06T07:00:00+01:00,"80,4"\n', "row 3, column weight_kg: has a decimal comma"),
        (HEADER + GOOD + "P1,2026-01-06T07:00:00+01:00,80,4\n", "row 3: has 4 fields, the header 3"),
        (HEADER + GOOD + HEADER + GOOD, "READINGS.csv, row 3, column measured_at: "),
        (HEADER + GOOD + ",2026-01-06T07:00:00+01:00,80.0\n", "READINGS.csv, row 3, column patient_id: "),
        ("PK\x03\x04\x14\0\x06\0", "READINGS.csv, row 1: holds a NUL byte; the file is damaged or no text"),
        (HEADER + GOOD + GOOD.replace("2026-01-05", "2108-01-05"), "column measured_at: 2108-01-05 is still to come"),
        (HEADER + GOOD + GOOD.replace("2026-01-05", "1970-01-01"), "column measured_at: 1970-01-01 is of a clock that"),
        (HEADER.replace(",", ";") + GOOD.replace(",", ";"), "row 1: columns are not separated by commas"),
        *(
            (HEADER + GOOD + f"P1,2026-01-06T07:00:00+01:00,{kg}\n", "READINGS.csv, row 3, column weight_kg: ")
            for kg in ("NaN", "0", "-80", "1000", "inf", "80 kg", "")
        ),
    ],
)
def test_a_fault_ends_the_back_test_with_one_line_that_says_where(tmp_path: Path, text: str, says: str) -> None:
    done = backtested(tmp_path, text)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.strip().splitlines()
    assert says in line


def test_a_weight_every_minute_is_refused_at_the_first_row_too_many(tmp_path: Path) -> None:
    """Ten years of it are 5 million rows: nobody waits for them to hear that."""
    start = datetime(2016, 1, 1, tzinfo=UTC)
    minutes = (f"P1,{(start + timedelta(minutes=minute)).isoformat()},80.0\n" for minute in range(20_000))
    done = backtested(tmp_path, HEADER + "".join(minutes))
    (line,) = done.stderr.strip().splitlines()
    assert done.exit_code == 1
    assert "row 302, column measured_at: patient P1 has more than 300 weights on 2016-01-01" in line


def test_rows_there_twice_count_once_and_their_order_means_nothing(tmp_path: Path) -> None:
    rows = mornings(*[80.0, 80.3, 79.9, 80.2] * 4, 81.5, 82.6)
    plain = json.loads(backtested(tmp_path, HEADER + "".join(rows)).stdout)
    mixed = json.loads(backtested(tmp_path, HEADER + "".join([*reversed(rows), *rows[3:8]])).stdout)
    assert (plain["duplicates"], mixed["duplicates"]) == (0, 5)
    assert {**mixed, "duplicates": 0} == plain


def test_one_instant_written_in_two_zones_is_one_weighing_and_two_weights_at_one_instant_are_two(
    tmp_path: Path,
) -> None:
    rows = [GOOD, GOOD.replace("07:00:00+01:00", "06:00:00Z"), GOOD.replace("80.0", "80.4")]
    figures = json.loads(backtested(tmp_path, HEADER + "".join(rows)).stdout)
    assert (figures["readings"], figures["duplicates"]) == (2, 1)


@pytest.mark.parametrize("rows", ["", GOOD])
def test_a_history_too_short_for_a_rate_has_none_and_is_no_failure(tmp_path: Path, rows: str) -> None:
    done = backtested(tmp_path, HEADER + rows)
    figures = json.loads(done.stdout)
    assert (done.exit_code, figures["readings"], figures["alerts_per_patient_year"]) == (0, len(rows) > 0, None)
    assert backtested(tmp_path, HEADER + rows, "--budget", "1").exit_code == 1


def test_a_folder_is_no_history(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["backtest", str(tmp_path)])
    assert (done.exit_code, done.stderr) == (1, f"vigie: {tmp_path}: Is a directory\n")


def test_two_people_on_one_scale_every_morning_are_told_and_raise_nothing(tmp_path: Path) -> None:
    both = [row for row in mornings(*[80.0] * 30) for row in (row, row.replace("07:00:00", "07:10:00"))]
    both[1::2] = [row.replace("80.0", "62.0") for row in both[1::2]]
    figures = json.loads(backtested(tmp_path, HEADER + "".join(both)).stdout)
    assert (figures["readings"], figures["doubted"], figures["alerts"], figures["weight_loss_alerts"]) == (30, 30, 0, 0)


def test_two_people_under_one_id_raise_nothing_and_are_told(tmp_path: Path) -> None:
    two = [80.0, 62.0, 80.1, 61.9, 80.2, 62.2] * 5
    figures = json.loads(backtested(tmp_path, HEADER + "".join(mornings(*two))).stdout)
    assert figures["alerts"] == 0
    assert figures["doubted"] + figures["doubted_at_first"] > 0


def test_pounds_among_kilograms_are_left_out_and_counted(tmp_path: Path) -> None:
    kg = [80.0, 80.2, 79.9, 80.1, 80.0, 176.4, 80.1, 80.2]
    figures = json.loads(backtested(tmp_path, HEADER + "".join(mornings(*kg))).stdout)
    assert (figures["readings"], figures["doubted_reasons"], figures["alerts"]) == (7, {"unit_flip": 1}, 0)


def test_a_day_that_cannot_be_is_left_out_and_counted_where_an_export_says_that_it_waits_in_quarantine(
    tmp_path: Path,
) -> None:
    rows = [GOOD.replace("\n", ",accepted\n"), *(f"P1,{at}T07:00:00Z,80.0,quarantined\n" for at in IMPOSSIBLE)]
    figures = json.loads(backtested(tmp_path, HEADER.replace("\n", ",state\n") + "".join(rows)).stdout)
    assert (figures["readings"], figures["patient_years"], figures["left_out"]) == (1, 0, {"impossible_time": 2})


@pytest.mark.parametrize("pounds", [["P1"], ["P1", "P2", "P3"]])
def test_a_whole_file_in_pounds_is_told_in_one_line_and_taken_as_it_says(tmp_path: Path, pounds: list[str]) -> None:
    of_one = mornings(*[176.4, 177.0, 175.9] * 5)
    done = backtested(tmp_path, HEADER + "".join(row.replace("P1", name) for name in pounds for row in of_one))
    (line,) = done.stderr.strip().splitlines()
    assert f"{len(pounds)} of {len(pounds)} patients weigh more than 130 kg" in line
    assert (done.exit_code, json.loads(done.stdout)["readings"]) == (0, 15 * len(pounds))


def test_a_heavy_patient_among_others_is_no_matter_of_pounds(tmp_path: Path) -> None:
    heavy = [row.replace("P1", "P2") for row in mornings(*[151.0] * 9)]
    assert backtested(tmp_path, HEADER + "".join([*mornings(*[80.0] * 3), *heavy])).stderr == ""


def test_a_weight_every_five_minutes_takes_little_memory(tmp_path: Path) -> None:
    """288 a day: what was known at each of them must not be held 288 times."""
    rows = [
        HistoricReading(patient_id="P1", measured_at=START + timedelta(minutes=5 * minute), weight_kg=Decimal("80.1"))
        for minute in range(288 * 40)
    ]
    tracemalloc.start()
    (course,) = history.courses(rows, events=[])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(course.moments) == len(rows)
    assert held / len(rows) < 500
