"""How does a patient join? One form, everything read back before it is kept, and a double click is one patient."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, LiteralString
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.enrol import enrolment, new_patient
from clinician_api.language import CLINIC_ZONE, Words, message
from clinician_api.patient import phone, plan_record, tag_record, typed
from clinician_api.patient.plan_record import Group
from clinician_api.scales import unknown_scales
from schemas.database import Connection
from schemas.patient import NewPatient

router = APIRouter()
PSEUDONYM_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is taken for another when read aloud
NO_CONSENT = message("Vigie may watch only who has agreed: say on which day the consent was given.")
NO_PRESCRIBER = message("Say who prescribes the monitoring, in at most 200 characters.")
KNOWN_INS = message("Somebody with this INS is enrolled already: %(patient)s.")
KNOWN_PSEUDONYM = message("This pseudonym is taken.")
SCALE_LENT = message("This scale is on loan to %(patient)s: say first that it has come back.")
MOST_STRANGERS = 20


class Joining(BaseModel):
    """The form's fields, as typed; `answer` once they were read back: right, or to be corrected."""

    request_id: UUID
    answer: Literal["", "right", "correct"] = ""
    family_name: str = ""
    given_name: str = ""
    birth_date: str = ""
    sex: str = ""
    ins: str = ""
    ins_oid: str = ""
    dry_weight_kg: str = ""
    site: str = ""
    device_id: str = ""
    consent_on: str = ""
    prescriber: str = ""
    phone: str = ""
    whose: str = ""
    verified: str = ""
    team: str = ""

    @property
    def typed(self) -> dict[str, str]:
        fields = self.model_dump(exclude={"request_id", "answer"})
        return {name: str(value).replace("\0", "") for name, value in fields.items()}


def pseudonym() -> str:
    """One that says nothing about its bearer: 8 letters of 31, so that a clinic does not meet the same twice."""
    return "p-" + "".join(secrets.choice(PSEUDONYM_LETTERS) for _ in range(8))


@router.get("/enrol")
def show(
    conn: Transaction, user: SignedIn, page: ThePage,
    site: Annotated[str, Query(max_length=64)] = "", device_id: Annotated[str, Query(max_length=64)] = "",
) -> Response:  # fmt: skip
    """The form; the address on a scale's label fills the scale in."""
    typed = dict.fromkeys(Joining.model_fields, "") | {"site": site, "device_id": device_id, "ins_oid": new_patient.NIR}
    return _form(conn, page, typed, {}, request_id=uuid4())


def _form(
    conn: Connection, page: Page, typed: Mapping[str, str], faults: Mapping[str, str], *, request_id: UUID
) -> Response:
    return page.answer(
        "joining.html",
        status=422 if faults else 200,
        typed=typed,
        faults=faults,
        request_id=request_id,
        groups=plan_record.groups(conn),
        strangers=unknown_scales.strangers(conn, now=page.now)[:MOST_STRANGERS],
    )


@router.post("/enrol", dependencies=[OwnForm])
def check_or_enrol(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Joining, Form()]
) -> Response:
    """Read back what was typed; keep it once that was confirmed."""
    if patient_id := enrolled_by(conn, form.request_id):
        return RedirectResponse(f"/patients/{patient_id}", status_code=303)
    checked = new_patient.check(form.typed, pseudonym=pseudonym(), now=now)
    consent_on = new_patient.day(form.consent_on)
    typed = form.typed | checked.typed
    words, prescriber = page.words, " ".join(form.typed["prescriber"].split())
    today = now.astimezone(ZoneInfo(CLINIC_ZONE)).date()
    faults = {name: words.text(fault) for name, fault in checked.faults.items()}
    faults |= disagreement(words, consent_on=consent_on, prescriber=prescriber, today=today)
    team = next((one for one in plan_record.groups(conn) if str(one.team_id) == form.team), None)
    company = Company(number=form.phone, whose=form.whose, verified=bool(form.verified), team=team)
    faults |= company.faults(words)
    if checked.patient:
        faults |= taken(conn, checked.patient, page)
    if faults or checked.patient is None or consent_on is None or form.answer == "correct":
        return _form(conn, page, typed, faults, request_id=form.request_id)
    if not form.answer:
        return page.answer("joining_check.html", typed=typed, patient=checked.patient, consent_on=consent_on, team=team,
                           request_id=form.request_id)  # fmt: skip
    record = Record(request_id=form.request_id, consent_on=consent_on, prescriber=prescriber,
                    author=user.user_id)  # fmt: skip
    keep(conn, checked.patient, record, now=now)
    keep_company(conn, checked.patient.patient_id, company, record, now=now)
    return RedirectResponse(f"/patients/{checked.patient.patient_id}", status_code=303)


