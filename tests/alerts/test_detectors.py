"""The laws that every detector keeps, and the tables of each."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.detectors import cardiauvergne, guideline, guideline_loss, macd, silence
from alerts.detectors.detector import Days, Detector, Kilograms, exceeds
from schemas.plan import Plan

PLAN = Plan()
PARIS = ZoneInfo("Europe/Paris")
ALL: list[Detector] = [guideline, guideline_loss, macd]
every_detector = pytest.mark.parametrize("detector", ALL, ids=lambda detector: detector.NAME)

histories = st.lists(st.tuples(st.integers(1, 20), st.integers(600, 1000)), min_size=1, max_size=40).map(
    lambda rows: (np.cumsum([gap for gap, _ in rows]), np.array([tenths / 10 for _, tenths in rows]))
)


def fired(detector: Detector, days: Days, kg: Kilograms, plan: Plan = PLAN) -> list[bool]:
    return [exceeds(score, detector.threshold(plan)) for score in detector.scores(days, kg, plan=plan).tolist()]


@every_detector
@given(history=histories, shift=st.integers(-200, 200))
def test_a_constant_added_to_all_weights_changes_no_alert(
    detector: Detector, history: tuple[Days, Kilograms], shift: int
) -> None:
    days, kg = history
    moved = np.round(kg + shift / 10, 1)
    assert fired(detector, days, kg) == fired(detector, days, moved)


@every_detector
@given(history=histories, cut=st.integers(1, 40))
def test_cutting_the_history_changes_nothing_before_the_cut(
    detector: Detector, history: tuple[Days, Kilograms], cut: int
) -> None:
    days, kg = history
    whole = detector.scores(days, kg, plan=PLAN)
    assert detector.scores(days[:cut], kg[:cut], plan=PLAN).tolist() == whole[:cut].tolist()


@every_detector
@given(history=histories)
def test_the_counterfactual_weight_would_not_have_fired_and_a_little_more_would(
    detector: Detector, history: tuple[Days, Kilograms]
) -> None:
    days, kg = history
    limit = detector.would_not_fire_at_kg(days, kg, plan=PLAN)
    if limit is None:
        assert len(set(days.tolist())) == len(days)
        return
    beyond = -0.2 if detector is guideline_loss else 0.2
    assert not fired(detector, days, np.append(kg[:-1], limit))[-1]
    assert fired(detector, days, np.append(kg[:-1], limit + beyond))[-1]


@given(history=histories, gap=st.integers(2, 14))
def test_a_missing_day_counts_as_the_weight_before_it(history: tuple[Days, Kilograms], gap: int) -> None:
    """So a day left out never lowers the guideline's score by itself."""
    days, kg = history
    newest = kg[-1] + 1.0
    with_gap = guideline.scores(np.append(days, days[-1] + gap), np.append(kg, newest), plan=PLAN)
    filled = np.append(days, days[-1] + np.arange(1, gap + 1))
    same_again = np.concatenate([kg, np.full(gap - 1, kg[-1]), [newest]])
    assert with_gap[-1] == guideline.scores(filled, same_again, plan=PLAN)[-1]


@pytest.mark.parametrize(
    ("kg", "expected"),
    [
        ([80.3, 80.3, 80.3, 82.3], False),  # exactly 2.0 kg is not more than 2 kg
        ([80.1, 80.1, 80.1, 82.1], False),  # whatever floating point says
        ([80.0, 80.0, 80.0, 82.01], True),
        ([80.0, 80.0, 80.0, 82.05], True),
        ([80.0, 80.0, 82.1], True),
        ([80.0, 82.1], True),
        ([82.1], False),
        ([80.0, 80.5, 81.0, 82.1], True),
        ([80.0, 80.6, 81.2, 81.8, 82.4], False),  # 2.4 kg in 4 days
    ],
)
def test_the_guideline_fires_on_more_than_2_kg_in_3_days(kg: list[float], expected: bool) -> None:
    assert fired(guideline, np.arange(len(kg)), np.array(kg))[-1] is expected


