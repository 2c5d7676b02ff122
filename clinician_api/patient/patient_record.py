"""What is known of one patient? Identity, dry weights, readings, episodes with their evidence and their history."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, LiteralString, NamedTuple

from psycopg.rows import class_row
from pydantic import BaseModel, ConfigDict

from clinician_api import vocabulary
from clinician_api.patient import tag_record
from schemas.alert import SEVERITIES, Cause, Evidence, Severity
from schemas.database import Connection

MOST_READINGS = 5000


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A patient as the page's head shows them; weights in kg."""

    patient_id: str
    time_zone: str
    family_name: str | None
    given_name: str | None
    birth_date: date | None
    sex: str | None
    ins: str | None
    ins_oid: str | None
    last_at: datetime | None
    last_kg: float | None


PATIENT: LiteralString = """
SELECT p.patient_id, p.time_zone, i.family_name, i.given_name, i.birth_date, i.sex, i.ins, i.ins_oid,
       l.measured_at AS last_at, l.weight_kg::float8 AS last_kg
FROM patient AS p
LEFT JOIN patient_identity AS i USING (patient_id)
LEFT JOIN latest_reading AS l USING (patient_id)
WHERE p.patient_id = %(patient_id)s
"""


def patient(conn: Connection, patient_id: str) -> Patient | None:
    with conn.cursor(row_factory=class_row(Patient)) as cursor:
        return cursor.execute(PATIENT, {"patient_id": patient_id}).fetchone()


@dataclass(frozen=True, kw_only=True)
class Departed:
    """That a patient is watched no longer, why, and who said so; `into_patient`: the record that goes on."""

    status: Literal["discharged", "deceased", "merged"]
    into_patient: str | None
    reason: str
    recorded_at: datetime
    author: str


DEPARTED: LiteralString = """
SELECT status, into_patient, reason, recorded_at, u.display_name AS author
FROM departed JOIN app_user AS u ON u.user_id = departed.author WHERE patient_id = %(patient_id)s
"""


def departed(conn: Connection, patient_id: str) -> Departed | None:
    """Whether the patient has left."""
    with conn.cursor(row_factory=class_row(Departed)) as cursor:
        return cursor.execute(DEPARTED, {"patient_id": patient_id}).fetchone()


@dataclass(frozen=True, kw_only=True)
class Around:
    """Records that ended in this one, those that may be the same person's, and the tags in use."""

    merged_here: list[str]
    namesakes: list[str]
    known_tags: list[str]


