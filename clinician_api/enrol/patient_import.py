"""How do many patients join? A CSV table, with every row's fate shown before anything is kept."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from fastapi import APIRouter, File, Form, UploadFile
from starlette.responses import Response

from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.enrol import joining, new_patient
from clinician_api.enrol.joining import Company
from clinician_api.enrol.new_patient import Checked
from clinician_api.language import CLINIC_ZONE, Words, message
from clinician_api.patient import plan_record, tag_record
from clinician_api.patient.plan_record import Group
from schemas.database import Connection

router = APIRouter()
MOST_ROWS = 1000
MOST_CHARACTERS = 75_000  # it comes back in a form: two bytes each fit (doors.FORM_BYTES)
ALSO = ("patient_id", "ins_oid", "dry_weight_kg", "site", "device_id", "phone", "whose", "team", "tags")
BETWEEN_TAGS = "|"
COLUMNS = ("family_name", "given_name", "birth_date", "sex", "ins", "consent_on", "prescriber")
NO_TABLE = message("This is no CSV table: save the sheet as CSV (UTF-8), with the first row naming the columns.")
NO_COLUMN = message("The first row lacks the column %(columns)s.")
TOO_MUCH = message("At most 1,000 rows and 75,000 characters at once: divide the table.")
NO_TEAM = message("There is no team of this name. There are: %(teams)s.")
BAD_TAGS = message("At most 20 tags of 1 to 40 letters, with | between them.")
TWICE = message("The same INS, pseudonym or scale stands in row %(row)s.")


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of one row: enrolled, or left out for these faults (column: in words)."""

    row: int
    checked: Checked
    faults: dict[str, str]
    consent_on: date | None
    prescriber: str
    company: Company

    @property
    def joins(self) -> bool:
        return not self.faults


@router.get("/enrol/import")
def show(user: SignedIn, page: ThePage) -> Response:
    """Where the table is chosen."""
    return _form(page)


def _form(page: Page, problem: str = "") -> Response:
    return page.answer("patient_import.html", status=422 if problem else 200, problem=problem, columns=COLUMNS,
                       also=ALSO)  # fmt: skip


@router.post("/enrol/import/check", dependencies=[OwnForm])
def check(conn: Transaction, user: SignedIn, page: ThePage, table: Annotated[UploadFile, File()]) -> Response:
    """Every row's fate; nothing is kept yet."""
    text = _text(table.file.read(4 * MOST_CHARACTERS + 1))
    problem = NO_TABLE if text is None else TOO_MUCH if len(text) > MOST_CHARACTERS else None
    if problem or text is None:
        return _form(page, page.words.text(problem or NO_TABLE))
    return _preview(conn, page, text, request_id=uuid4())


def _text(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "cp1252"):  # what Excel saves
        try:
            return content.decode(encoding).replace("\0", "")
        except UnicodeDecodeError:
            continue
    return None


def _preview(conn: Connection, page: Page, text: str, *, request_id: UUID) -> Response:
    try:
        fates = list(_fates(conn, page, text))
    except _BadTableError as error:
        return _form(page, str(error))
    return page.answer("patient_import_check.html", fates=fates, text=text, request_id=request_id, done=None)


@router.post("/enrol/import", dependencies=[OwnForm])
def keep(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()], text: Annotated[str, Form(max_length=2 * MOST_CHARACTERS)],
) -> Response:  # fmt: skip
    """Enrol the rows that can be; sent twice, the second finds them enrolled and adds nobody."""
    conn.execute(joining.ONE_AT_A_TIME)
    try:
        fates = list(_fates(conn, page, text.replace("\0", "")))
    except _BadTableError as error:
        return _form(page, str(error))
    joined = [fate for fate in fates if fate.joins]
    for fate in joined:
        assert fate.checked.patient
        assert fate.consent_on
        record = joining.Record(request_id=uuid5(request_id, str(fate.row)), consent_on=fate.consent_on,
                                prescriber=fate.prescriber, author=user.user_id)  # fmt: skip
        joining.keep(conn, fate.checked.patient, record, now=now)
        joining.keep_company(conn, fate.checked.patient.patient_id, fate.company, record, now=now)
    return page.answer("patient_import_check.html", fates=fates, text=None, request_id=request_id, done=len(joined))


