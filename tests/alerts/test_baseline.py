"""Daily weight, baseline and noise."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.judgement import baseline
from alerts.judgement.baseline import Weight

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)

weights = st.builds(
    Weight,
    measured_at=st.integers(0, 20 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    weight_kg=st.integers(400, 1200).map(lambda tenths: tenths / 10),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def test_a_day_weighs_the_median_of_its_first_ten_minutes() -> None:
    day = [
        Weight(measured_at=at("2026-01-05T07:00"), weight_kg=80.0),
        Weight(measured_at=at("2026-01-05T07:04"), weight_kg=80.4),
        Weight(measured_at=at("2026-01-05T07:10"), weight_kg=80.1),
        Weight(measured_at=at("2026-01-05T07:11"), weight_kg=95.0),
        Weight(measured_at=at("2026-01-05T21:00"), weight_kg=81.5),
    ]
    (daily,) = baseline.daily_weights(day, zone=PARIS)
    assert daily.weight_kg == 80.1
    assert [weight.weight_kg for weight in daily.ignored] == [95.0, 81.5]


def test_days_end_at_the_patients_own_midnight() -> None:
    night = [
        Weight(measured_at=datetime(2026, 1, 5, 22, 59, tzinfo=UTC), weight_kg=80),
        Weight(measured_at=datetime(2026, 1, 5, 23, 1, tzinfo=UTC), weight_kg=81),
    ]
    assert len(baseline.daily_weights(night, zone=PARIS)) == 2
    assert len(baseline.daily_weights(night, zone=ZoneInfo("America/Guadeloupe"))) == 1


@given(st.lists(weights, max_size=12).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some + some[:3]))))
def test_neither_order_nor_duplicates_change_a_daily_weight(histories: tuple[list[Weight], list[Weight]]) -> None:
    one, other = histories
    assert baseline.daily_weights(one, zone=PARIS) == baseline.daily_weights(other, zone=PARIS)


@given(st.lists(weights, max_size=12), st.integers(0, 20 * 24 * 60))
def test_what_was_known_at_a_reading_does_not_depend_on_later_ones(some: list[Weight], minutes: int) -> None:
    cut = START + timedelta(minutes=minutes)
    known = list(baseline.as_they_come([weight for weight in some if weight.measured_at <= cut], zone=PARIS))
    assert list(baseline.as_they_come(some, zone=PARIS))[: len(known)] == known


@pytest.mark.parametrize(("count", "expected"), [(5, None), (6, 80.0), (28, 80.0)])
def test_a_baseline_needs_five_weights_before_the_newest(count: int, expected: float | None) -> None:
    days, kg = np.arange(count), np.full(count, 80.0)
    kg[-1] = 90.0
    assert baseline.baseline_kg(days, kg) == expected


@given(st.dictionaries(st.integers(0, 90), st.integers(780, 860), min_size=1))
def test_the_baselines_of_all_days_at_once_are_each_days_own(tenths: dict[int, int]) -> None:
    days = np.array(sorted(tenths), dtype=np.int64)
    kg = np.array([tenths[day] / 10 for day in days.tolist()])
    each = [baseline.baseline_kg(days[:known], kg[:known]) for known in range(1, len(days) + 1)]
    assert baseline.baselines_kg(days, kg) == each


def test_noise_follows_the_person_not_one_bad_day() -> None:
    generator = np.random.default_rng(1)
    days, kg = np.arange(60), 80 + generator.normal(0, 0.5, 60)
    quiet = baseline.noise_kg(days, kg)
    kg[30] += 8
    assert quiet == pytest.approx(0.5 * 2**0.5, rel=0.35)
    assert baseline.noise_kg(days, kg) == pytest.approx(quiet, rel=0.1)


def test_noise_has_a_floor_and_a_usual_value() -> None:
    assert baseline.noise_kg(np.arange(30), np.full(30, 80.0)) == baseline.NOISE_FLOOR_KG
    assert baseline.noise_kg(np.arange(3), np.full(3, 80.0)) == baseline.NOISE_USUAL_KG
