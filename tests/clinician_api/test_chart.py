"""The chart: every accepted weight within the frame, gaps as gaps, quarantine never stretches it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinician_api.patient import chart
from clinician_api.patient.chart import Point, Scene, Step

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
    for dot in drawn.dots + drawn.doubted:
        assert chart.LEFT <= dot.x <= drawn.width - chart.RIGHT
        assert chart.TOP <= dot.y <= drawn.floor


@given(st.floats(3, 300), st.floats(20, 300))
def test_a_weight_in_quarantine_moves_no_other(doubted_kg: float, kg: float) -> None:
    without = chart.draw(scene(point(1, kg), point(2, kg + 1)))
    beside = chart.draw(scene(point(1, kg), point(2, kg + 1), point(1.5, doubted_kg, "implausible_jump")))
    assert without.dots == beside.dots


@pytest.mark.parametrize(("days_ago", "lines", "gaps"), [((0, 1, 2), 1, 0), ((0, 1, 4, 5), 2, 1), ((5, 6), 1, 1)])
def test_missed_mornings_break_the_line_and_are_shaded(days_ago: tuple[float, ...], lines: int, gaps: int) -> None:
    drawn = chart.draw(scene(*[point(ago, 80) for ago in days_ago]))
    assert (len(drawn.lines), len(drawn.gaps)) == (lines, gaps)


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
