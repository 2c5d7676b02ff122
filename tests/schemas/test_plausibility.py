"""Which weights wait for a human, why, and what turns them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import plausibility
from schemas.plausibility import POUNDS_PER_KG, Weighed

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
OWN = [(0.0, 80.0), (1.0, 80.4), (2.0, 79.8)]

weights = st.lists(st.tuples(st.floats(0, 60), st.floats(21, 200)), max_size=25)


def judged(weighings: list[tuple[float, float]]) -> list[str | None]:
    """The doubts of weights at (day, kg), each judged after those before it."""
    known: list[Weighed] = []
    doubts: list[str | None] = []
    for day, kg in weighings:
        at = NOW + timedelta(days=day)
        doubts.append(plausibility.doubt(kg, at, before=known))
        known.append(Weighed(measured_at=at, weight_kg=kg, doubted=doubts[-1] is not None))
    return doubts


@pytest.mark.parametrize(
    ("after", "doubts"),
    [
        ([(3, 84.5)], [None]),  # a gain of 4.7 kg is an alert, not a doubt
        ([(3, 95.0)], ["implausible_jump"]),
        ([(3, 95.0), (4, 95.5)], ["implausible_jump", None]),
        ([(3, 95.0), (3.001, 95.0)], ["implausible_jump", "implausible_jump"]),  # the same standing on the scale
        ([(3, 95.0), (3.5, 80.0), (4, 95.5)], ["implausible_jump", None, "other_person"]),
        ([(3, 95.0), (3.5, 80.0), (4, 95.5), (5, 95.2)], ["implausible_jump", None, *["other_person"] * 2]),
        (
            [(3, 95.0), (3.5, 80.0), (4, 95.5), (5, 95.2), (6, 95.0)],
            ["implausible_jump", None, *["other_person"] * 2, None],
        ),
        ([(3, 85.5), (4, 80.0), (5, 84.9)], ["implausible_jump", None, "other_person"]),  # 4.9 kg, but the spouse's
        ([(3, 85.5), (4, 80.0), (5, 82.9)], ["implausible_jump", None, None]),
        ([(3, 79.8 * POUNDS_PER_KG)], ["unit_flip"]),
        ([(3, 79.8 / POUNDS_PER_KG)], ["unit_flip"]),
        ([(3, 176.0), (4, 176.4)], ["unit_flip", "unit_flip"]),
        ([(3, 176.0), (4, 176.4), (5, 175.8)], ["unit_flip", "unit_flip", None]),
        ([(8, 89.5)], ["scale_shift"]),
        ([(8, 89.5), (9, 89.0)], ["scale_shift", None]),
        ([(8, 96.0)], ["implausible_jump"]),
        ([(3, 8.0)], ["implausible_weight"]),
    ],
)
def test_what_follows_a_persons_own_weights_is_doubted_for_what_it_looks_like(
    after: list[tuple[float, float]], doubts: list[str | None]
) -> None:
    assert judged([*OWN, *after]) == [None, None, None, *doubts]


@given(weights, st.floats(21, 200))
def test_neither_order_nor_the_future_matters(some: list[tuple[float, float]], kg: float) -> None:
    known = [Weighed(measured_at=NOW + timedelta(days=day), weight_kg=w, doubted=int(w) % 3 == 0) for day, w in some]
    at = NOW + timedelta(days=30)
    past = sorted((one for one in known if one.measured_at <= at), key=plausibility.order, reverse=True)
    assert plausibility.doubt(kg, at, before=known) == plausibility.doubt(kg, at, before=past)


@given(weights, st.floats(21, 200))
def test_a_weight_that_is_repeated_long_enough_is_always_believed(some: list[tuple[float, float]], kg: float) -> None:
    days = [*sorted(some), *((61.0 + repeat, kg) for repeat in range(3))]
    assert judged(days)[-1] is None


@given(weights, st.floats(21, 200))
def test_a_jump_alone_is_never_believed(some: list[tuple[float, float]], kg: float) -> None:
    steady = [(61.0 + day, 80.0) for day in range(4)]
    doubts = judged([*sorted(some), *steady, (65.0, kg)])
    assert doubts[-1] is not None or abs(kg - 80.0) <= 5.0
