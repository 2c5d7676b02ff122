"""Can this person be enrolled as typed? Each field's fault in words, for the form and for every row of an import."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import TypeAdapter, ValidationError
from stdnum.fr import nir

from clinician_api.language import message
from schemas.patient import Identity, LentScale, NewPatient, PatientId
from schemas.topics import PART

FIELDS = (
    "patient_id", "family_name", "given_name", "birth_date", "sex", "ins", "ins_oid", "dry_weight_kg", "site",
    "device_id",
)  # fmt: skip
LONGEST_NAME = 100
OLDEST_YEARS = 120
NIR, NIA, TEST = "1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10"
NEEDED = message("This is needed.")
TOO_LONG = message("At most 100 characters.")
NO_DATE = message("Give a date such as 1948-05-31 or 31/05/1948.")
NOT_BORN = message("This birth date lies in the future, or more than 120 years back.")
NO_SEX = message("F or M.")
NO_INS = message("An INS has 15 digits and its key must fit: check it against the card.")
NO_OID = message("Choose what kind of identifier it is.")
NO_WEIGHT = message("A number of kg between 20 and 400, such as 72.5, or nothing.")
NO_SCALE = message("A scale has a site and a number, both without spaces, #, + or /; or leave both empty.")
NO_PSEUDONYM = message("A pseudonym has at most 64 characters, without spaces, / # + ? % or &.")
_PART = re.compile(PART)
_PSEUDONYM: TypeAdapter[str] = TypeAdapter(PatientId)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was typed, cleaned; with a fault per field there is no patient."""

    typed: dict[str, str]
    faults: dict[str, str]
    patient: NewPatient | None


def check(fields: Mapping[str, str], *, pseudonym: str, now: datetime) -> Checked:
    """The patient that these fields describe; `pseudonym` is theirs unless one was typed."""
    typed = {name: " ".join(fields.get(name, "").replace("\0", "").split()) for name in FIELDS}
    typed["ins"] = typed["ins"].replace(" ", "").upper()
    typed["ins_oid"] = typed["ins_oid"] or NIR
    birth_date, weight_kg = day(typed["birth_date"]), _kg(typed["dry_weight_kg"])
    faults = _faults(typed, birth_date=birth_date, weight_kg=weight_kg, today=now.date())
    if faults:
        return Checked(typed=typed, faults=faults, patient=None)
    assert birth_date
    patient = NewPatient(
        patient_id=typed["patient_id"] or pseudonym,
        enrolled_at=now,
        identity=_identity(typed, birth_date),
        scale=LentScale(site=typed["site"], device_id=typed["device_id"]) if typed["device_id"] else None,
        dry_weight_kg=weight_kg,
    )
    return Checked(typed=typed | {"birth_date": birth_date.isoformat()}, faults={}, patient=patient)


def _identity(typed: Mapping[str, str], birth_date: date) -> Identity:
    return Identity.model_validate(
        {name: typed[name] for name in ("family_name", "given_name", "sex", "ins", "ins_oid")}
        | {"birth_date": birth_date}
    )


def _faults(
    typed: Mapping[str, str], *, birth_date: date | None, weight_kg: float | None, today: date
) -> dict[str, str]:
    found = {name: _name_fault(typed[name]) for name in ("family_name", "given_name")}
    found["birth_date"] = _birth_fault(typed["birth_date"], birth_date, today=today)
    found["sex"] = None if typed["sex"] in {"F", "M"} else NO_SEX
    found["ins"] = None if _is_ins(typed["ins"]) else NO_INS
    found["ins_oid"] = None if typed["ins_oid"] in {NIR, NIA, TEST} else NO_OID
    found["dry_weight_kg"] = NO_WEIGHT if typed["dry_weight_kg"] and weight_kg is None else None
    found["device_id"] = None if _is_scale(typed["site"], typed["device_id"]) else NO_SCALE
    found["patient_id"] = None if not typed["patient_id"] or _is_pseudonym(typed["patient_id"]) else NO_PSEUDONYM
    return {name: fault for name, fault in found.items() if fault}


def _name_fault(name: str) -> str | None:
    return (NEEDED if not name else None) or (TOO_LONG if len(name) > LONGEST_NAME else None)


def _birth_fault(text: str, birth_date: date | None, *, today: date) -> str | None:
    if not text:
        return NEEDED
    if birth_date is None:
        return NO_DATE
    return None if birth_date <= today and today.year - birth_date.year <= OLDEST_YEARS else NOT_BORN


def day(text: str) -> date | None:
    """A day as a form or a spreadsheet writes it."""
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 a day, no time
        except ValueError:
            continue
    return None


def _kg(text: str) -> float | None:
    try:
        weight_kg = round(float(text.replace(",", ".").removesuffix("kg")), 3)
    except ValueError:
        return None
    return weight_kg if 20 <= weight_kg <= 400 else None


def _is_ins(ins: str) -> bool:
    return len(ins) == 15 and bool(nir.is_valid(ins))


def _is_scale(site: str, device_id: str) -> bool:
    return not (site or device_id) or bool(_PART.fullmatch(site) and _PART.fullmatch(device_id))


def _is_pseudonym(text: str) -> bool:
    try:
        _PSEUDONYM.validate_python(text)
    except ValidationError:
        return False
    return True
