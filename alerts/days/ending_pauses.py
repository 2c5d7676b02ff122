"""When is somebody reminded that a pause ends? In the team's working hours before its last day, at 9 if they hold it.

It goes to whoever set that day; to the nurses, if no message reaches them any more.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import LiteralString

from psycopg.rows import class_row

from schemas import duty, rosters
from schemas.database import Connection
from schemas.duty import Team

NINE = time(9)

# As many days ahead as an opening is looked for: a team may be closed for all of them.
ENDING: LiteralString = """
SELECT pause_id, patient_id, last_day, changed_at FROM standing_pause AS pause
WHERE last_day BETWEEN greatest(first_day, %(now)s::date - 1) AND %(now)s::date + 15
  AND first_day > %(now)s::date - 185
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = pause.patient_id)
  AND NOT EXISTS (SELECT FROM plain_notice WHERE kind = 'pause_ends' AND about = pause_id || ' until ' || last_day)
"""
REMIND: LiteralString = """
INSERT INTO plain_notice (kind, about, user_id, created_at, due_at, facts)
SELECT 'pause_ends', pause_id || ' until ' || last_day, person.user_id, %(now)s, %(now)s,
       jsonb_build_object('pause', pause_id, 'day', last_day)
FROM standing_pause AS pause, LATERAL (
    SELECT user_id FROM usable_channel WHERE user_id = pause.author
    UNION
    SELECT user_id FROM usable_channel JOIN app_user USING (user_id)
    WHERE role = 'nurse' AND NOT EXISTS (SELECT FROM usable_channel WHERE user_id = pause.author)) AS person
WHERE pause_id = ANY(%(pause_ids)s)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True)
class Ending:
    pause_id: int
    patient_id: str
    last_day: date
    changed_at: datetime


def remind(conn: Connection, *, now: datetime) -> None:
    """Write each reminder whose moment has come; none for a pause whose end was entered after it."""
    with conn.cursor(row_factory=class_row(Ending)) as cursor:
        ending = cursor.execute(ENDING, {"now": now}).fetchall()
    if not ending:
        return
    teams, team_of = rosters.teams(conn), rosters.teams_of(conn, {pause.patient_id for pause in ending})
    due = []
    for pause in ending:
        at = reminded_at(pause.last_day, team=teams.get(team_of[pause.patient_id] or 0, rosters.EVERYBODY))
        if pause.changed_at < at <= now and now.astimezone(at.tzinfo).date() <= pause.last_day:
            due.append(pause.pause_id)
    if due:
        conn.execute(REMIND, {"now": now, "pause_ids": due})


def reminded_at(last_day: date, *, team: Team) -> datetime:
    """By the team's clocks: on the last day before on which they work, at 9 o'clock if they do then, else as they open.

    If they work on none of the 14 days before: at 9 on the day before.
    """
    eve = last_day - duty.A_DAY
    since, until = (datetime.combine(day, time(0), tzinfo=team.zone) for day in (eve - duty.AHEAD, last_day))
    by_day = defaultdict[date, list[datetime]](list)
    for opens, closes in duty.working_spans(team, since, until):
        begins = opens.astimezone(team.zone)
        nine = datetime.combine(begins.date(), NINE, tzinfo=team.zone)
        if begins < until:
            by_day[begins.date()].append(nine if begins <= nine < closes else begins)
    return min(by_day[max(by_day)]) if by_day else datetime.combine(eve, NINE, tzinfo=team.zone)
