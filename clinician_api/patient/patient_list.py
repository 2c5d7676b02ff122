"""Who is watched? Every patient, or those whose name or pseudonym is looked for."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, LiteralString

from fastapi import APIRouter, Query
from psycopg.rows import class_row
from starlette.responses import Response

from clinician_api import audit
from clinician_api.dependencies import Now, SignedIn, ThePage, Transaction
from schemas.database import Connection

router = APIRouter()
MOST = 200


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A patient in the list; weight in kg."""

    patient_id: str
    family_name: str | None
    given_name: str | None
    birth_date: date | None
    sex: str | None
    last_at: datetime | None
    last_kg: float | None
    is_open: bool


PATIENTS: LiteralString = """
SELECT p.patient_id, i.family_name, i.given_name, i.birth_date, i.sex, l.measured_at AS last_at,
       l.weight_kg::float8 AS last_kg,
       EXISTS (SELECT FROM episode AS e WHERE e.patient_id = p.patient_id AND closed_at IS NULL) AS is_open
FROM patient AS p LEFT JOIN patient_identity AS i USING (patient_id) LEFT JOIN latest_reading AS l USING (patient_id)
WHERE %(words)s::text[] IS NULL
   OR concat_ws(' ', i.family_name, i.given_name, i.family_name, p.patient_id) ILIKE ALL (%(words)s)
ORDER BY i.family_name, i.given_name, p.patient_id LIMIT %(most)s
"""


def find(conn: Connection, q: str, *, most: int) -> list[Listed]:
    """The first patients by name whose name or pseudonym holds each word of `q`."""
    words = [f"%{_literal(word)}%" for word in q.replace("\0", "").split()]
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(PATIENTS, {"words": words or None, "most": most}).fetchall()


@router.get("/patients")
def show(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, q: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Every patient, or those whose name or pseudonym holds each word of `q`."""
    audit.write(conn, "patients.read", of="", by=user.user_id, at=now)
    found = find(conn, q, most=MOST + 1)
    return page.answer("patient_list.html", patients=found[:MOST], more=len(found) > MOST, q=q)


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
