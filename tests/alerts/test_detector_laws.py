"""The laws that the published detectors and Vigie's own keep."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.detectors import (
    carried,
    control_chart,
    cusum,
    engage_hf,
    fast,
    guideline,
    guideline_loss,
    heartphone,
    macd,
    scale_hf,
    vigie,
    vigie_course,
    vigie_features,
)
from alerts.detectors.detector import NO_DAYS, NOTHING, Days, Detector, Kilograms, Known, exceeds
from alerts.detectors.vigie_weights import OUT, WEIGHTS
from alerts.judgement import baseline
from alerts.judgement.baseline import Weight
from deploy.bench import peers, worlds
from schemas.plan import Plan
from simulator import chronicle

PLAN = Plan()
PEERS: list[Detector] = [control_chart, cusum, engage_hf, fast, heartphone, scale_hf]
EVERY: list[Detector] = [vigie, guideline, guideline_loss, macd, *PEERS]
every_detector = pytest.mark.parametrize("detector", EVERY, ids=lambda detector: detector.NAME)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Days, Kilograms]:
    """Believable ones: a walk, its noise, gaps, now and then a ramp or another person."""
    size, seed = draw(st.integers(2, 60)), draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    days = np.cumsum(rng.choice([1, 1, 1, 1, 2, 3, 9], size)).astype(np.int64)
    ramp = np.clip(np.arange(size) - draw(st.integers(0, 60)), 0, 14) * draw(st.sampled_from([0.0, 0.1, 0.5]))
    kg: Kilograms = 80 + rng.normal(0, 0.4, size) + np.cumsum(rng.normal(0, 0.15, size)) + ramp
    kg[rng.random(size) < 0.02] += 17
    return days, np.round(kg, 1)


def fired(detector: Detector, days: Days, kg: Kilograms) -> list[bool]:
    return [exceeds(score, detector.threshold(PLAN)) for score in detector.scores(days, kg, plan=PLAN).tolist()]


@every_detector
@settings(max_examples=40, deadline=None)
@given(history=histories(), cut=st.integers(1, 59))
def test_cutting_a_history_anywhere_changes_nothing_before(
    detector: Detector, history: tuple[Days, Kilograms], cut: int
) -> None:
    days, kg = history
    whole = detector.scores(days, kg, plan=PLAN)
    assert detector.scores(days[:cut], kg[:cut], plan=PLAN).tolist() == whole[:cut].tolist()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 21), st.integers(-25, 25)), min_size=4, max_size=30),
    stranger=st.integers(1, 29),
)
def test_a_jump_to_come_doubts_no_earlier_weight_of_somebody_who_weighs_seldom(
    rows: list[tuple[int, int]], stranger: int
) -> None:
    """Who gains 4 kg from one fortnight's weight to the next is as far from the last five as who does in a week."""
    days = np.cumsum([gap for gap, _ in rows])
    kg = np.round(80 + np.cumsum([step for _, step in rows]) / 10, 1)
    cut = min(stranger, len(kg) - 1)
    kg[cut] += 17
    whole = vigie.scores(days, kg, plan=PLAN)
    assert vigie.scores(days[:cut], kg[:cut], plan=PLAN).tolist() == whole[:cut].tolist()


@every_detector
def test_who_never_weighed_has_no_score(detector: Detector) -> None:
    assert detector.scores(NO_DAYS, np.zeros(0), plan=PLAN).tolist() == []


@every_detector
@settings(max_examples=40, deadline=None)
@given(history=histories(), shift=st.integers(-300, 300))
def test_a_constant_in_kg_changes_no_alert(detector: Detector, history: tuple[Days, Kilograms], shift: int) -> None:
    days, kg = history
    assert fired(detector, days, kg) == fired(detector, days, np.round(kg + shift / 10, 1))


@every_detector
@settings(max_examples=20, deadline=None)
@given(history=histories(), shuffle=st.randoms())
def test_duplicates_and_order_change_nothing(
    detector: Detector, history: tuple[Days, Kilograms], shuffle: Random
) -> None:
    first = datetime(2026, 1, 5, 7, tzinfo=UTC)
    weights = [
        Weight(measured_at=first + timedelta(days=day), weight_kg=kg)
        for day, kg in zip(history[0].tolist(), history[1].tolist(), strict=True)
    ]
    again = [*weights, *shuffle.choices(weights, k=len(weights))]
    shuffle.shuffle(again)
    plain, mixed = (baseline.arrays(baseline.daily_weights(some, zone=ZoneInfo("UTC"))) for some in (weights, again))
    assert detector.scores(*plain, plan=PLAN).tolist() == detector.scores(*mixed, plan=PLAN).tolist()


