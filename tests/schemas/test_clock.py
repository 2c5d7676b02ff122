import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import Clock, ClockSetting, open_clock, real_now

ASK = """
import sys
from pathlib import Path
from schemas.clock import ClockSetting, open_clock
clock = open_clock(ClockSetting.parse(sys.argv[1]), home=Path(sys.argv[2]))
print(clock.now().isoformat(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "text",
    ["", "fast", "rate=", "rate=0", "rate=-3", "rate=1e9", "rate=2,from=yesterday", "rate=2,from=2026-01-05T06:00:00"],
)
def test_a_clock_setting_that_means_nothing_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate=8640|isoformat"):
        ClockSetting.parse(text)


@given(rate=st.floats(min_value=0.5, max_value=100_000), start=st.datetimes(timezones=st.just(UTC)))
def test_a_setting_written_out_reads_back_the_same(rate: float, start: datetime) -> None:
    setting = ClockSetting.parse(f"rate={rate:g},from={start.isoformat()}")

    assert ClockSetting.parse(str(setting)) == setting


def test_a_fast_clock_shows_its_start_at_its_real_instant_and_runs_at_its_rate() -> None:
    start, since = datetime(2026, 1, 5, 6, tzinfo=UTC), real_now() - timedelta(seconds=10)
    clock = Clock(rate=8640, start=start, since=since)

    assert abs(clock.now() - (start + timedelta(days=1))) < timedelta(hours=2)
    assert clock.real_seconds(timedelta(days=1)) == 10


def test_programs_with_one_setting_and_one_home_show_one_time(tmp_path: Path) -> None:
    setting = "rate=3600,from=2026-01-05T06:00:00Z"
    with ask(setting, tmp_path) as first:
        shown = read(first)
        later = open_clock(ClockSetting.parse(setting), home=tmp_path).now()

        assert timedelta() <= later - shown < timedelta(hours=5)
        first.communicate("")


def test_a_clock_whose_programs_have_all_ended_starts_anew(tmp_path: Path) -> None:
    setting = "rate=100000,from=2026-01-05T06:00:00Z"
    for _ in range(2):
        with ask(setting, tmp_path) as program:
            assert read(program) - datetime(2026, 1, 5, 6, tzinfo=UTC) < timedelta(hours=6)
            program.communicate("")


def ask(setting: str, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ASK, setting, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def read(program: subprocess.Popen[str]) -> datetime:
    assert program.stdout
    return datetime.fromisoformat(program.stdout.readline().strip())
