"""What is stored of teams, weekly duties and stand-ins? Nothing is deleted: a duty ends, settings have a successor."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from schemas.database import Connection
from schemas.duty import Post, Team


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who may have a duty; `reachable` if a channel of theirs works."""

    user_id: int
    display_name: str
    role: str
    reachable: bool


@dataclass(frozen=True, kw_only=True)
class EnteredShift:
    shift_id: int
    user_id: int
    who: str
    post: Post
    weekday: int
    starts: time
    ends: time


@dataclass(frozen=True, kw_only=True)
class EnteredStandIn:
    stand_in_id: int
    who: str
    post: Post
    since: datetime
    until: datetime
    instead_of: str | None


PEOPLE: LiteralString = """
SELECT user_id, display_name, role, user_id IN (SELECT user_id FROM usable_channel) AS reachable
FROM app_user WHERE disabled_at IS NULL ORDER BY display_name, user_id
"""


def people(conn: Connection) -> list[Person]:
    """Everybody with an account."""
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(PEOPLE).fetchall()


NEW_TEAM: LiteralString = "INSERT INTO team DEFAULT VALUES RETURNING team_id"
SETTINGS: LiteralString = """
INSERT INTO team_settings (team_id, settings, recorded_at, author)
VALUES (%(team_id)s, %(settings)s, %(now)s, %(author)s)
"""


def add(conn: Connection, team: Team, *, author: int, now: datetime) -> int:
    """A new team; its number."""
    row = conn.execute(NEW_TEAM).fetchone()
    assert row
    assert isinstance(row[0], int)
    change(conn, row[0], team, author=author, now=now)
    return row[0]


# A double click: the second sees the first.
ONE_AT_A_TIME: LiteralString = "SELECT pg_advisory_xact_lock(64)"
CALLED: LiteralString = """
SELECT team_id FROM team CROSS JOIN LATERAL (
    SELECT settings ->> 'name' AS name FROM team_settings WHERE team_settings.team_id = team.team_id
    ORDER BY team_settings_id DESC LIMIT 1) AS newest
WHERE lower(name) = lower(%(name)s) ORDER BY team_id LIMIT 1
"""


def called(conn: Connection, name: str) -> int | None:
    """The team of this name; until the transaction ends nobody else adds one."""
    conn.execute(ONE_AT_A_TIME)
    row = conn.execute(CALLED, {"name": name}).fetchone()
    return int(str(row[0])) if row else None


def change(conn: Connection, team_id: int, team: Team, *, author: int, now: datetime) -> None:
    """From now on the team works like this."""
    settings = Jsonb(team.model_dump(mode="json"))
    conn.execute(SETTINGS, {"team_id": team_id, "settings": settings, "now": now, "author": author})


SHIFTS: LiteralString = """
SELECT shift_id, user_id, display_name AS who, post, weekday, starts, ends
FROM duty_shift JOIN app_user USING (user_id)
WHERE team_id = %(team_id)s AND ended_at IS NULL ORDER BY weekday, starts, who, shift_id
"""


def shifts(conn: Connection, team_id: int) -> list[EnteredShift]:
    with conn.cursor(row_factory=class_row(EnteredShift)) as cursor:
        return cursor.execute(SHIFTS, {"team_id": team_id}).fetchall()


STAND_INS: LiteralString = """
SELECT stand_in_id, u.display_name AS who, post, since, until, other.display_name AS instead_of
FROM duty_stand_in AS s JOIN app_user AS u ON u.user_id = s.user_id
LEFT JOIN app_user AS other ON other.user_id = s.instead_of
WHERE team_id = %(team_id)s AND ended_at IS NULL AND until > %(now)s ORDER BY since, stand_in_id
"""


def stand_ins(conn: Connection, team_id: int, *, now: datetime) -> list[EnteredStandIn]:
    """Those that are not over."""
    with conn.cursor(row_factory=class_row(EnteredStandIn)) as cursor:
        return cursor.execute(STAND_INS, {"team_id": team_id, "now": now}).fetchall()


