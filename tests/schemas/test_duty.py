"""Who is on duty, and when is it read? Nights, turned clocks, holidays, leap days, stand-ins, holes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import duty
from schemas.duty import Roster, Shift, StandIn, Step, Team, Weekly

PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)
ANNE, BEA, CARL = 1, 2, 3


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def weekly(weekday: int, starts: str, ends: str) -> Weekly:
    return Weekly(weekday=weekday, starts=time.fromisoformat(starts), ends=time.fromisoformat(ends))


def shift(user_id: int, weekday: int, starts: str, ends: str, post: duty.Post = "nurse") -> Shift:
    return Shift(user_id=user_id, post=post, weekly=weekly(weekday, starts, ends))


def roster(*shifts: Shift, stand_ins: tuple[StandIn, ...] = (), team: Team | None = None) -> Roster:
    return Roster(
        team=team or Team(name="Clermont"),
        shifts=shifts,
        stand_ins=stand_ins,
        reachable=frozenset({ANNE, BEA, CARL}),
    )


OFFICE = Team(name="Clermont", at_any_hour=None)
SATURDAY_NIGHT = shift(ANNE, 5, "20:00", "08:00")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-28T19:59:59", []),
        ("2026-11-28T20:00", [ANNE]),
        ("2026-11-29T03:00", [ANNE]),  # Sunday at 3 a.m.
        ("2026-11-29T07:59:59", [ANNE]),
        ("2026-11-29T08:00", []),
        ("2026-03-29T03:30", [ANNE]),  # the clocks went forward at 2
        ("2026-10-25T02:30", [ANNE]),  # the clocks go back at 3
    ],
)
def test_a_night_belongs_to_the_evening_it_begins_on(at: str, expected: list[int]) -> None:
    assert duty.on_duty(roster(SATURDAY_NIGHT), paris(at), post="nurse") == expected
    assert duty.on_duty(roster(SATURDAY_NIGHT), paris(at), post="cardiologist") == []


@pytest.mark.parametrize(("evening", "hours"), [("2026-03-28", 11), ("2026-10-24", 13), ("2026-11-28", 12)])
def test_a_night_in_which_clocks_are_turned_is_an_hour_shorter_or_longer(evening: str, hours: int) -> None:
    start = paris(f"{evening}T18:00").astimezone(UTC)
    minutes = [start + timedelta(minutes=number) for number in range(20 * 60)]
    served = sum(bool(duty.on_duty(roster(SATURDAY_NIGHT), at, post="nurse")) for at in minutes)
    assert served == hours * 60


def test_a_duty_that_begins_at_an_hour_left_out_begins_when_the_clocks_go_on() -> None:
    early = roster(shift(ANNE, 6, "02:30", "04:00"))
    gone = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 3:00 in Paris: 2:00 to 3:00 was left out
    assert duty.on_duty(early, gone - timedelta(seconds=1), post="nurse") == []
    assert duty.on_duty(early, gone + HOUR / 2, post="nurse") == [ANNE]
    assert duty.on_duty(early, gone + HOUR, post="nurse") == []


@pytest.mark.parametrize(
    ("raised", "read"),
    [
        ("2026-11-27T17:59", "2026-11-27T17:59"),  # Friday
        ("2026-11-27T18:00", "2026-11-30T08:00"),
        ("2026-11-28T12:00", "2026-11-30T08:00"),
        ("2026-12-24T19:00", "2026-12-28T08:00"),  # Christmas is a Friday
        ("2026-12-31T18:30", "2027-01-04T08:00"),
        ("2028-02-28T19:00", "2028-02-29T08:00"),  # a leap day is a day
        ("2026-03-27T18:00", "2026-03-30T08:00"),  # a weekend with one hour less
        ("2027-05-05T19:00", "2027-05-07T08:00"),  # Ascension Day, which moves
    ],
)
def test_an_alert_waits_for_the_next_working_hours(raised: str, read: str) -> None:
    assert duty.next_read(OFFICE, "alarm", paris(raised)) == paris(read)


def test_what_is_urgent_is_told_at_night_and_what_is_not_waits() -> None:
    night = paris("2026-11-29T03:00")
    assert duty.next_read(Team(name="x"), "alarm", night) == night
    assert duty.next_read(Team(name="x"), "alert", night) == paris("2026-11-30T08:00")
    assert duty.next_read(Team(name="x", at_any_hour="alert"), "alert", night) == night
    assert duty.next_read(Team(name="x", hours=(), at_any_hour=None), "alert", night) == night, "nobody waits for ever"
    holiday = paris("2026-12-25T09:00")
    assert duty.next_read(Team(name="x", works_on_holidays=True), "alert", holiday) == holiday


def test_who_is_swapped_is_not_called_and_who_stands_in_is() -> None:
    swap = StandIn(
        user_id=BEA, post="nurse", since=paris("2026-11-30T08:00"), until=paris("2026-11-30T13:00"), instead_of=ANNE
    )
    monday = roster(shift(ANNE, 0, "08:00", "18:00"), stand_ins=(swap,))
    assert duty.on_duty(monday, paris("2026-11-30T12:59"), post="nurse") == [BEA]
    assert duty.on_duty(monday, paris("2026-11-30T13:00"), post="nurse") == [ANNE]
    assert duty.on_duty(monday, paris("2026-12-07T09:00"), post="nurse") == [ANNE], "once, not each week"


def test_who_cannot_be_reached_is_not_on_duty() -> None:
    silent = Roster(team=OFFICE, shifts=[shift(9, 0, "08:00", "18:00")], reachable=frozenset({ANNE}))
    assert duty.on_duty(silent, paris("2026-11-30T09:00"), post="nurse") == []


def test_holes_are_found_before_they_happen() -> None:
    """Monday to Friday by Anne, but Wednesday nobody, and Christmas is closed."""
    shifts = [shift(ANNE, day, "08:00", "18:00") for day in (0, 1, 3, 4)]
    since = paris("2026-12-21T00:00")
    found = duty.holes(roster(*shifts, team=OFFICE), since, until=since + duty.AHEAD)
    assert [(hole.since, hole.until, hole.in_hours) for hole in found] == [
        (paris(f"{day}T08:00"), paris(f"{day}T18:00"), True) for day in ("2026-12-23", "2026-12-30")
    ]
    always = duty.holes(roster(*shifts), paris("2026-12-21T08:00"), until=paris("2026-12-22T08:00"))
    assert [(hole.since, hole.until) for hole in always] == [(paris("2026-12-21T18:00"), paris("2026-12-22T08:00"))]


spans = st.builds(
    Weekly,
    weekday=st.integers(0, 6),
    starts=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    ends=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@given(st.lists(spans, max_size=6), st.lists(spans, min_size=1, max_size=6), instants, st.integers(0, 47))
def test_whatever_the_calendar_a_hole_is_exactly_where_nobody_is(
    hours: list[Weekly], duties: list[Weekly], since: datetime, ahead: int
) -> None:
    team = Team(name="x", hours=tuple(hours), at_any_hour="alert", steps=(Step(post="nurse", minutes=5),))
    known = roster(*(Shift(user_id=ANNE, post="nurse", weekly=one) for one in duties), team=team)
    holes = duty.holes(known, since, until=since + timedelta(days=2))
    at = since + ahead * HOUR
    in_a_hole = any(hole.since <= at < hole.until for hole in holes)
    assert in_a_hole != bool(duty.on_duty(known, at, post="nurse"))


@given(st.lists(spans, max_size=8), instants)
def test_what_waits_is_read_later_but_within_a_fortnight(hours: list[Weekly], at: datetime) -> None:
    team = Team(name="x", hours=tuple(hours), at_any_hour=None)
    read = duty.next_read(team, "alarm", at)
    assert at <= read <= at + duty.AHEAD + timedelta(days=1)
    assert duty.is_open(team, read) or duty.next_opening(team, at) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"steps": ()},
        {"steps": [{"post": "nurse", "minutes": 0}]},
        {"steps": [{"post": "director", "minutes": 10}]},
        {"hours": [{"weekday": 7, "starts": "08:00", "ends": "18:00"}]},
        {"at_any_hour": "catastrophe"},
        {"pages": "nobody"},
    ],
)
def test_a_team_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Team.model_validate({"name": "x"} | wrong)
