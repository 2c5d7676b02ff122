"""Every day of a patient has exactly one state, whatever is known of it and in which order it came to be known."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.days import explained
from alerts.days.explained import Seen
from alerts.detectors import silence
from alerts.detectors.silence import A_DAY, Span
from schemas.patient_day import DAY_STATES
from schemas.plan import Plan

PARIS = ZoneInfo("Europe/Paris")
ZONES = [PARIS, ZoneInfo("America/Cayenne"), ZoneInfo("Pacific/Apia"), ZoneInfo("Asia/Kathmandu")]
SPRING = datetime(2026, 3, 20, 9, tzinfo=UTC)  # a night without 2 o'clock lies ahead


def hours(low: int, high: int) -> st.SearchStrategy[datetime]:
    return st.integers(low, high).map(lambda hour: SPRING + timedelta(hours=hour))


def spans() -> st.SearchStrategy[list[Span]]:
    span = st.tuples(hours(0, 500), st.integers(0, 90)).map(
        lambda given: Span(since=given[0], until=given[0] + timedelta(hours=given[1]))
    )
    return st.lists(span, max_size=3)


PLANS = st.builds(
    Plan,
    weigh_by_hour=st.none() | st.sampled_from([4.0, 9.5, 11.0, 23.0, 24.0]),
    grace_hours=st.sampled_from([0.0, 3.0, 12.0]),
    silence_days=st.integers(1, 7),
)
FACTS = st.builds(
    Seen,
    zone=st.sampled_from(ZONES),
    plan=PLANS,
    enrolled_at=hours(-100, 200),
    left_at=st.none() | hours(250, 500),
    weighed=st.lists(hours(-50, 400), max_size=12),
    waiting=st.lists(hours(-50, 400), max_size=4),
    scale_heard_at=st.none() | hours(0, 400),
    has_scale=st.booleans(),
    outages=spans(),
    pauses=spans(),
)


@given(FACTS, hours(0, 450))
def test_each_whole_day_that_is_over_has_one_state_and_no_day_outside_the_watch_has_any(
    seen: Seen, now: datetime
) -> None:
    states = explained.explain(seen, first=date(2026, 3, 1), now=now)
    assert set(states.values()) <= set(DAY_STATES)
    for back in range(-3, 60):
        day = now.astimezone(seen.zone).date() - back * A_DAY
        since, until = silence.opening(day, zone=seen.zone), silence.opening(day + A_DAY, zone=seen.zone)
        inside = since >= seen.enrolled_at and until <= (seen.left_at or now)
        if inside and until <= now:
            assert day in states
        if until <= seen.enrolled_at or since >= min(now, seen.left_at or now):
            assert day not in states


@given(FACTS, hours(0, 450), st.integers(0, 30))
def test_a_later_beginning_says_the_same_of_the_days_since(seen: Seen, now: datetime, skipped: int) -> None:
    whole = explained.explain(seen, first=date(2026, 3, 1), now=now)
    first = date(2026, 3, 1) + skipped * A_DAY
    since = explained.explain(seen, first=first, now=now)
    assert since == {day: state for day, state in whole.items() if day >= first}


@given(FACTS, hours(0, 450))
def test_the_clock_alone_changes_nothing_before_the_instant_named(seen: Seen, now: datetime) -> None:
    quiet = Seen(**{**vars(seen), "outages": (), "pauses": (), "weighed": (), "waiting": (), "left_at": None})
    change = explained.next_change(quiet, now=now)
    assert now < change <= now + timedelta(hours=25)
    before = explained.explain(quiet, first=date(2026, 3, 1), now=change - timedelta(microseconds=1))
    assert explained.explain(quiet, first=date(2026, 3, 1), now=now) == before


MONDAY = date(2026, 3, 23)
NOON = datetime(2026, 3, 24, 11, tzinfo=UTC)


def one(**known: object) -> Seen:
    return Seen(zone=PARIS, plan=Plan(), enrolled_at=NOON - 30 * A_DAY, scale_heard_at=NOON - 9 * A_DAY, **known)  # type: ignore[arg-type]


def at(hour: int, *, day: int = 23) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (one(weighed=[at(7)], waiting=[at(8)], pauses=[Span(since=at(0), until=at(23))]), "weighed"),
        (one(waiting=[at(7)], outages=[Span(since=at(0), until=at(23))]), "waiting"),
        (one(pauses=[Span(since=at(12), until=at(13))], outages=[Span(since=at(0), until=at(23))]), "paused"),
        (one(outages=[Span(since=at(6), until=at(7))]), "our_outage"),
        (one(outages=[Span(since=at(6), until=at(7) - timedelta(seconds=1))]), "scale_silent"),
        (one(), "scale_silent"),
        (one(has_scale=False), "not_weighed"),
        (Seen(**{**vars(one()), "scale_heard_at": at(0)}), "not_weighed"),
        (Seen(**{**vars(one()), "scale_heard_at": at(9, day=24)}), "not_weighed"),  # it lives, and kept no weight
        (Seen(**{**vars(one()), "scale_heard_at": None}), "scale_silent"),
    ],
)
def test_a_day_is_explained_by_the_first_that_applies(seen: Seen, state: str) -> None:
    assert explained.explain(seen, first=MONDAY, now=NOON) == {MONDAY: state}


def test_today_is_explained_when_its_grace_is_over_or_a_weight_has_come() -> None:
    plan = Plan(weigh_by_hour=11, grace_hours=3)
    seen = Seen(zone=PARIS, plan=plan, enrolled_at=NOON - 30 * A_DAY, has_scale=False)
    assert explained.explain(seen, first=MONDAY, now=at(14) - timedelta(seconds=1)) == {}
    assert explained.explain(seen, first=MONDAY, now=at(14)) == {MONDAY: "not_weighed"}
    early = Seen(**{**vars(seen), "weighed": [at(7)]})
    assert explained.explain(early, first=MONDAY, now=at(8)) == {MONDAY: "weighed"}


def test_with_an_hour_and_grace_silence_is_due_on_the_third_missed_day() -> None:
    plan = Plan(weigh_by_hour=11, grace_hours=3, silence_days=3)
    assert silence.due_at(at(8), zone=PARIS, plan=plan) == at(14, day=26)
    late = Plan(weigh_by_hour=23.5, grace_hours=3, silence_days=1)
    assert silence.due_at(at(8), zone=PARIS, plan=late) == at(0, day=25), "the grace ends with the day"


@given(PLANS, st.sampled_from(ZONES), hours(0, 300), spans())
def test_at_the_due_instant_enough_days_were_missed_and_outages_only_ever_postpone_it(
    plan: Plan, zone: ZoneInfo, last: datetime, outages: list[Span]
) -> None:
    due = silence.due_at(last, zone=zone, plan=plan, outages=outages)
    assert due >= silence.due_at(last, zone=zone, plan=plan)
    assert silence.missed_days(last, due, zone=zone, plan=plan, outages=outages) >= plan.silence_days
    for outage in outages:
        if outage.until - outage.since >= timedelta(hours=12) and outage.since > last and plan.weigh_by_hour is None:
            assert not outage.since <= due < outage.until, "nobody is called silent while we are away"


def test_no_weight_missed_while_we_were_away_counts_and_the_scales_get_a_day_to_catch_up() -> None:
    outage = Span(since=at(3, day=24), until=at(20, day=26))
    due = silence.due_at(at(7), zone=PARIS, plan=Plan(), outages=[outage])
    assert due == at(0, day=30), "the three days after the outage"
    evening = Span(since=at(20, day=26), until=at(8, day=27))
    assert silence.due_at(at(7), zone=PARIS, plan=Plan(), outages=[evening]) == evening.until + silence.CATCH_UP


def test_an_outage_every_night_does_not_silence_the_alert_for_ever() -> None:
    nights = [Span(since=at(22, day=day), until=at(3, day=day + 1)) for day in range(10, 29)]
    assert silence.due_at(at(7), zone=PARIS, plan=Plan(), outages=nights) == at(0, day=27)
