"""What `vigie export` writes, `vigie backtest` and `vigie import` read; every row is one of those that are counted."""

import json
import re
import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from ingest.message import Scale
from ingest.storage.reading_rows import Row, Weighing, insert
from schemas.database import Connection
from tests.fixtures.commands import Start
from tests.ingest.scale import wait_until

AT = datetime(2026, 2, 1, 7, tzinfo=UTC)
HISTORY = [80.0, 80.2, 79.9, 99.0, 80.1]  # the fourth is somebody else's


def says(start: Start, *arguments: str, database: str = "") -> str:
    command = start("deploy.cli", *arguments, **({"VIGIE_DATABASE_URL": database} if database else {}))
    assert command.process.wait(60) == 0, command.output.read_text()
    return command.output.read_text().strip()


def _sent(device: str, patient_id: str | None, *, kg: int) -> Row:
    weighing = Weighing(
        patient_id=patient_id, measured_at=AT, received_at=AT, weight_kg=Decimal(kg), source="native-1",
        clock_error=None, raw="{}",
    )  # fmt: skip
    return Row(scale=Scale("home", device), seq=1, word="stored", reason=None, said_of="", weighing=weighing)


@pytest.fixture
def exported(start: Start, tmp_path: Path, database_url: str, connection: Connection) -> Path:
    """Of a clinic with a quarantined weight, one that a nurse excluded, and a scale that nobody has."""
    file = tmp_path / "history.csv"
    rows = [f"P1,2026-01-{day:02}T07:00:00Z,{kg}" for day, kg in enumerate(HISTORY, start=5)]
    file.write_text("patient_id,measured_at,weight_kg\n" + "\n".join(rows) + "\n")
    says(start, "import", str(file), database=database_url)
    insert(connection, [_sent("stray", None, kg=71), _sent("lent", "P1", kg=80)], now=AT)
    connection.execute(
        "INSERT INTO reading_event (reading_id, site, device_id, measured_at, kind, reason, received_at, recorded_at) "
        "SELECT reading_id, site, device_id, measured_at, 'excluded', 'deleted_upstream', %s, %s FROM reading "
        "WHERE device_id = 'lent'",
        (AT, AT),
    )
    connection.commit()
    out = tmp_path / "readings.csv"
    assert says(start, "export", str(out), database=database_url).startswith("7 readings written")
    return out


def test_an_export_is_back_tested_without_what_is_nobodys_history(start: Start, exported: Path) -> None:
    told = json.loads(says(start, "backtest", str(exported), "--json"))
    assert told["left_out"] == {"no_longer_stands": 1, "scale_lent_to_nobody": 1}
    assert (told["patients"], told["readings"], told["doubted"]) == (1, 4, 1)
    assert "2 rows left out (1 no_longer_stands, 1" in " ".join(says(start, "backtest", str(exported)).split())


def test_an_export_is_imported_elsewhere_and_the_sentence_adds_up_to_its_rows(start: Start, exported: Path) -> None:
    left_out = "2 rows left out (1 no_longer_stands, 1 scale_lent_to_nobody)"
    first, again = (says(start, "import", str(exported)).splitlines()[-1] for _ in range(2))
    assert first == (f"4 readings stored, 0 known already, 1 in quarantine, {left_out}, of 7 rows; 1 patients enrolled")
    assert again == f"0 readings stored, 5 known already, 0 in quarantine, {left_out}, of 7 rows; 0 patients enrolled"


def test_an_export_that_comes_back_to_its_own_database_doubles_nothing(
    start: Start, exported: Path, database_url: str
) -> None:
    said = says(start, "import", str(exported), database=database_url)
    assert re.match("0 readings stored, 5 known already, 0 in quarantine", said)


def test_an_import_killed_half_way_leaves_nothing_and_the_next_one_stores_everything_once(
    start: Start, tmp_path: Path, database_url: str
) -> None:
    file = tmp_path / "long.csv"
    minutes = (f"P{day % 40},{(AT + timedelta(minutes=-day)).isoformat()},80.5\n" for day in range(40_000))
    file.write_text("patient_id,measured_at,weight_kg\n" + "".join(minutes))
    command = start("deploy.cli", "import", str(file), VIGIE_DATABASE_URL=database_url)
    with psycopg.connect(database_url, autocommit=True) as conn:
        storing = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'FETCH%history%' OR query LIKE '%incoming%json%'"
        )
        assert wait_until(lambda: conn.execute(storing).fetchone() != (1,), seconds=60)  # ours names them too
        command.process.kill()
        assert command.process.wait(10) == -signal.SIGKILL
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (0,)
    said = says(start, "import", str(file), database=database_url)
    assert said == "40000 readings stored, 0 known already, 0 in quarantine, of 40000 rows; 40 patients enrolled"


@pytest.mark.parametrize("command", ["import", "backtest"])
def test_a_history_without_a_row_is_done_and_said_so(start: Start, tmp_path: Path, command: str) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("patient_id,measured_at,weight_kg\n")
    assert "no rows" in says(start, command, str(file))


def test_a_row_with_neither_patient_nor_scale_is_a_fault(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text("patient_id,measured_at,weight_kg,device_id\n,2026-01-05T07:00:00Z,80,\n")
    command = start("deploy.cli", "backtest", str(file))
    assert command.process.wait(60) == 1
    assert "row 2, column patient_id" in command.output.read_text()
