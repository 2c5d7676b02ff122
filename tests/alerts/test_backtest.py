"""The back-test: causal, the same as the live policy, and honest in its figures."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import policy
from alerts.detectors.detector import Detector
from alerts.judgement import assessment, history
from alerts.judgement.assessment import Assessment, Facts, Finding
from alerts.judgement.history import Event
from alerts.judgement.registry import DETECTORS
from alerts.policy import Episode
from alerts.study import backtest, trial
from alerts.study.backtest import BacktestResult
from schemas.alert import SEVERITIES
from schemas.plan import Plan
from schemas.reading import HistoricReading

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"

moments = st.integers(0, 40 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
rows = st.builds(
    HistoricReading,
    patient_id=st.sampled_from(["P1", "P2"]),
    measured_at=st.one_of(moments, st.integers(0, 40).map(lambda day: START + day * DAY)),
    weight_kg=st.integers(770, 880).map(lambda tenths: Decimal(tenths) / 10),
)
jumpy = st.sampled_from([80.0, 80.5, 62.0, 63.0, 176.0, 89.0])
happenings = st.one_of(
    st.builds(Event, patient_id=st.just("P1"), at=moments, kind=st.just("decompensation")),
    st.builds(Event, patient_id=st.just("P1"), at=moments, kind=st.just("dry_weight"), weight_kg=st.floats(70, 85)),
    st.builds(
        lambda at, days: Event(patient_id="P1", at=at, kind="pause", until=at + days * DAY), moments, st.integers(1, 9)
    ),
)


def readings(kg: Sequence[float], *, patient_id: str = "P1", start: datetime = START) -> list[HistoricReading]:
    return [
        HistoricReading(patient_id=patient_id, measured_at=start + day * DAY, weight_kg=Decimal(str(weight)))
        for day, weight in enumerate(kg)
    ]


def raised(result: BacktestResult, kind: str = "decompensation") -> list[int]:
    """The days after START of the alerts of one kind."""
    return [(alert.at - START).days for alert in result.alerts if alert.kind == kind]


@settings(max_examples=60, deadline=None)
@given(
    some=st.lists(rows, max_size=25),
    events=st.lists(happenings, max_size=4),
    cut=moments,
    detector=st.sampled_from(sorted(DETECTORS)),
)
def test_cutting_the_history_at_any_moment_changes_nothing_before_it(
    some: list[HistoricReading], events: list[Event], cut: datetime, detector: str
) -> None:
    whole = backtest.run(some, events=events, detector=detector)
    known = backtest.run(
        [row for row in some if row.measured_at <= cut],
        events=[event for event in events if event.at <= cut],
        detector=detector,
    )
    assert [score for score in known.scores if score.at <= cut] == [score for score in whole.scores if score.at <= cut]
    assert [alert for alert in known.alerts if alert.at <= cut] == [alert for alert in whole.alerts if alert.at <= cut]


@settings(max_examples=60, deadline=None)
@given(
    some=st.lists(
        st.tuples(st.integers(0, 60 * 24), st.sampled_from([80.0, 80.5, 62.0, 63.0, 176.0, 89.0])), max_size=25
    ),
    cut=moments,
)
def test_what_a_later_weight_confirms_changes_nothing_before_it(some: list[tuple[int, float]], cut: datetime) -> None:
    history_rows = [
        HistoricReading(patient_id="P1", measured_at=START + timedelta(hours=hour), weight_kg=Decimal(str(kg)))
        for hour, kg in some
    ]
    whole = backtest.run(history_rows)
    known = backtest.run([row for row in history_rows if row.measured_at <= cut])
    assert known.scores == [score for score in whole.scores if score.at <= cut]
    assert [one for one in known.alerts if one.at <= cut] == [one for one in whole.alerts if one.at <= cut]


def test_a_doubted_weight_counts_from_the_one_that_confirms_it_on() -> None:
    """Away for some days with a moved scale: the first weight waits, both are used once the second agrees."""
    result = backtest.run([*readings([80.0] * 5), *readings([89.5, 89.3], start=START + 8 * DAY)])
    assert (result.readings, result.doubts, result.released) == (6, {}, 1)
    assert raised(result) == [9]


@settings(max_examples=40, deadline=None)
@given(some=st.lists(rows, max_size=20).flatmap(lambda few: st.tuples(st.just(few), st.permutations(few + few[:5]))))
def test_order_and_duplicates_change_nothing(some: tuple[list[HistoricReading], list[HistoricReading]]) -> None:
    assert backtest.run(some[0]) == backtest.run(some[1])


@pytest.mark.parametrize("name", ["guideline", "vigie"])
@settings(max_examples=60, deadline=None)
@given(some=st.lists(rows.filter(lambda row: row.patient_id == "P1"), min_size=1, max_size=25))
def test_alerts_are_those_of_the_live_policy_with_each_episode_closed_at_once(
    name: str, some: list[HistoricReading]
) -> None:
    """`trial.raises` is a fast copy of assess + decide; here is the slow original."""
    detector, plan = DETECTORS[name], Plan()
    (course,) = history.courses(some, events=[])
    expected, latest = [], None
    for index, moment in enumerate(course.moments):
        finding = _alone(course, index, detector)
        actions = policy.decide(
            Assessment(findings=[finding]), latest=[latest] if latest else [], now=moment.at, first_light=False
        )
        for action in actions:
            if action.kind == "raised":
                expected.append(index)
                latest = _closed(action.finding, moment.at)
            else:
                assert latest is not None
                latest = replace(latest, in_band=True, ever_in_band=True)
    scores = course.scores(detector, plan=plan)
    assert trial.raises([course], [scores], detector=detector, plans=[plan]) == [expected]


def _alone(course: history.Course, index: int, detector: Detector) -> Finding:
    day = course.day(index, plan=Plan())
    evidence = day.evidence(detector)
    fires = evidence.score > evidence.threshold + 0.005
    return Finding(cause="decompensation", at=day.at, severity="alert" if fires else None, evidence=evidence)


def _closed(finding: Finding, at: datetime) -> Episode:
    return Episode(
        episode_id=1,
        cause="decompensation",
        severity="alert",
        state="closed",
        snoozed=False,
        last_raised_at=at,
        closed_at=at,
        closed_as_false=True,
        evidence=finding.evidence,
        in_band=False,
        ever_in_band=False,
    )


@settings(max_examples=40, deadline=None)
@given(some=st.lists(rows.filter(lambda row: row.patient_id == "P1"), min_size=1, max_size=25))
def test_the_live_assessment_gives_the_back_tests_last_score(some: list[HistoricReading]) -> None:
    (course,) = history.courses(some, events=[])
    known = [weight for day in course.daily for weight in (*day.used, *day.ignored)]
    facts = Facts(plan=Plan(), zone=ZoneInfo("Europe/Paris"), enrolled_at=START, weights=known)
    live = assessment.assess(facts, now=course.moments[-1].at, known_until=None)
    for verdict in live.verdicts:
        if verdict.detector in DETECTORS:
            assert verdict.score == course.scores(DETECTORS[verdict.detector], plan=Plan())[-1]


def test_a_step_is_one_alert_and_a_week_of_repeats_is_merged() -> None:
    step_and_back = readings([80.0] * 5 + [82.5] * 3 + [80.0] * 5 + [82.5])
    assert raised(backtest.run(step_and_back, detector="guideline")) == [5, 13]


def test_an_implausible_weight_is_neither_scored_nor_alerted() -> None:
    result = backtest.run(readings([80.0] * 5 + [95.0] + [80.0] * 3))
    assert raised(result) == []
    assert (result.readings, result.doubted) == (8, 1)


def test_a_ramp_before_an_event_is_found_and_one_without_is_false() -> None:
    ramp = [80.0] * 20 + [81.0, 82.2, 82.9]
    events = [Event(patient_id="P1", at=START + 27 * DAY, kind="decompensation")]
    result = backtest.run(readings(ramp) + readings(ramp, patient_id="P2"), events=events)
    assert (result.events, result.found) == (1, 1)
    assert (result.true_alerts, result.false_alerts, result.ppv) == (1, 1, 0.5)
    assert result.lead_days == [5.0]
    assert result.false_alerts_per_patient_year == pytest.approx(365.25 / 44)


@pytest.mark.parametrize(("days", "found"), [(0, 1), (30, 1), (31, 0), (-1, 0)])
def test_an_alert_counts_for_an_event_at_most_30_days_later(days: int, found: int) -> None:
    events = [Event(patient_id="P1", at=START + (5 + days) * DAY, kind="decompensation")]
    assert backtest.run(readings([80.0] * 5 + [82.5] + [80.0] * 40), events=events).found == found


def test_a_known_dry_weight_makes_an_alarm_of_an_alert() -> None:
    kg = [80.0] * 5 + [82.5]
    dry = Event(patient_id="P1", at=START + 2 * DAY, kind="dry_weight", weight_kg=77.0)
    late = replace(dry, at=START + 6 * DAY)
    assert [alert.severity for alert in backtest.run(readings(kg), events=[dry]).alerts][:1] == ["alarm"]
    assert [alert.severity for alert in backtest.run(readings(kg), events=[late]).alerts][:1] == ["alert"]


def test_a_pause_moves_the_silence_alert_to_its_end() -> None:
    kg = readings([80.0] * 3) + readings([80.0], start=START + 30 * DAY)
    pause = Event(patient_id="P1", at=START + 3 * DAY, kind="pause", until=START + 13 * DAY)
    assert raised(backtest.run(kg), "no_transmission") == [5, 33]
    paused = backtest.run(kg, events=[pause])
    assert raised(paused, "no_transmission") == [16, 33]
    assert paused.count("no_transmission") == 1, "what falls due after the last reading is listed, not counted"
    afterwards = replace(pause, at=START + 7 * DAY)
    assert raised(backtest.run(kg, events=[afterwards]), "no_transmission") == [5, 33]


def test_every_accepted_reading_has_a_score_and_every_alert_exceeds_the_threshold() -> None:
    evening = readings([81.0] * 10, start=START + timedelta(hours=12))
    result = backtest.run(readings([80.0] * 8 + [82.5, 83.5]) + evening)
    assert len(result.scores) == result.readings == 20
    scores = {(score.patient_id, score.at): score.score for score in result.scores}
    alerts = [alert for alert in result.alerts if alert.kind == "decompensation"]
    assert alerts
    assert all(scores[alert.patient_id, alert.at] == alert.score > result.threshold for alert in alerts)
    assert all(alert.severity in SEVERITIES for alert in alerts)


@pytest.mark.parametrize("budget", [0.0, 0.5, 2.0, 50.0])
@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_budget_is_kept_by_the_lowest_threshold_that_keeps_it(detector: str, budget: float) -> None:
    noisy = [80 + (day * 7919 % 31) / 10 for day in range(200)]
    events = [Event(patient_id="P1", at=START + 100 * DAY, kind="decompensation")]
    free = backtest.run(readings(noisy), events=events, detector=detector, budget=1000)
    result = backtest.run(readings(noisy), events=events, detector=detector, budget=budget)
    assert result.false_alerts_per_patient_year is not None
    assert result.false_alerts_per_patient_year <= budget
    assert result.threshold >= free.threshold
    assert free.false_alerts >= result.false_alerts
    if result.false_alerts == 0 and result.true_alerts == 0:
        assert result.never_alerts


@pytest.mark.parametrize(("kg", "budget"), [([80.0], 1.0), ([80.0] * 9, -1.0)])
def test_an_impossible_budget_is_refused(kg: list[float], budget: float) -> None:
    with pytest.raises(trial.BudgetError):
        backtest.run(readings(kg), budget=budget)


def test_nothing_weighed_gives_empty_figures() -> None:
    result = backtest.run([])
    assert (result.patients, result.alerts, result.false_alerts_per_patient_year, result.ppv) == (0, [], None, None)


def home_logs(pattern: str) -> list[HistoricReading]:
    """Real logs `t,kg`; a date without a time is a weighing at 7 in Paris."""
    if not WEIGHTS.is_dir():
        pytest.skip("the folder ../shared/weights of real weight logs is not there")
    zone = ZoneInfo("Europe/Paris")
    found = []
    for path in sorted(WEIGHTS.glob(pattern)):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                at = datetime.fromisoformat(row["t"] if "T" in row["t"] else f"{row['t']}T07:00:00")
                weight_kg = Decimal(row["kg"])
                found.append(
                    HistoricReading(patient_id=path.stem, measured_at=at.replace(tzinfo=zone), weight_kg=weight_kg)
                )
    return found


def test_real_daily_logs_give_the_false_alerts_that_noise_md_measured() -> None:
    """3-day gain > 2 kg: 4.3 alert-days (2.1-6.3), 3.4 episodes per person-year over 30 logs; 12 of them are here."""
    result = backtest.run(home_logs("nof1_*.csv"), detector="guideline")
    alert_days = sum(score.score > 2.005 for score in result.scores) / result.patient_years
    assert result.patients == 12
    assert 2.1 <= alert_days <= 6.3
    assert result.false_alerts_per_patient_year is not None
    assert 1.7 <= result.false_alerts_per_patient_year <= 5.5


def test_macd_is_quieter_than_the_guideline_on_real_daily_logs() -> None:
    logs = home_logs("nof1_*.csv")
    macd, guideline = (backtest.run(logs, detector=name).false_alerts for name in ("macd", "guideline"))
    assert macd < guideline


def test_a_real_logs_weight_that_came_back_thrice_is_believed_and_its_first_waits() -> None:
    """79.0 kg among 73: once refuted the next day, later on three mornings."""
    result = backtest.run(home_logs("nof1_12.csv"))
    assert (result.readings, result.doubts, result.released) == (59, {"implausible_jump": 1}, 2)