SAME_PERSON: LiteralString = """
SELECT s.patient_id FROM patient_status AS s WHERE into_patient = %(patient_id)s AND NOT EXISTS (
    SELECT FROM patient_status AS later WHERE later.patient_id = s.patient_id AND later.status_id > s.status_id)
ORDER BY s.patient_id
"""
NAMESAKES: LiteralString = """
SELECT other.patient_id FROM patient_identity AS one JOIN patient_identity AS other
  ON other.birth_date = one.birth_date AND other.patient_id <> one.patient_id
 AND (other.ins = one.ins OR folded(other.family_name) = folded(one.family_name))
WHERE one.patient_id = %(patient_id)s ORDER BY 1 LIMIT 5
"""
AROUND: LiteralString = (
    "SELECT ARRAY(" + SAME_PERSON + ") AS merged_here, ARRAY(" + NAMESAKES + ") AS namesakes, ARRAY("
    + tag_record.TAGS + ") AS known_tags"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A number, of the patient unless `whose` says otherwise, and who gave it."""

    number: str
    whose: str
    verified: bool
    author: str
    recorded_at: datetime


PHONE: LiteralString = """
SELECT number, whose, verified, u.display_name AS author, recorded_at
FROM patient_phone JOIN app_user AS u ON u.user_id = author
WHERE patient_id = %(patient_id)s ORDER BY phone_id DESC LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class DryWeight:
    """A version of the dry weight (kg): since when it holds, who set it, when and why."""

    weight_kg: float
    valid_from: datetime
    recorded_at: datetime
    author: str | None
    reason: str | None
    note: str


DRY_WEIGHTS: LiteralString = """
SELECT weight_kg::float8 AS weight_kg, valid_from, recorded_at, u.display_name AS author, reason, note
FROM dry_weight LEFT JOIN app_user AS u ON u.user_id = author
WHERE patient_id = %(patient_id)s ORDER BY valid_from DESC, dry_weight_id DESC
"""


class Reading(NamedTuple):
    """A weighing (kg) as the table shows it, and what a person said of it last, unless that was undone.

    A tuple, of which a page reads hundreds: a frozen dataclass takes five times as long to be made.
    """

    reading_id: int
    measured_at: datetime
    received_at: datetime
    weight_kg: float
    quarantine_reason: str | None
    source: str
    state: str
    review_id: int
    reviewed: str | None
    reviewer: str | None
    reviewed_at: datetime | None

    @property
    def is_doubted(self) -> bool:
        """Waits for a person."""
        return self.state == "quarantined"

    @property
    def moment(self) -> str:
        """Which it was, for an address."""
        return self.measured_at.isoformat().replace("+00:00", "Z")

    @property
    def reason(self) -> str | None:
        """Why it does not count, as the chart asks."""
        return self.quarantine_reason


# A merge moves no row (DECISIONS 59): what was weighed under the records that ended in this one is read where it lies.
RECORDS: LiteralString = """
ARRAY(SELECT %(patient_id)s::text
      UNION ALL SELECT record_id FROM merged_records(ARRAY[%(patient_id)s::text], 'infinity'))
"""
READINGS: LiteralString = (
    """
SELECT reading_id, measured_at, received_at, weight_kg::float8 AS weight_kg, quarantine_reason, source, state,
       coalesce(review_id, 0) AS review_id, nullif(review_action, 'undo') AS reviewed, u.display_name AS reviewer,
       reviewed_at
FROM standing_reading LEFT JOIN app_user AS u ON u.user_id = reviewed_by
WHERE patient_id = ANY("""
    + RECORDS
    + """) AND measured_at >= %(start)s AND measured_at <= %(end)s
ORDER BY measured_at DESC LIMIT %(most)s
"""
)


FIRST_READING: LiteralString = (
    """
SELECT min(measured_at)
FROM reading WHERE patient_id = ANY("""
    + RECORDS
    + ")"
)


def first_reading_at(conn: Connection, patient_id: str) -> datetime | None:
    row = conn.execute(FIRST_READING, {"patient_id": patient_id}).fetchone()
    first_at = row[0] if row else None
    assert first_at is None or isinstance(first_at, datetime)
    return first_at


DAYS: LiteralString = (
    """
SELECT DISTINCT ON (day) day, state FROM patient_day
WHERE patient_id = ANY("""
    + RECORDS
    + """) AND day BETWEEN %(first)s AND %(last)s
ORDER BY day, state <> 'weighed', patient_id <> %(patient_id)s
"""
)


class Event(BaseModel):
    """Something that happened to an episode: what the machine saw, or what a person did."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kind: str
    severity: Severity | None = None
    who: str | None = None
    outcome: str | None = None
    note: str = ""
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Episode:
    """An episode with its evidence and everything that happened to it, oldest first."""

    episode_id: int
    cause: Cause
    severity: Severity
    opened_at: datetime
    state: str
    owner: str | None
    taken_at: datetime | None
    next_at: datetime | None
    snoozed_until: datetime | None
    closed_at: datetime | None
    outcome: str | None
    closed_by: str | None
    evidence: Evidence
    events: list[Event]

    @property
    def urgency(self) -> tuple[object, ...]:
        """Smaller is shown first: open alerts by clinical cause and severity, watches, then what closed last."""
        if self.closed_at:
            return True, -self.closed_at.timestamp()
        return (
            False,
            self.severity == "watch",
            self.cause not in vocabulary.CLINICAL,
            -SEVERITIES.index(self.severity),
            self.opened_at,
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", Evidence.model_validate(self.evidence))
        read = [Event.model_validate(event) for event in self.events]
        object.__setattr__(self, "events", sorted(read, key=lambda event: event.at))


_EPISODES: LiteralString = """
SELECT e.episode_id, cause, e.severity, opened_at, state, o.display_name AS owner, taken_at, next_at, snoozed_until,
       closed_at, e.outcome,
       (SELECT u.display_name FROM acknowledgement AS a JOIN app_user AS u ON u.user_id = a.author
        WHERE a.episode_id = e.episode_id AND action = 'close') AS closed_by,
       e.evidence,
       coalesce((SELECT jsonb_agg(jsonb_build_object('at', at, 'kind', kind, 'severity', v.severity) ORDER BY event_id)
                 FROM episode_event AS v WHERE v.episode_id = e.episode_id), '[]')
    || coalesce((SELECT jsonb_agg(jsonb_build_object('at', at, 'kind', action, 'who', u.display_name,
                        'outcome', a.outcome, 'note', note, 'until', a.until) ORDER BY acknowledgement_id)
                 FROM acknowledgement AS a JOIN app_user AS u ON u.user_id = a.author
                 WHERE a.episode_id = e.episode_id), '[]') AS events
FROM episode AS e LEFT JOIN app_user AS o ON o.user_id = e.owner
WHERE patient_id = %(patient_id)s
"""
EPISODES: LiteralString = _EPISODES + "ORDER BY closed_at IS NOT NULL, opened_at DESC LIMIT 50"
OPEN_EPISODES: LiteralString = _EPISODES + "AND closed_at IS NULL"