@every_detector
@settings(max_examples=60, deadline=None)
@given(history=histories(), gap=st.integers(2, 9), gain=st.integers(1, 35))
def test_missing_days_before_a_gain_lower_no_score(
    detector: Detector, history: tuple[Days, Kilograms], gap: int, gain: int
) -> None:
    """Against the same days filled with the last weight, which says that nothing happened in them.

    A weight that waits for a second one is none of this: the days filled in would be that second one.
    """
    days, kg = history
    newest = round(float(kg[-1]) + gain / 10, 1)
    assume(believed(days, kg) and believed(np.append(days, days[-1] + gap), np.append(kg, newest)))
    alone = detector.scores(np.append(days, days[-1] + gap), np.append(kg, newest), plan=PLAN)[-1]
    filled = np.append(days, days[-1] + np.arange(1, gap + 1))
    repeated = np.concatenate([kg, np.full(gap - 1, kg[-1]), [newest]])
    assert alone >= detector.scores(filled, repeated, plan=PLAN)[-1] - 1e-6


def believed(days: Days, kg: Kilograms) -> bool:
    """Whether the newest weight needs no second one that agrees."""
    return bool(vigie_course.course(vigie.grid([(days, kg, NOTHING)])).believed[0, -1])


@every_detector
@settings(max_examples=40, deadline=None)
@given(history=histories())
def test_the_counterfactual_weight_would_not_have_fired_and_a_little_more_would(
    detector: Detector, history: tuple[Days, Kilograms]
) -> None:
    days, kg = history
    limit = detector.would_not_fire_at_kg(days, kg, plan=PLAN)
    if limit is None:
        return
    beyond = -0.2 if detector is guideline_loss else 0.2
    if detector is vigie:
        beyond = 0.002  # it is searched, to the gram
    assert not fired(detector, days, np.append(kg[:-1], limit))[-1]
    if detector is not macd:  # its first averages hang on so few weights that 0.2 kg moves them by less than 5 g
        assert fired(detector, days, np.append(kg[:-1], limit + beyond))[-1]


def test_many_patients_at_once_get_what_each_gets_alone() -> None:
    people = chronicle.chronicle(worlds.OTHERS[3], patients=150, days=200, seed=3)
    together = peers.scores(vigie, people)
    for patient, kg in enumerate(people.kg):
        weighed = np.flatnonzero(~np.isnan(kg))
        anchors = [*people.anchors[patient], *(event.treated + 1 for event in people.events[patient])]
        first = int(people.first_day[patient])
        known = Known(anchors=first + np.array(sorted(anchors), dtype=np.int64), hours=people.hour[patient, weighed])
        alone = vigie.scores(first + weighed, kg[weighed], plan=PLAN, known=known)
        assert alone.tolist() == together[patient, weighed].tolist()
    assert np.nanmax(together) > PLAN.vigie_threshold


@settings(max_examples=40, deadline=None)
@given(some=st.lists(histories(), min_size=1, max_size=5), threshold=st.sampled_from([5.0, 33.0]))
def test_many_patients_at_once_would_not_have_fired_where_each_would_not_alone(
    some: list[tuple[Days, Kilograms]], threshold: float
) -> None:
    plan = PLAN.model_copy(update={"vigie_threshold": threshold})
    alone = [vigie.would_not_fire_at_kg(days, kg, plan=plan) for days, kg in some]
    assert vigie.would_not_fire_of([(days, kg, NOTHING) for days, kg in some], plan=plan) == alone


@settings(max_examples=60, deadline=None)
@given(history=histories(), missed=st.sets(st.integers(1, 27), max_size=20))
def test_no_day_missed_in_the_last_four_weeks_lowers_the_score_by_itself(
    history: tuple[Days, Kilograms], missed: set[int]
) -> None:
    """Days that weighed the same as the last one before say nothing but that somebody weighed."""
    some, all_of_them = with_flat_days_missed(history, missed, flat_days=28)
    assert some >= all_of_them - 1e-6


@settings(max_examples=60, deadline=None)
@given(history=histories(), missed=st.sets(st.integers(1, 91), max_size=60))
def test_no_day_missed_earlier_lowers_a_score_unless_days_were_missed_lately(
    history: tuple[Days, Kilograms], missed: set[int]
) -> None:
    """So a habit of missing days takes something from later missed days, and nothing from a gain."""
    some, all_of_them = with_flat_days_missed(history, missed, flat_days=120)
    assert some == all_of_them


