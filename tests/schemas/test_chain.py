"""Who is told next? The chain, post by post, through nights and empty posts."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import chain
from schemas.alert import SEVERITIES
from schemas.chain import Standing
from schemas.duty import POSTS, Post, Roster, Shift, Step, Team, Weekly

NURSE, HEART, BACKUP = 1, 2, 3
MONDAY = datetime(2026, 11, 30, 9, tzinfo=ZoneInfo("Europe/Paris"))
SUNDAY = datetime(2026, 11, 29, 3, tzinfo=ZoneInfo("Europe/Paris"))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NEW = Standing(episode_id=1, patient_id="p", severity="alert", state="new", step=0, owner=None, snoozed=False)
TEAM = Team(
    name="x",
    steps=(Step(post="nurse", minutes=90), Step(post="cardiologist", minutes=60), Step(post="backup", minutes=30)),
)


def always(user_id: int, post: Post) -> list[Shift]:
    return [
        Shift(user_id=user_id, post=post, weekly=Weekly(weekday=day, starts=time(0), ends=time(0))) for day in range(7)
    ]


FULL = Roster(
    team=TEAM,
    shifts=[*always(NURSE, "nurse"), *always(HEART, "cardiologist"), *always(BACKUP, "backup")],
    reachable=frozenset({NURSE, HEART, BACKUP}),
)


def test_whom_nobody_answers_is_told_to_the_next_and_the_day_after_to_all_again() -> None:
    told, step, now = [], 0, MONDAY
    for _ in range(5):
        move = chain.move(replace(NEW, step=step), FULL, now=now)
        assert move.next_at
        told.append((move.kind, move.tell, move.next_at - now))
        step, now = move.step, move.next_at
    assert told == [
        (None, [NURSE], 90 * MINUTE),
        ("escalated", [HEART], 60 * MINUTE),
        ("escalated", [BACKUP], DAY),
        ("escalated", [NURSE], 90 * MINUTE),
        ("escalated", [HEART], 60 * MINUTE),
    ]


def test_an_alarm_is_told_to_nurse_and_cardiologist_at_once() -> None:
    move = chain.move(replace(NEW, severity="alarm"), FULL, now=MONDAY)
    assert (move.tell, move.step, move.next_at) == ([NURSE, HEART], 2, MONDAY + 60 * MINUTE)


def test_at_night_an_alert_waits_for_the_morning_and_an_alarm_does_not() -> None:
    waiting = chain.move(NEW, FULL, now=SUNDAY)
    assert (waiting.kind, waiting.tell, waiting.step, waiting.next_at) == (None, [], 0, MONDAY.replace(hour=8))
    assert chain.move(replace(NEW, severity="alarm"), FULL, now=SUNDAY).tell == [NURSE, HEART]


def test_a_post_with_nobody_on_duty_is_passed_over() -> None:
    no_nurse = replace(FULL, shifts=[*always(HEART, "cardiologist"), *always(BACKUP, "backup")])
    move = chain.move(NEW, no_nurse, now=MONDAY)
    assert (move.tell, move.step) == ([HEART], 2)


def test_when_nobody_is_on_duty_the_whole_team_is_told_and_without_a_team_everybody() -> None:
    off = [replace(one, weekly=Weekly(weekday=6, starts=time(1), ends=time(2))) for one in FULL.shifts]
    assert chain.move(NEW, replace(FULL, shifts=off), now=MONDAY).tell == [NURSE, HEART, BACKUP]
    assert chain.move(NEW, replace(FULL, shifts=[]), now=MONDAY).tell == [NURSE, HEART, BACKUP]
    nobody = chain.move(NEW, replace(FULL, reachable=frozenset()), now=MONDAY)
    assert (nobody.tell, nobody.step, nobody.next_at) == ([], 0, MONDAY + chain.NOBODY_AGAIN), "and it is tried again"


@pytest.mark.parametrize(
    ("standing", "kind"),
    [
        (replace(NEW, state="taken", owner=BACKUP, step=2), "forgotten"),
        (replace(NEW, state="follow_up", owner=BACKUP, step=3), "follow_up_due"),
        (replace(NEW, snoozed=True, owner=BACKUP, step=1), "snooze_ended"),
    ],
)
def test_what_comes_back_is_told_to_its_owner_too_and_begins_a_round(standing: Standing, kind: str) -> None:
    move = chain.move(standing, FULL, now=MONDAY)
    assert (move.kind, move.tell, move.step) == (kind, [NURSE, BACKUP], 1)
    asleep = chain.move(standing, FULL, now=SUNDAY)
    assert (asleep.kind, asleep.tell, asleep.step) == (kind, [], 0), "it is said at once, and told in the morning"


standings = st.builds(
    Standing,
    episode_id=st.just(1),
    patient_id=st.just("p"),
    severity=st.sampled_from(SEVERITIES),
    state=st.sampled_from(["new", "taken", "follow_up"]),
    step=st.integers(0, 9),
    owner=st.sampled_from([None, NURSE, HEART, BACKUP, 99]),
    snoozed=st.booleans(),
)
teams = st.builds(
    Team,
    name=st.just("x"),
    at_any_hour=st.sampled_from([None, "alert", "alarm"]),
    steps=st.lists(
        st.builds(Step, post=st.sampled_from(POSTS), minutes=st.integers(5, 600)), min_size=1, max_size=4
    ).map(tuple),
)


@given(standings, teams, st.sets(st.sampled_from([NURSE, HEART, BACKUP])), st.datetimes(MONDAY.replace(tzinfo=None)))
def test_there_is_always_a_next_moment_and_nobody_is_told_who_cannot_be(
    standing: Standing, team: Team, reachable: set[int], at: datetime
) -> None:
    now = at.replace(tzinfo=MONDAY.tzinfo)
    move = chain.move(standing, replace(FULL, team=team, reachable=frozenset(reachable)), now=now)
    if standing.severity == "watch":
        assert (move.tell, move.next_at) == ([], None), "of a watch nobody is told"
        return
    assert move.next_at is not None
    assert move.next_at > now
    assert set(move.tell) <= reachable
    assert move.tell or move.next_at >= now + chain.NOBODY_AGAIN or move.kind != "escalated"
