"""Who looks after the installation? Operations hears of what fails, the technician of silent scales.

Like the calendar it is set by any clinician, and audited: whoever is there at night must be able to hand it over. But
the last one does not leave before another is named: nobody would be told that nobody is told.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, LiteralString

from fastapi import APIRouter, Form
from psycopg.rows import class_row
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, SignedIn, Transaction
from schemas.database import Connection

router = APIRouter()
Duty = Literal["operations", "technical"]
DUTIES: tuple[Duty, ...] = ("operations", "technical")

HELD: LiteralString = """
SELECT user_duty_id, duty, user_id FROM user_duty JOIN app_user USING (user_id)
WHERE ended_at IS NULL AND disabled_at IS NULL ORDER BY display_name, user_duty_id
"""
CONTACTS: LiteralString = "SELECT duty FROM contact"
ADD: LiteralString = """
INSERT INTO user_duty (duty, user_id, entered_at, entered_by)
SELECT %(duty)s, user_id, %(now)s, %(by)s FROM app_user WHERE user_id = %(user_id)s AND disabled_at IS NULL
ON CONFLICT DO NOTHING
"""
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('vigie.upkeep'))"  # two last ones who leave at once
END: LiteralString = """
UPDATE user_duty SET ended_at = %(now)s, ended_by = %(by)s
WHERE user_duty_id = %(number)s AND ended_at IS NULL AND (
    EXISTS (SELECT FROM contact WHERE contact.duty = user_duty.duty)
    OR EXISTS (SELECT FROM user_duty AS other JOIN app_user USING (user_id)
               WHERE other.duty = user_duty.duty AND other.user_duty_id <> user_duty.user_duty_id
                 AND other.ended_at IS NULL AND disabled_at IS NULL))
"""


@dataclass(frozen=True, kw_only=True)
class Held:
    user_duty_id: int
    duty: Duty
    user_id: int


def held(conn: Connection) -> dict[Duty, list[Held]]:
    """Each duty with who holds it."""
    with conn.cursor(row_factory=class_row(Held)) as cursor:
        found = cursor.execute(HELD).fetchall()
    return {duty: [one for one in found if one.duty == duty] for duty in DUTIES}


def contacts(conn: Connection) -> set[str]:
    """The duties for which an address without an account is known too (`vigie contact`)."""
    return {str(duty) for (duty,) in conn.execute(CONTACTS)}


@router.post("/duty/upkeep", dependencies=[OwnForm])
def add(
    conn: Transaction, user: SignedIn, now: Now,
    duty: Annotated[Duty, Form()], person: Annotated[int, Form(gt=0, lt=2**63)],
) -> Response:  # fmt: skip
    """One more person; the same one twice is one."""
    conn.execute(ADD, {"duty": duty, "user_id": person, "now": now, "by": user.user_id})
    return _changed(conn, duty, by=user.user_id, at=now)


@router.post("/duty/upkeep/{number}/end", dependencies=[OwnForm])
def end(number: int, conn: Transaction, user: SignedIn, now: Now) -> Response:
    """Not any more, unless nobody would be left: then the page says so instead of the button."""
    conn.execute(LOCK)
    if conn.execute(END, {"number": min(number, 2**63 - 1), "now": now, "by": user.user_id}).rowcount:
        return _changed(conn, str(number), by=user.user_id, at=now)
    return RedirectResponse("/duty#upkeep", status_code=303)


def _changed(conn: Connection, what: str, *, by: int, at: datetime) -> Response:
    audit.write(conn, "duty.change", of=what, by=by, at=at)
    return RedirectResponse("/duty#upkeep", status_code=303)