def with_flat_days_missed(history: tuple[Days, Kilograms], missed: set[int], *, flat_days: int) -> tuple[float, float]:
    """The score of a small gain after so many days of the same weight, with some of them missed, and with none."""
    days, kg = history
    assume(abs(kg[-1] - kg[-2]) < vigie_course.JUMP_KG)
    every = np.append(days, np.arange(days[-1] + 1, days[-1] + flat_days + 1))
    weights = np.concatenate([kg, np.full(flat_days - 1, kg[-1]), [kg[-1] + 0.7]])
    kept = ~np.isin(every, [days[-1] + day for day in missed])
    some, all_of_them = (vigie.scores(every[those], weights[those], plan=PLAN)[-1] for those in (kept, kept | True))
    return float(some), float(all_of_them)


def test_days_missed_more_than_usual_raise_the_score() -> None:
    days, kg = steady(90)
    scattered = np.isin(days, [77, 79, 80, 82, 84, 85, 87, 88])
    told = vigie.scores(days[~scattered], kg[~scattered], plan=PLAN)[-1]
    assert told > 2 * vigie.scores(days, kg, plan=PLAN)[-1]
    away = Known(excused=days[scattered])
    assert vigie.scores(days[~scattered], kg[~scattered], plan=PLAN, known=away)[-1] < told


def test_an_evening_weight_alarms_less_than_the_same_weight_in_the_morning() -> None:
    days, kg = steady(60)
    kg[-2:] = 81.6
    morning, evening = np.full(60, 7.0), np.full(60, 7.0)
    evening[-2:] = 20.0
    scores = [vigie.scores(days, kg, plan=PLAN, known=Known(hours=hours))[-1] for hours in (morning, evening)]
    assert scores[1] < scores[0] / 2


def steady(size: int = 60) -> tuple[Days, Kilograms]:
    rng = np.random.default_rng(4)
    return np.arange(size), np.round(80 + rng.normal(0, 0.35, size), 1)


@pytest.mark.parametrize("jump", [-35.0, -12.0, -5.0, 5.0, 12.0, 35.0])
def test_one_reading_of_another_person_changes_no_score(jump: float) -> None:
    days, kg = steady()
    other = kg.copy()
    other[40] += jump
    before = vigie.scores(days, kg, plan=PLAN)
    after = vigie.scores(days, other, plan=PLAN)
    assert after[40] == after[39]
    assert not any(exceeds(score, PLAN.vigie_threshold) for score in [*before, *after])


def test_a_second_reading_that_agrees_turns_a_jump_into_a_gain() -> None:
    days, kg = steady()
    kg[40:] += 5.5
    scores = vigie.scores(days, kg, plan=PLAN)
    assert scores[40] == scores[39]
    assert exceeds(scores[41:44].max(), PLAN.vigie_threshold)


def test_a_jump_that_a_person_confirmed_waits_for_no_second_weight() -> None:
    days, kg = steady()
    kg[40] += 5.5
    scores = vigie.scores(days[:41], kg[:41], plan=PLAN, known=Known(confirmed=days[40:41]))
    assert exceeds(scores[40], PLAN.vigie_threshold)
    limit = vigie.would_not_fire_at_kg(days[:41], kg[:41], plan=PLAN, known=Known(confirmed=days[40:41]))
    assert limit is not None
    assert limit < kg[40]


@pytest.mark.parametrize("times", [2, 3, 9])
def test_another_person_several_days_running_is_no_gain(times: int) -> None:
    days, kg = steady()
    kg[40 : 40 + times] += 29.0
    scores = vigie.scores(days, kg, plan=PLAN)
    assert not exceeds(scores.max(), PLAN.vigie_threshold)


def test_a_known_new_beginning_is_no_gain() -> None:
    days, kg = steady()
    kg[40:] += 2.5
    assert exceeds(vigie.scores(days, kg, plan=PLAN).max(), PLAN.vigie_threshold)
    told = vigie.scores(days, kg, plan=PLAN, known=Known(anchors=np.array([38, 40])))
    assert not exceeds(told.max(), PLAN.vigie_threshold)


def test_the_same_gain_scores_higher_in_a_quiet_person() -> None:
    rng = np.random.default_rng(5)
    noise, ramp = rng.normal(0, 1, 160), np.clip(np.arange(160) - 152, 0, None) * 0.2
    weights: list[Kilograms] = [80 + sd * noise + ramp for sd in (0.2, 0.8)]
    quiet, restless = (vigie.scores(np.arange(160), kg, plan=PLAN)[-1] for kg in weights)
    assert quiet > restless


