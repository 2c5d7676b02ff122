"""Clocks and plausibility: when a weighing was, and whether it can be believed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.claim import Claim, Condition
from ingest.storage import quality
from ingest.storage.quality import Earlier
from schemas import plausibility
from schemas.plausibility import Weighed

NOW = datetime(2026, 6, 1, 7, tzinfo=UTC)
instants = st.datetimes(timezones=st.just(UTC))


def claim(*, measured_at: datetime = NOW, sent_at: datetime | None) -> Claim:
    return Claim(
        seq=1, measured_at=measured_at, weight_kg=Decimal(80), sent_at=sent_at, condition=Condition(), raw="{}"
    )


@pytest.mark.parametrize(
    ("ahead", "may_have_waited", "rate", "corrected_by"),
    [
        (timedelta(0), False, 1, timedelta(0)),
        (timedelta(seconds=119), False, 1, timedelta(0)),
        (timedelta(seconds=-119), False, 1, timedelta(0)),
        (timedelta(hours=2), False, 1, timedelta(hours=2)),
        (timedelta(hours=2), True, 1, timedelta(hours=2)),
        (timedelta(hours=-2), False, 1, timedelta(hours=-2)),
        (timedelta(hours=-2), True, 1, None),
        (timedelta(hours=-2), False, 720, timedelta(0)),
        (timedelta(days=-2), False, 720, timedelta(days=-2)),
    ],
)
def test_the_error_of_the_clock_is_taken_out_unless_the_message_may_have_waited(
    ahead: timedelta, may_have_waited: bool, rate: float, corrected_by: timedelta | None
) -> None:
    timing = quality.timing(claim(sent_at=NOW + ahead), received_at=NOW, may_have_waited=may_have_waited, rate=rate)
    assert timing.clock_error == corrected_by
    assert timing.measured_at == NOW - (corrected_by or timedelta(0))


@given(measured_at=instants, sent_at=instants | st.none(), received_at=instants, waited=st.booleans())
def test_any_clock_gives_a_time(
    measured_at: datetime, sent_at: datetime | None, received_at: datetime, waited: bool
) -> None:
    timing = quality.timing(
        claim(measured_at=measured_at, sent_at=sent_at), received_at=received_at, may_have_waited=waited, rate=1
    )
    assert timing.measured_at == measured_at - (timing.clock_error or timedelta(0))


@pytest.mark.parametrize(
    ("measured_at", "rate", "doubt"),
    [
        (NOW, 1, None),
        (NOW - timedelta(days=300), 1, None),
        (NOW + timedelta(minutes=9), 1, None),
        (NOW + timedelta(minutes=11), 1, "measured_in_the_future"),
        (NOW + timedelta(minutes=11), 720, None),
        (datetime(2014, 12, 31, tzinfo=UTC), 1, "clock_not_set"),
    ],
)
def test_a_time_to_come_and_a_clock_never_set_are_doubted(
    measured_at: datetime, rate: float, doubt: str | None
) -> None:
    assert quality.doubt_of_time(measured_at, received_at=NOW, rate=rate) == doubt


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(5, 120)), max_size=40))
def test_a_long_backlog_is_judged_as_if_all_that_is_known_were_looked_at(weights: list[tuple[int, int]]) -> None:
    earlier = Earlier()
    known: list[Weighed] = []
    for day, kg in weights:
        at = NOW + timedelta(days=day)
        expected = plausibility.doubt(kg, at, before=known)
        assert earlier.judge(kg, at) == expected
        known.append(Weighed(measured_at=at, weight_kg=kg, doubted=expected is not None))


def test_a_real_change_is_believed_once_it_is_seen_again_whatever_stood_on_the_scale_between() -> None:
    earlier = Earlier()
    days = [(0, 80.0), (1, 95.0), (2, 8.0), (3, 95.5), (4, 95.0)]
    judged = [earlier.judge(kg, NOW + timedelta(days=day)) for day, kg in days]
    assert judged == [None, "implausible_jump", "implausible_weight", None, None]


def test_two_people_weighed_in_the_same_second_are_not_one() -> None:
    earlier = Earlier()
    assert [earlier.judge(kg, NOW) for kg in (82.4, 52.0, 82.4)] == [None, "implausible_jump", None]
