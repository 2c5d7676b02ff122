"""Who has looked at whom today? "Reviewed", for one patient or for all that is only informative, and taken back.

A watch that is back within the usual range asks whether it may end; that somebody has looked at it is the answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import class_row

from schemas import database
from schemas.database import Connection


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """A patient somebody looked at."""

    patient_id: str
    family_name: str | None
    given_name: str | None
    reviewer: str
    at: datetime


# The newest reviews of today, of patients whose newest word it still is; so many rows are looked at, and no more.
TODAY: LiteralString = """
WITH newest AS MATERIALIZED (
    SELECT review_id, patient_id, author, at FROM patient_review
    WHERE at >= %(since)s AND NOT is_undo ORDER BY at DESC LIMIT %(enough)s
)
SELECT r.patient_id, i.family_name, i.given_name, u.display_name AS reviewer, r.at
FROM newest AS r JOIN app_user AS u ON u.user_id = r.author LEFT JOIN patient_identity AS i USING (patient_id)
WHERE NOT EXISTS (
    SELECT FROM patient_review AS later WHERE later.patient_id = r.patient_id AND later.review_id > r.review_id)
  AND EXISTS (SELECT FROM episode AS e WHERE e.patient_id = r.patient_id AND closed_at IS NULL)
ORDER BY r.at DESC, r.patient_id LIMIT %(most)s
"""


def today(conn: Connection, *, since: datetime, most: int) -> Cursor[Reviewed]:
    """Patients with open episodes who were looked at since then, the newest first."""
    return database.ask(conn, Reviewed, TODAY, {"since": since, "most": most, "enough": 5 * most})


@dataclass(frozen=True, kw_only=True)
class Done:
    """What one form did: for how many patients, and whether that was to take it back."""

    patient_ids: list[str]
    is_undo: bool
    author: int
    ended: int
    """So many watches were closed with it."""


OF_REQUEST: LiteralString = """
SELECT array_agg(patient_id ORDER BY patient_id) AS patient_ids, bool_or(is_undo) AS is_undo, min(author) AS author,
       (SELECT count(*) FROM acknowledgement AS a JOIN episode AS e USING (episode_id)
        WHERE a.author = min(r.author) AND a.at = min(r.at) AND action = 'close' AND severity = 'watch'
          AND e.patient_id = ANY (array_agg(r.patient_id))) AS ended
FROM patient_review AS r WHERE request_id = %(request_id)s HAVING count(*) > 0
"""


def of_request(conn: Connection, request_id: UUID) -> Done | None:
    with conn.cursor(row_factory=class_row(Done)) as cursor:
        return cursor.execute(OF_REQUEST, {"request_id": request_id}).fetchone()


REVIEW: LiteralString = """
INSERT INTO patient_review (request_id, patient_id, is_undo, author, at)
SELECT %(request_id)s, patient_id, %(is_undo)s, %(author)s, %(at)s FROM patient
WHERE patient_id = ANY (%(patient_ids)s) ORDER BY patient_id
ON CONFLICT (request_id, patient_id) DO NOTHING
RETURNING patient_id
"""


def review(
    conn: Connection, patient_ids: list[str], *, request_id: UUID, is_undo: bool, author: int, at: datetime
) -> list[str]:
    """Record it, once for each form; returns the patients it was new for. Unknown ones are passed over."""
    values = {"request_id": request_id, "patient_ids": patient_ids, "is_undo": is_undo, "author": author, "at": at}
    return [str(patient_id) for (patient_id,) in conn.execute(REVIEW, values)]


ENDED: LiteralString = """
SELECT episode_id FROM acknowledgement AS a JOIN episode AS e USING (episode_id)
WHERE a.author = %(author)s AND a.at = %(at)s AND action = 'close' AND severity = 'watch'
  AND e.patient_id = ANY (%(patient_ids)s) ORDER BY episode_id
"""


def ended(conn: Connection, patient_ids: list[str], *, author: int, at: datetime) -> list[int]:
    """The watches that a review closed: a trigger does it (migration 0141), for clinician_api writes no episode."""
    rows = conn.execute(ENDED, {"patient_ids": patient_ids, "author": author, "at": at})
    return [int(str(episode_id)) for (episode_id,) in rows]
