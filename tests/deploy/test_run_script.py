import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "run"


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["help"], 0), (["nonsense"], 2)])
def test_the_front_door_explains_itself_from_any_directory(tmp_path: Path, arguments: list[str], status: int) -> None:
    done = subprocess.run([RUN, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "usage: ./run COMMAND" in done.stdout + done.stderr


def test_a_command_keeps_the_callers_directory_and_status(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("patient_id,measured_at,weight_kg\nP1,2026-01-05T07:00:00+01:00,80.1\n")
    done = subprocess.run(
        [RUN, "vigie", "backtest", "log.csv", "--json"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith(b"{")
    assert subprocess.run([RUN, "vigie", "nonsense"], cwd=tmp_path, capture_output=True, check=False).returncode == 2