def disagreement(words: Words, *, consent_on: date | None, prescriber: str, today: date) -> dict[str, str]:
    """What is missing of consent and prescription."""
    faults = {}
    if consent_on is None or not 0 <= (today - consent_on).days < 3660:
        faults["consent_on"] = words.text(NO_CONSENT)
    if not 0 < len(prescriber) <= 200:
        faults["prescriber"] = words.text(NO_PRESCRIBER)
    return faults


WITH_INS: LiteralString = "SELECT patient_id FROM patient_identity WHERE ins = %(ins)s ORDER BY patient_id LIMIT 1"
WITH_PSEUDONYM: LiteralString = "SELECT FROM patient WHERE patient_id = %(patient_id)s"


def taken(conn: Connection, patient: NewPatient, page: Page) -> dict[str, str]:
    """What stands in the way of a patient whose fields are right: the same person, pseudonym or scale is there."""
    assert patient.identity
    faults = {}
    if row := conn.execute(WITH_INS, {"ins": patient.identity.ins}).fetchone():
        faults["ins"] = page.words.text(KNOWN_INS) % {"patient": row[0]}
    if conn.execute(WITH_PSEUDONYM, {"patient_id": patient.patient_id}).fetchone() is not None:
        faults["patient_id"] = page.words.text(KNOWN_PSEUDONYM)
    if patient.scale and (borrower := unknown_scales.borrower(conn, patient.scale)):
        faults["device_id"] = page.words.text(SCALE_LENT) % {"patient": borrower}
    return faults


@dataclass(frozen=True, kw_only=True)
class Company:
    """Whom the patient comes with: how they are reached, who watches, and the clinic's words for them."""

    number: str
    whose: str = ""
    verified: bool = False
    team: Group | None = None
    tags: Sequence[str] = ()

    def faults(self, words: Words) -> dict[str, str]:
        is_number = not self.number.strip() or typed.phone(self.number) is not None
        faults = {} if is_number else {"phone": words.text(phone.NO_NUMBER)}
        return faults | ({} if len(self.whose) <= 100 else {"whose": words.text(phone.LONG_WHOSE)})


def keep_company(conn: Connection, patient_id: str, company: Company, record: "Record", *, now: datetime) -> None:
    """The number, the team with its plan, the tags; each by a number of its own, made from the form's."""
    values: dict[str, object] = {"patient_id": patient_id, "author": record.author, "now": now}
    if digits := typed.phone(company.number):
        named = {"number": digits, "whose": typed.note(company.whose), "verified": company.verified}
        phone.keep(conn, values | named | {"request_id": uuid5(record.request_id, "phone")})
    if team := company.team:
        plan_record.join_team(conn, patient_id, team_id=team.team_id, author=record.author, now=now)
        if team.settings:
            plan = {"request_id": uuid5(record.request_id, "plan"), "reason": team.name}
            plan_record.add(conn, values | plan, team.settings)
    given = values | {"request_id": record.request_id}
    tag_record.change(conn, list(company.tags), given, is_removal=False)


class Record(BaseModel):
    """What was agreed, and who says so."""

    request_id: UUID
    consent_on: date
    prescriber: str
    author: int


ENROLLED_BY: LiteralString = "SELECT patient_id FROM enrolment_record WHERE request_id = %(request_id)s"
RECORD: LiteralString = """
INSERT INTO enrolment_record (patient_id, request_id, consent_on, prescriber, author, recorded_at)
VALUES (%(patient_id)s, %(request_id)s, %(consent_on)s, %(prescriber)s, %(author)s, %(now)s)
"""
# One enrolment at a time: whom the second names is then known to it.
ONE_AT_A_TIME: LiteralString = "SELECT pg_advisory_xact_lock(50)"


def enrolled_by(conn: Connection, request_id: UUID) -> str | None:
    """Whom this form has enrolled before; others wait until the transaction ends."""
    conn.execute(ONE_AT_A_TIME)
    row = conn.execute(ENROLLED_BY, {"request_id": request_id}).fetchone()
    return None if row is None else str(row[0])


def keep(conn: Connection, patient: NewPatient, record: Record, *, now: datetime) -> None:
    """Enrol the patient; the scale is theirs from now on. Whose its earlier weights are, "unknown scales" asks."""
    enrolment.enrol(conn, [patient], now=now)
    conn.execute(RECORD, record.model_dump() | {"patient_id": patient.patient_id, "now": now})
    audit.write(conn, "patient.enrol", of=patient.patient_id, by=record.author, at=now)
