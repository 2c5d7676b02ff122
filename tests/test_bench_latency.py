from typing import Any

import pytest

from deploy.bench import latency


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return latency.run(seconds=3)


@pytest.mark.parametrize(("rate", "readings", "worse"), [(1, 3, 3), (200, 600, 6)])
def test_every_reading_is_receipted_and_every_sick_patient_seen_after_a_time_that_is_told(
    measured: dict[str, Any], rate: int, readings: int, worse: int
) -> None:
    load = next(load for load in measured["rates"] if load["readings_per_second"] == rate)
    assert (load["readings"], load["worse"]) == (readings, worse)
    assert [load[f"{stage}_ms"]["missing"] for stage in ("receipt", "episode", "screen")] == [0, 0, 0]
    assert 0 < load["receipt_ms"]["median"] <= load["receipt_ms"]["p99"]
    assert load["receipt_ms"]["median"] < load["screen_ms"]["median"]


def test_what_the_disk_costs_stands_next_to_it(measured: dict[str, Any]) -> None:
    assert 0 < measured["fdatasync_ms"]["median"] <= measured["fdatasync_ms"]["p99"]
