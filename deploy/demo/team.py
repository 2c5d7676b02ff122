"""Who watches over the demonstration's patients? One team, its week with a gap, and three patients who are away."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import LiteralString
from uuid import uuid4

from clinician_api.duty import teams
from clinician_api.patient import pauses
from deploy.servers import stack
from schemas import database, rosters
from schemas.database import Connection
from schemas.duty import Post, Team, Weekly
from schemas.settings import Settings

NURSE, CARDIOLOGIST = "infirmiere@vigie.example", "cardiologue@vigie.example"
OPENS, CLOSES = time(7), time(20)
TEAM = Team(
    name="Cellule de Clermont",
    hours=tuple(Weekly(weekday=day, starts=OPENS, ends=CLOSES) for day in range(7)),
    works_on_holidays=True,  # Cardi'Auvergne's cell answered on every day of the week
)
SUNDAY = 6
AWAY: tuple[tuple[pauses.Kind, str, int, int], ...] = (
    ("holiday", "chez sa fille, sans balance", -2, 4),
    ("hospital", "pose d'un stimulateur", -1, 1),
    ("holiday", "croisière", 6, 20),
)
"""Of those who have not weighed for longest: kind, note, first and last day from today."""

PERSON: LiteralString = "SELECT user_id FROM app_user WHERE email = %s"
ALL_PATIENTS: LiteralString = """
INSERT INTO patient_team (patient_id, team_id, recorded_at, author)
SELECT patient_id, %(team_id)s, %(now)s, %(author)s FROM patient
"""
QUIETEST: LiteralString = """
SELECT patient_id FROM latest_reading JOIN patient USING (patient_id) ORDER BY measured_at, patient_id LIMIT 3
"""
LOOKS_AFTER: LiteralString = """
INSERT INTO user_duty (duty, user_id, entered_at, entered_by) VALUES (%(duty)s, %(user_id)s, %(now)s, %(user_id)s)
"""


def set_up(settings: Settings, *, now: datetime, nurse: str, cardiologist: str) -> None:
    """Once per database; both are named by their e-mail."""
    with database.connect(stack.url(settings), service="api") as conn:
        if rosters.team_ids(conn):
            return
        people = {name: _person(conn, email) for name, email in (("nurse", nurse), ("cardiologist", cardiologist))}
        author = people["nurse"]
        team_id = teams.add(conn, TEAM, author=author, now=now)
        conn.execute(ALL_PATIENTS, {"team_id": team_id, "now": now, "author": author})
        for who, post, weekday, starts, ends in _week():
            teams.add_shift(
                conn, team_id, user_id=people[who], post=post, weekday=weekday, starts=starts, ends=ends,
                author=author, now=now,
            )  # fmt: skip
        for duty in ("operations", "technical"):
            conn.execute(LOOKS_AFTER, {"duty": duty, "user_id": author, "now": now})
        _send_away(conn, today=now.date(), author=author, now=now)


def _person(conn: Connection, email: str) -> int:
    (user_id,) = conn.execute(PERSON, (email,)).fetchone() or (0,)
    return int(str(user_id))


def _week() -> Iterator[tuple[str, Post, int, time, time]]:
    """Who, at which post, on which day, from when to when."""
    for day in range(7):
        yield "nurse", "nurse", day, OPENS, CLOSES
        yield "cardiologist", "cardiologist", day, OPENS, CLOSES
        if day != SUNDAY:  # so that the page shows a night in which nobody is on duty
            yield "cardiologist", "backup", day, CLOSES, OPENS


def _send_away(conn: Connection, *, today: date, author: int, now: datetime) -> None:
    quietest = [str(patient_id) for (patient_id,) in conn.execute(QUIETEST).fetchall()]
    for patient_id, (kind, note, first, last) in zip(quietest, AWAY, strict=False):
        values = {
            "request_id": uuid4(), "patient_id": patient_id, "kind": kind, "note": note, "author": author, "now": now,
            "first_day": today + timedelta(days=first), "last_day": today + timedelta(days=last),
        }  # fmt: skip
        conn.execute(pauses.ADD, values)
