"""Who is watched? Every patient, or those whose name, pseudonym or INS is looked for."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.patient import patient_search
from schemas.database import Connection

router = APIRouter()
MOST = 200
MOST_AS_TYPED = 8


@router.get("/patients")
def show(conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """The first by name; who is looked for is asked by POST: a name must not stand in an address."""
    audit.write(conn, "patients.read", of="", by=user.user_id, at=now)
    return _answer(conn, page, "")


@router.post("/patients", dependencies=[OwnForm])
def search(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, q: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Those who are looked for."""
    audit.write(conn, "patients.read", of="", by=user.user_id, at=now)
    return _answer(conn, page, q)


def _answer(conn: Connection, page: Page, q: str) -> Response:
    found = patient_search.find(conn, q, most=MOST + 1)
    return page.answer("patient_list.html", patients=found[:MOST], more=len(found) > MOST, q=q)


@router.post("/search", dependencies=[OwnForm])
def as_typed(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, q: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """The first few, while one types; each such look is one at the list of patients."""
    audit.write(conn, "patients.read", of="", by=user.user_id, at=now)
    found = patient_search.find(conn, q, most=MOST_AS_TYPED + 1) if q.strip() else []
    return page.answer("found.html", patients=found[:MOST_AS_TYPED], more=len(found) > MOST_AS_TYPED, q=q.strip())
