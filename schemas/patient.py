"""Who is watched, and with which scale? What enrolment needs, for a screen, an import, the simulator."""

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

PatientId = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f/#+?%&]{1,64}$")]
"""A pseudonym, fit for a topic, a log and a URL: never a name."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone such as Europe/Paris") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Identity(BaseModel):
    """Who the patient is; kept apart, read by the screens alone. The simulator uses INS test identifiers (OID …10)."""

    model_config = ConfigDict(frozen=True)

    family_name: str
    given_name: str
    birth_date: date
    sex: Literal["F", "M"]
    ins: Annotated[str, Field(pattern=r"^\d[\dAB]{14}$|^\d[\dAB]{12}$")]
    ins_oid: Literal["1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11"]


class LentScale(BaseModel):
    """The scale in the patient's home, by the two levels of its topic."""

    model_config = ConfigDict(frozen=True)

    site: str
    device_id: str


class NewPatient(BaseModel):
    """A patient to enrol. Without `identity` (an import) the screens show the pseudonym."""

    model_config = ConfigDict(frozen=True)

    patient_id: PatientId
    enrolled_at: AwareDatetime
    time_zone: TimeZone = "Europe/Paris"
    identity: Identity | None = None
    scale: LentScale | None = None
    dry_weight_kg: Annotated[float | None, Field(ge=20, le=400)] = None