def test_missed_days_raise_the_score_along_every_path() -> None:
    missed = WEIGHTS[:, [vigie_features.NAMES.index(name) for name in vigie_features.MISSED_NAMES]]
    assert (missed[-1] >= 0).all()
    assert (missed[:-1] * OUT[:, np.newaxis] >= 0).all()


@pytest.mark.parametrize(
    ("detector", "kg", "expected"),
    [
        (fast, [80.0, 81.3], False),
        (fast, [80.0, 81.4], True),
        (fast, [80.0, 80.8, 81.6, 82.3], True),  # 2.3 kg in 3 days
        (fast, [80.0, 80.6, 81.2, 81.8, 82.4], False),  # 2.4 kg in 4 days
        (scale_hf, [80.0, 80.6, 81.2, 81.8, 82.4], True),  # 2.4 kg in 7 days
        (engage_hf, [80.0, 80.0, 80.0, 80.0, 81.36], True),  # 3 lb or more
        (engage_hf, [80.0, 80.0, 80.0, 80.0, 81.3], False),
        (heartphone, [80.0] * 20 + [81.0, 81.0], False),  # two in a row
        (heartphone, [80.0] * 20 + [81.0, 81.1, 81.2], True),
        (cusum, [80.0] * 20 + [81.0] * 6, True),
        (cusum, [80.0] * 20 + [95.0], False),  # one bad weighing
        (control_chart, [80.0] * 20 + [82.0], True),
        (control_chart, [80.0] * 20 + [80.5], False),
    ],
)
def test_the_published_rules_fire_as_their_papers_say(detector: Detector, kg: list[float], expected: bool) -> None:
    assert fired(detector, np.arange(len(kg)), np.array(kg))[-1] is expected


@settings(max_examples=40, deadline=None)
@given(history=histories())
def test_engage_hf_compares_with_the_median_of_seven_days_whether_all_at_once_or_one_by_one(
    history: tuple[Days, Kilograms],
) -> None:
    daily, weights, measured = carried.filled(*history)
    one_by_one = [
        weights[at] - np.median(weights[(daily <= day) & (daily > day - engage_hf.WINDOW_DAYS)])
        for at, day in enumerate(daily.tolist())
    ]
    assert engage_hf.scores(*history, plan=PLAN).tolist() == (np.round(np.array(one_by_one)[measured], 4) + 0).tolist()


STEPS_UP: list[list[float]] = [[2.4], [1.2, 2.4], [0.8, 1.6, 2.4], [0.8, 1.6, 2.4, 2.4], [2.4, 2.4]]


@pytest.mark.parametrize("known_days", [1, 4, 9, 10, 11, 15, 30, 90])
@pytest.mark.parametrize("gain", STEPS_UP, ids=str)
def test_a_clear_gain_of_more_than_2_kg_within_3_days_alerts_however_long_somebody_is_known(
    gain: list[float], known_days: int
) -> None:
    rng = np.random.default_rng(known_days)
    kg = np.round(80 + np.append(rng.normal(0, 0.15, known_days), gain), 1)
    assert any(fired(vigie, np.arange(739_000, 739_000 + len(kg)), kg)[known_days:])


@settings(max_examples=60, deadline=None)
@given(history=histories(), threshold=st.sampled_from([20.0, 33.0, 45.0]), gain_kg=st.sampled_from([1.0, 2.0, 3.0]))
def test_in_the_first_days_the_guideline_stands_in_at_the_default_threshold(
    history: tuple[Days, Kilograms], threshold: float, gain_kg: float
) -> None:
    """At another one the gain that alerts is in proportion."""
    assume(np.ptp(history[1]) < vigie_course.JUMP_KG)
    first = history[0] - history[0][0] < vigie.WAIT_DAYS
    days, kg = history[0][first], history[1][first]
    plan = Plan(gain_kg=gain_kg, vigie_threshold=threshold)
    rule = plan.model_copy(update={"gain_kg": gain_kg * threshold / Plan().vigie_threshold})
    gains, scores = guideline.scores(days, kg, plan=rule), vigie.scores(days, kg, plan=plan)
    clearly = np.abs(gains - rule.gain_kg) > 0.02
    assert (scores > threshold)[clearly].tolist() == (gains > rule.gain_kg)[clearly].tolist()


def test_where_everything_begins_anew_no_other_weight_would_have_alerted() -> None:
    """The first weight after a hospital stay is measured against itself."""
    days, kg = np.append(np.arange(40), 51) + 739_000, np.full(41, 80.0)
    known = Known(anchors=days[39:40] + 5)
    assert vigie.would_not_fire_at_kg(days, kg, plan=PLAN) is not None
    assert vigie.would_not_fire_at_kg(days, kg, plan=PLAN, known=known) is None
