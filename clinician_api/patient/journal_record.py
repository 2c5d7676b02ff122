"""What did people note of a patient? Notes, contacts, treatment changes; the reminders due; who has seen what."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, LiteralString

from psycopg.rows import class_row

from schemas.database import Connection

Kind = Literal["note", "contact", "treatment"]
MOST = 100


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry, with its reminder if it has one; `seen_by` are those who pressed "seen", the author aside."""

    entry_id: int
    request_id: str
    kind: Kind
    happened_at: datetime
    recorded_at: datetime
    result: str | None
    drug_class: str | None
    direction: str | None
    dose: str
    note: str
    author: str
    author_id: int
    remind_on: date | None
    done_at: datetime | None
    done_by: str | None
    seen_by: list[str]
    seen_ids: list[int]

    def is_due(self, today: date) -> bool:
        """Whether its day has come and nobody has said that it is done."""
        return self.remind_on is not None and self.done_at is None and self.remind_on <= today


ENTRIES: LiteralString = """
SELECT j.entry_id, j.request_id::text AS request_id, kind, happened_at, recorded_at, result, drug_class, direction,
       dose, j.note, u.display_name AS author, j.author AS author_id, r.remind_on, r.done_at, d.display_name AS done_by,
       coalesce(seen.names, '{}') AS seen_by, coalesce(seen.ids, '{}') AS seen_ids
FROM journal_entry AS j
JOIN app_user AS u ON u.user_id = j.author
LEFT JOIN reminder AS r USING (entry_id)
LEFT JOIN app_user AS d ON d.user_id = r.done_by
LEFT JOIN LATERAL (
    SELECT array_agg(s.user_id ORDER BY at) AS ids, array_agg(v.display_name ORDER BY at) AS names
    FROM journal_seen AS s JOIN app_user AS v ON v.user_id = s.user_id WHERE s.entry_id = j.entry_id
) AS seen ON true
WHERE j.patient_id = %(patient_id)s
ORDER BY happened_at DESC, entry_id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """That somebody asked to be reminded of a patient."""

    entry_id: int
    patient_id: str
    remind_on: date
    note: str
    author: str


# The index holds the reminders that are not done, by their day: what was done long ago costs nothing.
DUE: LiteralString = """
SELECT entry_id, r.patient_id, remind_on, left(j.note, 200) AS note, u.display_name AS author
FROM reminder AS r JOIN journal_entry AS j USING (entry_id) JOIN app_user AS u ON u.user_id = j.author
WHERE remind_on <= %(today)s AND done_at IS NULL
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = r.patient_id)
ORDER BY remind_on, entry_id LIMIT %(most)s
"""


def due(conn: Connection, *, today: date, most: int = 200) -> list[Reminder]:
    """The reminders of all patients whose day has come, the longest overdue first."""
    with conn.cursor(row_factory=class_row(Reminder)) as cursor:
        return cursor.execute(DUE, {"today": today, "most": most}).fetchall()
