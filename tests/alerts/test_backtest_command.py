"""The files of `vigie backtest`: what goes in, what comes out, and one line for each fault."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.study import backtest_command, backtest_report, event_csv
from alerts.study.backtest_command import UnknownDetectorError
from schemas.history_csv import BadCsvError

KG = [80.0] * 6 + [82.5, 82.6, 80.1]
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "READINGS.csv"
    rows = [f"P1,2026-01-{day:02}T07:00:00+01:00,{kg}" for day, kg in enumerate(KG, start=5)]
    path.write_text("patient_id,measured_at,weight_kg\n" + "\n".join(rows) + "\n")
    return path


def test_the_files_are_as_interface_md_says(history: Path, tmp_path: Path) -> None:
    events = tmp_path / "EVENTS.csv"
    events.write_text(
        "patient_id,at,kind,until,weight_kg\n"
        "P1,2026-01-20T10:00:00+01:00,decompensation,,\n"
        "P1,2026-01-06T10:00:00+01:00,dry_weight,,79.5\n"
        "P1,2026-01-14T10:00:00+01:00,pause,2026-01-16T10:00:00+01:00,\n"
    )
    said: list[str] = []
    backtest_command.backtest(
        history,
        now=NOW,
        events_path=events,
        detector="guideline",
        alerts_out=tmp_path / "ALERTS.csv",
        scores_out=tmp_path / "SCORES.csv",
        as_json=True,
        echo=said.append,
    )
    with (tmp_path / "ALERTS.csv").open() as file:
        alerts = list(csv.DictReader(file))
    assert list(alerts[0]) == ["patient_id", "at", "kind", "severity", "detector", "score", "reason"]
    assert [(row["at"], row["kind"]) for row in alerts] == [
        ("2026-01-11T06:00:00+00:00", "decompensation"),
        ("2026-01-13T06:00:00+00:00", "weight_loss"),
        ("2026-01-19T23:00:00+00:00", "no_transmission"),
    ]
    with (tmp_path / "SCORES.csv").open() as file:
        scores = list(csv.DictReader(file))
    assert [float(row["score"]) for row in scores] == [0, 0, 0, 0, 0, 0, 2.5, 2.6, 0.1]
    figures = json.loads(said[0])
    assert (figures["sensitivity"], figures["events_found"], figures["median_lead_days"]) == (1.0, 1, 9.125)
    assert figures["sensitivity_95"] == [0.2065, 1.0]
    assert (figures["false_alerts"], figures["ppv"]) == (0, 1.0)


def test_without_events_sensitivity_is_unknown(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = backtest_command.backtest(history, now=NOW)
    assert result.detector == "vigie"
    assert "unknown" in capsys.readouterr().out
    figures = backtest_report.as_json(result)
    assert (figures["sensitivity"], figures["ppv"], figures["false_alerts"]) == (None, None, None)
    assert figures["alerts"] == 1


def test_an_unknown_detector_is_answered_with_the_names(history: Path) -> None:
    with pytest.raises(UnknownDetectorError, match="guideline, macd"):
        backtest_command.backtest(history, now=NOW, detector="horoscope")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient_id,kind\n", "EVENTS.csv, row 1, column at: is missing"),
        ("patient_id,at,kind\nP1,2026-01-05,pause\n", "EVENTS.csv, row 2, column at: must look like"),
        ("patient_id,at,kind\nP1,2026-01-05T07:00:00Z,death\n", "EVENTS.csv, row 2, column kind: must be one of"),
        ("patient_id,at,kind\nP1,2026-01-05T07:00:00Z,pause\n", "EVENTS.csv, row 2, column until: must look like"),
        (
            "patient_id,at,kind,until\nP1,2026-01-05T07:00:00Z,pause,2026-01-04T07:00:00Z\n",
            "EVENTS.csv, row 2, column until: must lie after `at`",
        ),
        ("patient_id,at,kind\nP1,2026-01-05T07:00:00Z,dry_weight\n", "row 2, column weight_kg: a dry weight needs"),
        (
            "patient_id,at,kind,weight_kg\nP1,2026-01-05T07:00:00Z,dry_weight,nan\n",
            "row 2, column weight_kg: must lie between",
        ),
        ("patient_id,at,kind\n,2026-01-05T07:00:00Z,pause\n", "row 2, column patient_id: is empty"),
        ("patient_id,at,kind\nP1,2026-01-05T07:00:00Z,pause,1,2\n", "row 2: has more fields"),
        ("patient_id,at,kind\nP1\n", "row 2, column kind: must be one of"),
        ("", "EVENTS.csv, row 1, column patient_id: is missing"),
        *(
            (f"patient_id,at,kind,until,weight_kg\nP1,{at},{kind},{until},71.5\n", f"row 2, column {column}: ")
            for at, kind, until, column in (
                ("2108-01-05T07:00:00Z", "decompensation", "", "at"),
                ("9999-12-31T23:59:59Z", "decompensation", "", "at"),
                ("9999-12-31T23:59:59Z", "dry_weight", "", "at"),
                ("1970-01-01T00:00:00Z", "decompensation", "", "at"),
                ("2026-01-05T07:00:00Z", "pause", "9999-12-31T23:59:59Z", "until"),
            )
        ),
    ],
)
def test_a_faulty_event_is_named_by_row_and_column_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "EVENTS.csv"
    path.write_text(text)
    with pytest.raises(BadCsvError) as error:
        list(event_csv.read_events(path, latest=NOW))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_events_file_that_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "EVENTS.csv"
    path.write_bytes(b"patient_id,at,kind\nP1,\xff\xfe,pause\n")
    with pytest.raises(BadCsvError, match="UTF-8"):
        list(event_csv.read_events(path, latest=NOW))