def test_three_pounds_are_not_more_than_1_36_kg() -> None:
    plan = Plan(gain_kg=1.36, gain_days=1)
    kg = np.round(np.array([181.0, 184.0]) * 0.45359237, 3)
    assert kg[1] - kg[0] > 1.36
    assert fired(guideline, np.arange(2), kg, plan) == [False, False]
    assert fired(guideline, np.arange(2), np.round(np.array([181.0, 184.2]) * 0.45359237, 3), plan) == [False, True]


@pytest.mark.parametrize(("gap", "expected"), [(1, True), (3, True), (7, True), (14, True), (15, False)])
def test_a_gain_during_a_gap_is_seen_at_its_end_for_14_days(gap: int, expected: bool) -> None:
    assert fired(guideline, np.array([0, gap]), np.array([80.0, 82.5]))[-1] is expected


def test_losing_weight_is_not_gaining_it() -> None:
    days, kg = np.arange(4), np.array([82.5, 82.0, 81.0, 80.0])
    assert fired(guideline_loss, days, kg)[-1]
    assert not any(fired(guideline, days, kg) + fired(macd, days, kg))


def test_macd_sees_a_slow_ramp_that_the_guideline_does_not() -> None:
    days = np.arange(60)
    kg = np.round(80 + np.clip(days - 30, 0, None) * 0.15, 2)
    assert any(fired(macd, days, kg))
    assert not any(fired(guideline, days, kg))


def test_macd_forgives_one_bad_weighing() -> None:
    kg = np.full(40, 80.0)
    kg[30] = 83.0
    assert not any(fired(macd, np.arange(40), kg))


@pytest.mark.parametrize(("kg", "alarm"), [(76.0, False), (76.1, True)])
def test_more_than_5_kg_above_the_dry_weight_is_an_alarm(kg: float, alarm: bool) -> None:
    assert cardiauvergne.is_alarm(cardiauvergne.above_kg(kg, dry_kg=71, baseline_kg=None), plan=PLAN) is alarm
    assert cardiauvergne.is_alarm(cardiauvergne.above_kg(kg, dry_kg=None, baseline_kg=71), plan=PLAN) is alarm
    assert not cardiauvergne.is_alarm(cardiauvergne.above_kg(kg, dry_kg=None, baseline_kg=None), plan=PLAN)


@pytest.mark.parametrize(
    ("last", "due"),
    [
        ("2026-03-02T07:00+01:00", "2026-03-06T00:00+01:00"),  # Monday morning: Friday's first instant
        ("2026-03-02T23:59+01:00", "2026-03-06T00:00+01:00"),
        ("2026-03-27T07:00+01:00", "2026-03-31T00:00+02:00"),  # over the night without 2 o'clock
    ],
)
def test_silence_is_due_after_three_whole_local_days(last: str, due: str) -> None:
    instant = silence.due_at(datetime.fromisoformat(last), zone=PARIS, plan=PLAN)
    assert instant == datetime.fromisoformat(due)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)), st.integers(1, 7))  # noqa: DTZ001 aware by `timezones`
def test_at_the_due_instant_so_many_whole_days_have_passed_and_not_a_moment_before(last: datetime, days: int) -> None:
    plan = Plan(silence_days=days)
    due = silence.due_at(last, zone=PARIS, plan=plan)
    assert silence.missed_days(last, due, zone=PARIS, plan=plan) == days
    assert silence.missed_days(last, due - timedelta(microseconds=1), zone=PARIS, plan=plan) == days - 1


def test_no_plan_switches_the_silence_alert_off() -> None:
    assert Plan.model_fields["silence_days"].annotation is int
    for settings in ({"silence_days": 0}, {"silence_days": 8}, {"silence_days": None}, {"silence": False}):
        with pytest.raises(ValidationError):
            Plan.model_validate(settings)
