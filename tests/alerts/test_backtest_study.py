"""The back-test's extras: intervals, two settings compared, the drawing, and files that no home wrote."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from alerts.judgement.history import Event
from alerts.judgement.registry import DETECTORS
from alerts.study import backtest_command, comparison, intervals, many, operating_curve, trial
from alerts.study.backtest import Study
from alerts.study.backtest_command import BadSettingError, BadUsageError, UnknownDetectorError
from alerts.study.operating_curve import Curve
from schemas.history_csv import BadCsvError
from schemas.reading import HistoricReading

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
NOW = START + timedelta(days=5000)
DAY = timedelta(days=1)


def clinic() -> tuple[list[HistoricReading], list[Event]]:
    """Six noisy patients for 120 days; two of them gain 3 kg before an event."""
    rng, readings, events = np.random.default_rng(7), [], []
    for number in range(6):
        kg = 80 + rng.normal(0, 0.6, 120)
        if number < 2:
            kg[80:90] += np.linspace(0.3, 3, 10)
            events.append(Event(patient_id=f"P{number}", at=START + 91 * DAY, kind="decompensation"))
        readings += [
            HistoricReading(patient_id=f"P{number}", measured_at=START + day * DAY, weight_kg=Decimal(f"{weight:.1f}"))
            for day, weight in enumerate(kg)
        ]
    return readings, events


@pytest.fixture
def study() -> Study:
    readings, events = clinic()
    return Study(readings, events=events)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    readings, events = clinic()
    first, second = tmp_path / "READINGS.csv", tmp_path / "EVENTS.csv"
    rows = [f"{one.patient_id},{one.measured_at.isoformat()},{one.weight_kg}" for one in readings]
    first.write_text("patient_id,measured_at,weight_kg\n" + "\n".join([*rows, rows[0], rows[5]]) + "\n")
    second.write_text(
        "patient_id,at,kind\n" + "".join(f"{one.patient_id},{one.at.isoformat()},{one.kind}\n" for one in events)
    )
    return first, second


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0.1, 3)), min_size=2, max_size=30))
def test_an_interval_of_a_rate_holds_the_rate_and_does_not_change_by_itself(pairs: list[tuple[int, float]]) -> None:
    counts, years = [count for count, _ in pairs], [span for _, span in pairs]
    interval = intervals.of_ratio(counts, years)
    assert interval == intervals.of_ratio(counts, years)
    assert interval is not None
    ratios = [count / span for count, span in pairs]
    assert min(ratios) - 1e-9 <= interval[0] <= interval[1] <= max(ratios) + 1e-9


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_interval_of_a_share_is_wilsons(events: int, share: float) -> None:
    found = round(share * events)
    wilson = binomtest(found, events).proportion_ci(method="wilson")
    assert intervals.wilson(found, events) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


def test_one_patient_or_no_event_has_no_interval() -> None:
    assert intervals.of_ratio([3], [1.0]) is None
    assert intervals.of_ratio([0, 0], [0, 0]) is None
    assert intervals.of_median([4.0]) is None
    assert intervals.wilson(0, 0) is None


def test_the_curve_falls_with_the_threshold_and_ends_where_a_back_test_does(study: Study) -> None:
    operations = list(study.curve("guideline"))
    thresholds = [one.threshold for one in operations]
    assert thresholds == sorted(thresholds, reverse=True)
    assert all(one.false_alerts_per_patient_year <= trial.MOST_RATE for one in operations[:-1])
    for one in operations[::6]:
        result = study.result("guideline", threshold=one.threshold)
        assert result.false_alerts_per_patient_year == pytest.approx(one.false_alerts_per_patient_year)
        assert result.sensitivity == pytest.approx(one.sensitivity)


def test_the_drawing_is_svg_that_holds_each_curve_and_its_choice(study: Study) -> None:
    operations = list(study.curve("macd"))
    curves = [Curve(name=name, operations=operations, chosen=operations[3]) for name in ("macd", "a < b")]
    root = ET.fromstring(operating_curve.draw(curves, title="6 patients & 2 events"))
    names = [element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()]
    assert (names.count("polyline"), names.count("circle")) == (2, 2)
    assert {"a < b", "6 patients & 2 events"} <= {element.text for element in root.iter()}


def test_a_higher_threshold_only_lets_alerts_vanish_and_the_same_changes_nobody(study: Study) -> None:
    usual, strict = study.result("guideline"), study.result("guideline", threshold=3.5)
    changes = comparison.changed(usual, strict)
    assert changes
    assert all(one.vanish and not one.appear and not one.won_events for one in changes)
    assert comparison.changed(usual, usual) == []
    back = {one.patient_id: one.appear for one in comparison.changed(strict, usual)}
    assert back == {one.patient_id: one.vanish for one in changes}


def test_a_plot_is_a_picture_too_with_its_words_whatever_fonts_the_machine_has(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    plot = tmp_path / "curve.PNG"
    backtest_command.backtest(files[0], now=NOW, events_path=files[1], plot_out=plot, as_json=True, echo=lambda _: None)
    assert plot.read_bytes().startswith(b"\x89PNG")
    named, nameless = (operating_curve.as_png(operating_curve.draw([], title=title)) for title in ("30 patients", ""))
    assert named != nameless


def test_the_command_plots_compares_and_counts_what_is_there_twice(files: tuple[Path, Path], tmp_path: Path) -> None:
    said: list[str] = []
    backtest_command.backtest(
        files[0],
        now=NOW,
        events_path=files[1],
        compare="macd:1.5",
        plot_out=tmp_path / "curve.svg",
        as_json=True,
        echo=said.append,
    )
    figures = json.loads(said[0])
    assert figures["duplicates"] == 2
    assert figures["false_alerts_per_patient_year_95"][0] <= figures["false_alerts_per_patient_year"]
    assert figures["compared_with"]["threshold_kg"] == 1.5
    assert {"patient_id", "vanish", "appear", "lost_events", "won_events"} == set(figures["patients_changed"][0])
    assert (tmp_path / "curve.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"compare": "horoscope"}, UnknownDetectorError),
        ({"compare": "macd:high"}, BadSettingError),
        ({"compare": "macd:-1"}, BadSettingError),
        ({"plot_out": Path("curve.gif")}, BadUsageError),
        ({"plot_out": Path("curve.svg")}, BadUsageError),
    ],
)
def test_options_that_cannot_be_are_refused(
    files: tuple[Path, Path], options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        backtest_command.backtest(files[0], now=NOW, **options)  # type: ignore[arg-type]


def test_ten_years_of_minutes_are_refused_at_the_first_day(tmp_path: Path) -> None:
    path = tmp_path / "READINGS.csv"
    with path.open("w") as file:
        file.write("patient_id,measured_at,weight_kg\n")
        file.writelines(f"P1,{(START + timedelta(minutes=n)).isoformat()},80.0\n" for n in range(100_000))
    with pytest.raises(BadCsvError, match=r"row 302, column measured_at: patient P1 has more than 300 weights"):
        backtest_command.backtest(path, now=NOW)


def test_two_people_under_one_id_are_told_apart_by_the_first_and_named_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "READINGS.csv"
    rows = [
        f"P1,{(START + day * DAY + timedelta(minutes=minutes)).isoformat()},{kg}"
        for day in range(30)
        for minutes, kg in ((0, 80.0 + day % 2 / 10), (20, 62.0))
    ]
    path.write_text("patient_id,measured_at,weight_kg\n" + "\n".join(rows) + "\n")
    said: list[str] = []
    result = backtest_command.backtest(path, now=NOW, as_json=True, echo=said.append)
    assert not [alert for alert in result.alerts if alert.kind != "no_transmission"]
    assert json.loads(said[0])["doubted_reasons"] == {"implausible_jump": 1, "other_person": 29}


@given(
    weights=st.lists(st.tuples(st.integers(0, 60 * 24), st.integers(780, 840)), min_size=1, max_size=40),
    pause=st.integers(1, 59),
)
@example(weights=[(1, 780), (265, 780), (265, 781)], pause=1)  # two at once, the first after a pause
def test_many_patients_at_once_are_scored_as_one_by_one(weights: list[tuple[int, int]], pause: int) -> None:
    readings = [
        HistoricReading(
            patient_id=f"P{hour % 3}", measured_at=START + timedelta(hours=hour), weight_kg=Decimal(tenths) / 10
        )
        for hour, tenths in weights
    ]
    until = START + pause * DAY
    study = Study(readings, events=[Event(patient_id="P1", at=START, kind="pause", until=until)])
    for name in many.AT_ONCE:
        alone = [course.scores(DETECTORS[name], plan=study.plan) for course in study.courses]
        for one, together in zip(alone, study.scores(name), strict=True):
            assert together == pytest.approx(one, abs=0.002)
