"""By which plan is this patient watched, what of it is the team's, and who changed it when?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from schemas.database import Connection


@dataclass(frozen=True, kw_only=True)
class Version:
    """A plan as it was written: only the fields that were set; 0: there is none."""

    number: int
    settings: dict[str, Any]
    recorded_at: datetime | None
    author: str | None
    reason: str
    request_id: UUID | None


NO_VERSION = Version(number=0, settings={}, recorded_at=None, author=None, reason="", request_id=None)
VERSIONS: LiteralString = """
SELECT plan_id AS number, settings, recorded_at, u.display_name AS author, reason, request_id
FROM plan LEFT JOIN app_user AS u ON u.user_id = author
WHERE patient_id = %(patient_id)s ORDER BY plan_id DESC LIMIT 50
"""
PLAN: LiteralString = "SELECT settings FROM plan WHERE patient_id = %(patient_id)s ORDER BY plan_id DESC LIMIT 1"


def versions(conn: Connection, patient_id: str) -> list[Version]:
    """The newest first."""
    with conn.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(VERSIONS, {"patient_id": patient_id}).fetchall()


@dataclass(frozen=True, kw_only=True)
class Group:
    """A team and its values of the plan."""

    team_id: int
    name: str
    settings: dict[str, Any]


GROUPS: LiteralString = """
SELECT t.team_id, named.settings ->> 'name' AS name, coalesce(
    (SELECT settings FROM team_plan AS p WHERE p.team_id = t.team_id ORDER BY team_plan_id DESC LIMIT 1), '{}'
) AS settings
FROM team AS t JOIN LATERAL (
    SELECT settings FROM team_settings AS s WHERE s.team_id = t.team_id ORDER BY team_settings_id DESC LIMIT 1
) AS named ON true ORDER BY 2, 1
"""
TEAM_OF: LiteralString = """
SELECT team_id FROM patient_team WHERE patient_id = %(patient_id)s ORDER BY patient_team_id DESC LIMIT 1
"""


def groups(conn: Connection) -> list[Group]:
    """Every team."""
    with conn.cursor(row_factory=class_row(Group)) as cursor:
        return cursor.execute(GROUPS).fetchall()


def group_settings(conn: Connection, team_id: int | None) -> dict[str, Any]:
    """A team's values; without a team there are none."""
    return next((group.settings for group in groups(conn) if group.team_id == team_id), {})


def team_of(conn: Connection, patient_id: str) -> int | None:
    """The patient's team."""
    row = conn.execute(TEAM_OF, {"patient_id": patient_id}).fetchone()
    return row[0] if row and isinstance(row[0], int) else None


JOIN_TEAM: LiteralString = """
INSERT INTO patient_team (patient_id, team_id, recorded_at, author)
VALUES (%(patient_id)s, %(team_id)s, %(now)s, %(author)s)
"""
ADD: LiteralString = """
INSERT INTO plan (request_id, patient_id, settings, reason, recorded_at, author)
VALUES (%(request_id)s, %(patient_id)s, %(settings)s, %(reason)s, %(now)s, %(author)s)
ON CONFLICT (request_id) DO NOTHING
"""


def join_team(conn: Connection, patient_id: str, *, team_id: int | None, author: int, now: datetime) -> None:
    """From now on the patient is this team's."""
    conn.execute(JOIN_TEAM, {"patient_id": patient_id, "team_id": team_id, "author": author, "now": now})


def add(conn: Connection, values: Mapping[str, object], settings: Mapping[str, object]) -> bool:
    """A new version; False if this form was recorded before."""
    return conn.execute(ADD, {**values, "settings": Jsonb(dict(settings))}).rowcount == 1


ADD_TEAM_PLAN: LiteralString = """
INSERT INTO team_plan (request_id, team_id, settings, reason, author, recorded_at)
VALUES (%(request_id)s, %(team_id)s, %(settings)s, %(reason)s, %(author)s, %(now)s)
ON CONFLICT (request_id) DO NOTHING
"""
FOLLOW_TEAM: LiteralString = """
INSERT INTO plan (patient_id, settings, reason, recorded_at, author)
SELECT patient_id, plan_following_team(now_in_force.settings, %(before)s, %(settings)s), %(reason)s, %(now)s, %(author)s
FROM (
    SELECT DISTINCT ON (patient_id) patient_id, team_id FROM patient_team ORDER BY patient_id, patient_team_id DESC
) AS member CROSS JOIN LATERAL (
    SELECT coalesce((SELECT settings FROM plan WHERE plan.patient_id = member.patient_id
                     ORDER BY plan_id DESC LIMIT 1), '{}') AS settings
) AS now_in_force
WHERE team_id = %(team_id)s
"""


def set_team_plan(
    conn: Connection, values: Mapping[str, object], *, before: Mapping[str, object], after: Mapping[str, object]
) -> int:
    """The team's values from now on, and a new version for each of its patients; returns of how many."""
    given = {**values, "settings": Jsonb(dict(after)), "before": Jsonb(dict(before))}
    if conn.execute(ADD_TEAM_PLAN, given).rowcount == 0:
        return 0
    return conn.execute(FOLLOW_TEAM, given).rowcount