class _BadTableError(Exception):
    """The text is no table with the columns needed; the message is in the reader's language."""


def _fates(conn: Connection, page: Page, text: str) -> Iterator[Fate]:
    """Each row's, in order.

    Raises:
        _BadTableError: there are no rows to judge.
    """
    rows = _rows(page, text)
    seen: dict[str, int] = {}
    groups = plan_record.groups(conn)
    for number, fields in rows:
        fate = _fate(conn, page, fields, row=number, groups=groups)
        keys = _keys(fate)
        if again := next((seen[key] for key in keys if key in seen), None):
            fault = page.words.text(TWICE) % {"row": again}
            fate = replace(fate, faults=fate.faults | {"ins": fault})
        seen |= {key: number for key in keys if key not in seen}
        yield fate


def _rows(page: Page, text: str) -> list[tuple[int, dict[str, str]]]:
    first = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if first.count(";") > first.count(",") else ",")
    names = [(name or "").strip().lower() for name in reader.fieldnames or []]
    missing = [name for name in COLUMNS if name not in names]
    if len(missing) == len(COLUMNS):
        raise _BadTableError(page.words.text(NO_TABLE))
    if missing:
        raise _BadTableError(page.words.text(NO_COLUMN) % {"columns": ", ".join(missing)})
    reader.fieldnames = names
    rows = [(reader.line_num, {k: v or "" for k, v in row.items() if isinstance(k, str)}) for row in reader]
    if len(rows) > MOST_ROWS:
        raise _BadTableError(page.words.text(TOO_MUCH))
    return [(number, row) for number, row in rows if any(isinstance(v, str) and v.strip() for v in row.values())]


def _fate(conn: Connection, page: Page, fields: dict[str, str], *, row: int, groups: Sequence[Group]) -> Fate:
    sex = fields.get("sex", "").strip().upper()
    checked = new_patient.check(fields | {"sex": sex}, pseudonym=joining.pseudonym(), now=page.now)
    words = page.words
    faults = {name: words.text(fault) for name, fault in checked.faults.items()}
    consent_on, prescriber = new_patient.day(fields["consent_on"]), " ".join(fields["prescriber"].split())
    today = page.now.astimezone(ZoneInfo(CLINIC_ZONE)).date()
    faults |= joining.disagreement(words, consent_on=consent_on, prescriber=prescriber, today=today)
    if checked.patient:
        faults |= joining.taken(conn, checked.patient, page)
    company, strange = _company(words, fields, groups)
    faults |= company.faults(words) | strange
    return Fate(
        row=row, checked=checked, faults=faults, consent_on=consent_on, prescriber=prescriber, company=company
    )  # fmt: skip


def _company(words: Words, fields: dict[str, str], groups: Sequence[Group]) -> tuple[Company, dict[str, str]]:
    """Number, team and tags of a row; nobody has called the number yet."""
    name = " ".join(fields.get("team", "").split())
    team = next((group for group in groups if group.name.casefold() == name.casefold()), None)
    typed = [tag for tag in fields.get("tags", "").split(BETWEEN_TAGS) if tag.strip()]
    tags = [tag for one in typed if (tag := tag_record.cleaned(one))]
    faults = {}
    if name and team is None:
        faults["team"] = words.text(NO_TEAM) % {"teams": ", ".join(group.name for group in groups) or "–"}
    if len(tags) != len(typed) or len(set(tags)) > tag_record.MOST:
        faults["tags"] = words.text(BAD_TAGS)
    number, whose = fields.get("phone", ""), " ".join(fields.get("whose", "").split())
    return Company(number=number, whose=whose, team=team, tags=sorted(set(tags))), faults


def _keys(fate: Fate) -> list[str]:
    if (patient := fate.checked.patient) is None or patient.identity is None:
        return []
    scale = [f"scale {patient.scale.site}/{patient.scale.device_id}"] if patient.scale else []
    return [f"ins {patient.identity.ins}", f"id {patient.patient_id}", *scale]
