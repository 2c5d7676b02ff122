"""Where is each scale? The loan stock, its history, and a label that brings a scale into the enrolment form."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, LiteralString
from urllib.parse import urlencode

import segno
from fastapi import APIRouter, Form, HTTPException, Request
from psycopg.rows import class_row
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.access.sessions import User
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from schemas.database import Connection
from schemas.patient import LentScale

router = APIRouter()
MOST = 500


@dataclass(frozen=True, kw_only=True)
class Stocked:
    """A scale that was ever lent; `patient_id` has it now, unless it is None."""

    site: str
    device_id: str
    patient_id: str | None
    lent_at: datetime | None
    returned_at: datetime | None
    loans: int
    last_seen_at: datetime | None
    battery_pct: int | None


STOCK: LiteralString = """
SELECT l.site, l.device_id, l.patient_id, l.lent_at, l.returned_at, l.loans, s.last_seen_at, s.battery_pct
FROM (
    SELECT DISTINCT ON (site, device_id) site, device_id,
           CASE WHEN returned_at IS NULL THEN patient_id END AS patient_id, lent_at, returned_at,
           count(*) OVER (PARTITION BY site, device_id) AS loans
    FROM device_loan
    WHERE %(q)s::text IS NULL OR device_id ILIKE %(q)s OR patient_id ILIKE %(q)s
    ORDER BY site, device_id, lent_at DESC
) AS l LEFT JOIN device_sighting AS s USING (site, device_id)
ORDER BY (l.patient_id IS NOT NULL), coalesce(l.returned_at, l.lent_at) DESC, site, device_id LIMIT %(most)s
"""


def stock(conn: Connection, q: str) -> list[Stocked]:
    """The scales whose number or borrower holds `q`; the free ones first."""
    literal = q.replace("\0", "").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").strip()
    with conn.cursor(row_factory=class_row(Stocked)) as cursor:
        asked = {"q": f"%{literal}%" if literal else None, "most": MOST + 1}
        return cursor.execute(STOCK, asked).fetchall()


@router.get("/scales")
def show(conn: Transaction, user: SignedIn, page: ThePage) -> Response:
    """The stock."""
    return _answer(conn, page, user, "")


@router.post("/scales", dependencies=[OwnForm])
def search(conn: Transaction, user: SignedIn, page: ThePage, q: Annotated[str, Form(max_length=100)] = "") -> Response:
    """Those whose number or borrower holds `q`: people type names, and none must stand in an address."""
    return _answer(conn, page, user, q)


def _answer(conn: Connection, page: Page, user: User, q: str) -> Response:
    audit.write(conn, "scales.read", of="", by=user.user_id, at=page.now)
    found = stock(conn, q)
    return page.answer("scale_stock.html", scales=found[:MOST], more=len(found) > MOST, q=q)


RETURN: LiteralString = """
UPDATE device_loan SET returned_at = greatest(%(now)s, lent_at + interval '1 microsecond')
WHERE site = %(site)s AND device_id = %(device_id)s AND patient_id = %(patient_id)s AND returned_at IS NULL
"""


@router.post("/scales/return", dependencies=[OwnForm])
def take_back(
    conn: Transaction, user: SignedIn, now: Now,
    site: Annotated[str, Form()], device_id: Annotated[str, Form()], patient_id: Annotated[str, Form()],
) -> Response:  # fmt: skip
    """It has come back from this patient; from somebody else since: nothing happens."""
    given = {"site": site, "device_id": device_id, "patient_id": patient_id, "now": now}
    given |= {name: value.replace("\0", "") for name, value in given.items() if isinstance(value, str)}
    if conn.execute(RETURN, given).rowcount:
        audit.write(conn, "scale.return", of=f"{patient_id} {site}/{device_id}", by=user.user_id, at=now)
    return RedirectResponse("/scales", status_code=303)


LOANS: LiteralString = """
SELECT patient_id, lent_at, returned_at FROM device_loan
WHERE site = %(site)s AND device_id = %(device_id)s ORDER BY lent_at DESC
"""


@dataclass(frozen=True, kw_only=True)
class Loan:
    """Who had the scale, and when."""

    patient_id: str
    lent_at: datetime
    returned_at: datetime | None


@router.get("/scales/label")
def label(conn: Transaction, user: SignedIn, page: ThePage, request: Request, site: str, device_id: str) -> Response:
    """A scale's loans, and its label to print: a phone's camera opens the enrolment form with the scale filled in."""
    scale = LentScale(site=site.replace("\0", ""), device_id=device_id.replace("\0", ""))
    with conn.cursor(row_factory=class_row(Loan)) as cursor:
        loans = cursor.execute(LOANS, vars(scale)).fetchall()
    if not loans:
        raise HTTPException(404)
    address = f"{request.app.state.settings.screens_url}/enrol?{urlencode(vars(scale))}"
    picture = segno.make(address, error="m").svg_data_uri(scale=4)
    return page.answer("scale_label.html", scale=scale, loans=loans, picture=picture)
