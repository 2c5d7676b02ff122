"""Histories in and out: any order, twice is once, and a half file never looks whole."""

import csv
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.past import history
from ingest.past.history import HistorySummary
from schemas.database import Connection
from schemas.reading import HistoricReading

NOW = datetime(2026, 6, 1, 7, tzinfo=UTC)


def weights(patient: str, kilograms: list[float]) -> list[HistoricReading]:
    return [
        HistoricReading(
            patient_id=patient, measured_at=NOW - timedelta(days=len(kilograms) - day), weight_kg=Decimal(str(kg))
        )
        for day, kg in enumerate(kilograms)
    ]


def test_a_history_in_any_order_is_judged_in_the_order_of_time_and_twice_is_once(connection: Connection) -> None:
    readings = [*weights("p1", [80, 80.5, 99, 81]), *weights("p2", [60, 61])]
    random.Random(1).shuffle(readings)
    assert history.store_history(connection, readings, now=NOW) == HistorySummary(stored=5, duplicates=0, quarantined=1)
    assert history.store_history(connection, readings, now=NOW) == HistorySummary(stored=0, duplicates=6, quarantined=0)
    assert connection.execute("SELECT * FROM latest_reading ORDER BY 1").fetchall() == [
        ("p1", 4, NOW - timedelta(days=1), Decimal("81.000")),
        ("p2", 2, NOW - timedelta(days=1), Decimal("61.000")),
    ]


def test_a_history_longer_than_a_chunk_is_judged_as_one(
    connection: Connection,
) -> None:
    days = 12_000
    readings = [
        HistoricReading(
            patient_id="p1",
            measured_at=NOW - timedelta(hours=days - hour),
            weight_kg=Decimal(99) if hour == 10_000 else Decimal(80),
        )
        for hour in range(days)
    ]
    summary = history.store_history(connection, readings, now=NOW)
    assert summary == HistorySummary(stored=days - 1, duplicates=0, quarantined=1)


def test_a_reading_from_the_future_waits(connection: Connection) -> None:
    [reading] = weights("p1", [80])
    ahead = reading.model_copy(update={"measured_at": NOW + timedelta(days=1)})
    assert history.store_history(connection, [ahead], now=NOW).quarantined == 1


def test_the_export_holds_every_reading_in_the_order_of_recording(connection: Connection, tmp_path: Path) -> None:
    history.store_history(connection, weights("p1", [80, 99]), now=NOW)
    history.store_history(connection, weights("p0", [60.25]), now=NOW + timedelta(milliseconds=250))
    assert history.export_csv(connection, tmp_path / "out.csv") == 3
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["patient_id"], row["weight_kg"], row["state"]) for row in rows] == [
        ("p1", "80", "accepted"),
        ("p1", "99", "quarantined"),
        ("p0", "60.25", "accepted"),
    ]
    assert rows[2] == {
        "site": "csv",
        "device_id": "p0",
        "seq": "",
        "patient_id": "p0",
        "measured_at": "2026-05-31T07:00:00Z",
        "received_at": "2026-06-01T07:00:00.25Z",
        "recorded_at": "2026-06-01T07:00:00.25Z",
        "weight_kg": "60.25",
        "state": "accepted",
    }
    assert list(tmp_path.iterdir()) == [tmp_path / "out.csv"]


def test_an_export_that_fails_leaves_the_old_file_and_no_half_one(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    connection.close()
    with pytest.raises(Exception, match="closed"):
        history.export_csv(connection, tmp_path / "out.csv")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