ADD_SHIFT: LiteralString = """
INSERT INTO duty_shift (team_id, user_id, post, weekday, starts, ends, entered_at, entered_by)
SELECT %(team_id)s, %(user_id)s, %(post)s, %(weekday)s, %(starts)s, %(ends)s, %(now)s, %(author)s
WHERE EXISTS (SELECT FROM app_user WHERE user_id = %(user_id)s AND disabled_at IS NULL) AND NOT EXISTS (
    SELECT FROM duty_shift AS s WHERE s.team_id = %(team_id)s AND s.user_id = %(user_id)s AND s.post = %(post)s
      AND s.weekday = %(weekday)s AND s.starts = %(starts)s AND s.ends = %(ends)s AND s.ended_at IS NULL
)
"""


def add_shift(  # noqa: PLR0913 a row's columns
    conn: Connection, team_id: int, *, user_id: int, post: Post, weekday: int, starts: time, ends: time, author: int,
    now: datetime,
) -> None:  # fmt: skip
    """A weekly duty; the same one twice is one."""
    conn.execute(
        ADD_SHIFT,
        {
            "team_id": team_id, "user_id": user_id, "post": post, "weekday": weekday, "starts": starts, "ends": ends,
            "author": author, "now": now,
        },
    )  # fmt: skip


ADD_STAND_IN: LiteralString = """
INSERT INTO duty_stand_in (team_id, user_id, post, since, until, instead_of, entered_at, entered_by)
SELECT %(team_id)s, %(user_id)s, %(post)s, %(since)s, %(until)s, %(instead_of)s, %(now)s, %(author)s
WHERE EXISTS (SELECT FROM app_user WHERE user_id = %(user_id)s AND disabled_at IS NULL) AND NOT EXISTS (
    SELECT FROM duty_stand_in AS s WHERE s.team_id = %(team_id)s AND s.user_id = %(user_id)s AND s.post = %(post)s
      AND s.since = %(since)s AND s.until = %(until)s AND s.ended_at IS NULL
)
"""


def add_stand_in(  # noqa: PLR0913 a row's columns
    conn: Connection, team_id: int, *, user_id: int, post: Post, since: datetime, until: datetime,
    instead_of: int | None, author: int, now: datetime,
) -> None:  # fmt: skip
    """A swap, a replacement or an extra duty; the same one twice is one."""
    conn.execute(
        ADD_STAND_IN,
        {
            "team_id": team_id, "user_id": user_id, "post": post, "since": since, "until": until,
            "instead_of": instead_of, "author": author, "now": now,
        },
    )  # fmt: skip


END_SHIFT: LiteralString = """
UPDATE duty_shift SET ended_at = %(now)s, ended_by = %(author)s
WHERE team_id = %(team_id)s AND shift_id = %(number)s AND ended_at IS NULL
"""
END_STAND_IN: LiteralString = """
UPDATE duty_stand_in SET ended_at = %(now)s, ended_by = %(author)s
WHERE team_id = %(team_id)s AND stand_in_id = %(number)s AND ended_at IS NULL
"""


def end_shift(conn: Connection, team_id: int, number: int, *, author: int, now: datetime) -> None:
    conn.execute(END_SHIFT, {"team_id": team_id, "number": number, "author": author, "now": now})


def end_stand_in(conn: Connection, team_id: int, number: int, *, author: int, now: datetime) -> None:
    conn.execute(END_STAND_IN, {"team_id": team_id, "number": number, "author": author, "now": now})


SIZES: LiteralString = """
SELECT team_id, count(*)::int FROM (
    SELECT DISTINCT ON (patient_id) patient_id, team_id FROM patient_team ORDER BY patient_id, patient_team_id DESC
) AS newest GROUP BY team_id
"""


def sizes(conn: Connection) -> dict[int | None, int]:
    """How many patients each team watches over."""
    found: list[Any] = conn.execute(SIZES).fetchall()
    return dict(found)
