"""The chart: every accepted weight within the frame, gaps as gaps, quarantine never stretches it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.judgement import baseline
from alerts.judgement.baseline import Weight
from clinician_api.patient import chart, usual
from clinician_api.patient import scene as scenes
from clinician_api.patient.chart import Point, Scene, Step
from clinician_api.patient.patient_record import Reading
from schemas.patient_day import DayState
from schemas.plan import Plan

END = datetime(2026, 11, 22, 7, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def point(days_ago: float, kg: float, reason: str | None = None) -> Point:
    return Point(measured_at=END - timedelta(days=days_ago), weight_kg=kg, reason=reason)


def scene(*points: Point, days: int = 30, steps: tuple[Step, ...] = ()) -> Scene:
    return Scene(start=END - timedelta(days=days), end=END, zone=PARIS, points=points, steps=steps)


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(2, 400), st.booleans()), max_size=60))
def test_every_weight_is_inside_the_frame(weights: list[tuple[float, float, bool]]) -> None:
    drawn = chart.draw(scene(*[point(ago, kg, "x" if doubted else None) for ago, kg, doubted in weights]))
    assert len(drawn.dots) + len(drawn.doubted) == len(weights)
    corners = [tuple(map(float, dot.split(","))) for dot in drawn.dots]
    for x, y in corners + [(dot.x, dot.y) for dot in drawn.doubted]:
        assert chart.LEFT <= x <= drawn.width - chart.RIGHT
        assert chart.TOP <= y <= drawn.floor


@given(st.floats(3, 300), st.floats(20, 300))
def test_a_weight_in_quarantine_moves_no_other(doubted_kg: float, kg: float) -> None:
    without = chart.draw(scene(point(1, kg), point(2, kg + 1)))
    beside = chart.draw(scene(point(1, kg), point(2, kg + 1), point(1.5, doubted_kg, "implausible_jump")))
    assert without.dots == beside.dots


@pytest.mark.parametrize(("days_ago", "lines", "gaps"), [((0, 1, 2), 1, 0), ((0, 1, 4, 5), 2, 1), ((5, 6), 1, 1)])
def test_missed_mornings_break_the_line_and_are_shaded(days_ago: tuple[float, ...], lines: int, gaps: int) -> None:
    drawn = chart.draw(scenes.scene(known(*days_ago), start=END - timedelta(days=30), end=END))
    assert (len(drawn.lines), len(drawn.gaps)) == (lines, gaps)
    assert all(gap.state is None for _, gap in drawn.gaps)


def known(*days_ago: float, days: dict[date, DayState] | None = None) -> scenes.Known:
    return scenes.Known(
        zone=PARIS, readings=[reading(ago) for ago in days_ago], days=days or {}, dry_weights=[], episodes=[],
        journal=[], plan=Plan(),
    )  # fmt: skip


def reading(days_ago: float, kg: float = 80) -> Reading:
    at = END - timedelta(days=days_ago)
    return Reading(
        reading_id=1, measured_at=at, received_at=at, weight_kg=kg, quarantine_reason=None, source="native-1",
        state="accepted", review_id=0, reviewed=None, reviewer=None, reviewed_at=None,
    )  # fmt: skip


def test_days_without_a_weight_lie_together_by_their_cause_and_stand_in_the_table() -> None:
    today = END.astimezone(PARIS).date()
    causes: dict[int, DayState] = {1: "weighed", 2: "scale_silent", 3: "scale_silent", 4: "our_outage", 6: "paused"}
    known_of = known(0, 1, 5, 7, days={today - timedelta(days=ago): state for ago, state in causes.items()})
    drawn = scenes.scene(known_of, start=END - timedelta(days=30), end=END)
    assert [(gap.state, gap.days) for gap in drawn.gaps] == [("paused", 1), ("our_outage", 1), ("scale_silent", 2)]
    rows = scenes.rows(known_of, drawn)
    assert [row.gap.state if row.gap else "kg" for row in rows] == [
        "kg", "kg", "scale_silent", "our_outage", "kg", "paused", "kg"
    ]  # fmt: skip
    assert len(scenes.data(drawn, rows, low_kg=70, high_kg=90)["stops"]) == 7  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.floats(0, 120), st.floats(60, 90)), max_size=80))
@settings(max_examples=60, deadline=None)
def test_the_band_is_what_the_detectors_call_usual(weights: list[tuple[float, float]]) -> None:
    drawn = usual.ranges([point(ago, kg) for ago, kg in weights], zone=PARIS, start=END - timedelta(days=200))
    judged = [Weight(measured_at=END - timedelta(days=ago), weight_kg=kg) for ago, kg in weights]
    daily = baseline.daily_weights(judged, zone=PARIS)
    expected = []
    for index, day in enumerate(daily):
        days, kg = baseline.arrays(daily[: index + 1])
        if (middle := baseline.baseline_kg(days, kg)) is not None:
            width = usual.NOISES * baseline.noise_kg(days, kg)
            expected.append((day.measured_at, middle - width, middle + width))
    assert [one.at for one in drawn] == [at for at, _, _ in expected]
    found = [(one.low_kg, one.high_kg) for one in drawn]
    assert found == [pytest.approx((low, high), abs=0.002) for _, low, high in expected]


def test_one_kilogram_is_as_high_for_calm_patients_as_the_least_span() -> None:
    drawn = chart.draw(scene(point(1, 80), point(2, 80.2)))
    [low, *_, high] = [kg for _, kg in drawn.ticks_kg]
    assert high - low >= chart.LEAST_KG - 2


def test_a_new_dry_weight_is_a_step() -> None:
    steps = tuple(Step(since=END - timedelta(days=days), weight_kg=kg) for days, kg in ((400, 80.0), (10, 78.0)))
    drawn = chart.draw(scene(point(1, 80), steps=steps))
    assert drawn.dry.startswith(f"M {chart.LEFT}.0 ")
    assert drawn.dry.count(" V ") == 1


def test_nothing_at_all_can_be_drawn() -> None:
    drawn = chart.draw(scene())
    assert (drawn.dots, drawn.lines, drawn.gaps, drawn.dry) == ([], [], [], "")


@pytest.mark.parametrize("days", [7, 30, 90, 365, 5000])
def test_there_are_a_few_dates_under_the_axis(days: int) -> None:
    drawn = chart.draw(scene(point(1, 80), days=days))
    assert 2 <= len(drawn.ticks_at) <= 12
    assert all(at.astimezone(PARIS).hour == 0 for _, at in drawn.ticks_at)
