"""Which team watches over whom, and who is in it? As stored; a clinic without teams has one of everybody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import class_row

from schemas.database import Connection
from schemas.duty import POSTS, Post, Roster, Shift, StandIn, Step, Team, Weekly

EVERYBODY = Team(
    name="everybody",
    hours=tuple(Weekly(weekday=day, starts=time(0), ends=time(0)) for day in range(7)),
    works_on_holidays=True,
    at_any_hour="alert",
    steps=(Step(post="nurse", minutes=180), Step(post="cardiologist", minutes=180)),
)
"""Of patients without a team: every nurse at any hour, after 3 hours every cardiologist."""

PEOPLE: LiteralString = """
SELECT user_id, role FROM app_user WHERE user_id IN (SELECT user_id FROM usable_channel)
"""
TEAMS: LiteralString = """
SELECT team_id, settings FROM team
CROSS JOIN LATERAL (SELECT settings FROM team_settings WHERE team_settings.team_id = team.team_id
                    ORDER BY team_settings_id DESC LIMIT 1) AS newest
WHERE %(team_ids)s::bigint[] IS NULL OR team_id = ANY(%(team_ids)s)
"""
ALL_TEAMS: LiteralString = "SELECT team_id FROM team ORDER BY team_id"
SHIFTS: LiteralString = """
SELECT team_id, user_id, post, weekday, starts, ends FROM duty_shift
WHERE team_id = ANY(%(team_ids)s) AND ended_at IS NULL ORDER BY shift_id
"""
STAND_INS: LiteralString = """
SELECT team_id, user_id, post, since, until, instead_of FROM duty_stand_in
WHERE team_id = ANY(%(team_ids)s) AND ended_at IS NULL AND until > %(now)s ORDER BY stand_in_id
"""
TEAM_OF: LiteralString = """
SELECT DISTINCT ON (patient_id) patient_id, team_id FROM patient_team
WHERE patient_id = ANY(%(patient_ids)s) ORDER BY patient_id, patient_team_id DESC
"""


@dataclass(frozen=True, kw_only=True)
class _Shift:
    team_id: int
    user_id: int
    post: Post
    weekday: int
    starts: time
    ends: time


@dataclass(frozen=True, kw_only=True)
class _StandIn:
    team_id: int
    user_id: int
    post: Post
    since: datetime
    until: datetime
    instead_of: int | None


def team_ids(conn: Connection) -> list[int]:
    """Every team, the oldest first."""
    return [_id(row[0]) for row in conn.execute(ALL_TEAMS)]


def teams(conn: Connection) -> dict[int, Team]:
    """Each team's hours and promise, without its people.

    Raises:
        ValueError: a stored team is not one.
    """
    return read_teams(ask_teams(conn))


def ask_teams(conn: Connection) -> Cursor[tuple[object, ...]]:
    """For `read_teams`, which a pipeline may do later."""
    return conn.execute(TEAMS, {"team_ids": None})


def read_teams(rows: Cursor[tuple[object, ...]]) -> dict[int, Team]:
    """Each team by its number.

    Raises:
        ValueError: a stored team is not one.
    """
    return {_id(team_id): Team.model_validate(settings) for team_id, settings in rows}


def teams_of(conn: Connection, patient_ids: Iterable[str]) -> dict[str, int | None]:
    """Each patient's team; None for everybody."""
    known = dict.fromkeys(patient_ids)
    rows = conn.execute(TEAM_OF, {"patient_ids": list(known)}).fetchall()
    return {**known, **{str(patient_id): None if team_id is None else _id(team_id) for patient_id, team_id in rows}}


def rosters(conn: Connection, wanted: Iterable[int | None], *, now: datetime) -> dict[int | None, Roster]:
    """Each wanted team with who is in it as of now, and the stand-ins still to come.

    Raises:
        ValueError: a stored team is not one.
    """
    people = {_id(user_id): str(role) for user_id, role in conn.execute(PEOPLE)}
    reachable = frozenset(people)
    values: dict[str, Any] = {"team_ids": [team for team in set(wanted) if team is not None], "now": now}
    found: dict[int | None, Roster] = {None: Roster(team=EVERYBODY, shifts=_always(people), reachable=reachable)}
    with conn.cursor(row_factory=class_row(_Shift)) as cursor:
        shifts = cursor.execute(SHIFTS, values).fetchall()
    with conn.cursor(row_factory=class_row(_StandIn)) as cursor:
        stand_ins = cursor.execute(STAND_INS, values).fetchall()
    for team_id, settings in conn.execute(TEAMS, values):
        found[_id(team_id)] = Roster(
            team=Team.model_validate(settings),
            shifts=[
                Shift(
                    user_id=one.user_id,
                    post=one.post,
                    weekly=Weekly(weekday=one.weekday, starts=one.starts, ends=one.ends),
                )
                for one in shifts
                if one.team_id == team_id
            ],
            stand_ins=[
                StandIn(user_id=one.user_id, post=one.post, since=one.since, until=one.until, instead_of=one.instead_of)
                for one in stand_ins
                if one.team_id == team_id
            ],
            reachable=reachable,
        )
    return found


def _always(people: dict[int, str]) -> list[Shift]:
    """Everybody at the post that their role names, at any hour."""
    return [
        Shift(user_id=user_id, post=post, weekly=weekly)
        for user_id, role in people.items()
        for post in POSTS
        if post == role
        for weekly in EVERYBODY.hours
    ]


def _id(value: object) -> int:
    assert isinstance(value, int)
    return value
