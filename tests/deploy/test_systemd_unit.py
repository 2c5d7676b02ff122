import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "vigie@.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "vigie@ingest.service"
    text = UNIT.read_text()
    assert "/opt/vigie/.venv/bin/vigie" in text
    unit.write_text(text.replace("/opt/vigie/.venv/bin/vigie", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "vigie" in line]
    assert ours == []
