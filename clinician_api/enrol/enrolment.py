"""Who joins? New patients with their scales, and the people who watch over them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, LiteralString

from psycopg.types.json import Jsonb

from clinician_api.access import passwords
from schemas.database import Connection
from schemas.patient import LentScale, NewPatient

ADD_PATIENTS: LiteralString = """
INSERT INTO patient (patient_id, time_zone, enrolled_at)
SELECT patient_id, time_zone, enrolled_at
FROM jsonb_to_recordset(%(patients)s) AS new (patient_id text, time_zone text, enrolled_at timestamptz)
ON CONFLICT DO NOTHING
RETURNING patient_id
"""
ADD_IDENTITIES: LiteralString = """
INSERT INTO patient_identity (patient_id, family_name, given_name, birth_date, sex, ins, ins_oid)
SELECT patient_id, identity ->> 'family_name', identity ->> 'given_name', (identity ->> 'birth_date')::date,
       identity ->> 'sex', identity ->> 'ins', identity ->> 'ins_oid'
FROM jsonb_to_recordset(%(patients)s) AS new (patient_id text, identity jsonb)
WHERE jsonb_typeof(identity) = 'object'
"""
RETURN_SCALES: LiteralString = """
UPDATE device_loan AS loan SET returned_at = greatest(%(now)s, loan.lent_at + interval '1 microsecond')
FROM jsonb_to_recordset(%(patients)s) AS new (scale jsonb)
WHERE loan.site = scale ->> 'site' AND loan.device_id = scale ->> 'device_id' AND loan.returned_at IS NULL
"""
# A scale that others had before is this patient's only from its last return on.
LEND_SCALES: LiteralString = """
INSERT INTO device_loan (site, device_id, patient_id, lent_at)
SELECT scale ->> 'site', scale ->> 'device_id', patient_id,
       greatest(enrolled_at, (SELECT max(returned_at) FROM device_loan AS before
                              WHERE before.site = scale ->> 'site' AND before.device_id = scale ->> 'device_id'))
FROM jsonb_to_recordset(%(patients)s) AS new (patient_id text, enrolled_at timestamptz, scale jsonb)
WHERE jsonb_typeof(scale) = 'object'
"""
WITHOUT_THEIR_SCALE: LiteralString = """
SELECT patient_id
FROM jsonb_to_recordset(%(patients)s) AS wanted (patient_id text, scale jsonb)
WHERE jsonb_typeof(scale) = 'object'
  AND NOT EXISTS (SELECT FROM device_loan AS loan
                  WHERE loan.site = scale ->> 'site' AND loan.device_id = scale ->> 'device_id'
                    AND loan.patient_id = wanted.patient_id AND loan.returned_at IS NULL)
"""
ADD_DRY_WEIGHTS: LiteralString = """
INSERT INTO dry_weight (patient_id, weight_kg, valid_from, recorded_at)
SELECT patient_id, dry_weight_kg, enrolled_at, %(now)s
FROM jsonb_to_recordset(%(patients)s) AS new (patient_id text, enrolled_at timestamptz, dry_weight_kg numeric(6,3))
WHERE dry_weight_kg IS NOT NULL
"""


def enrol(conn: Connection, patients: Iterable[NewPatient], *, now: datetime) -> int:
    """Add the patients who are not enrolled yet; returns how many. Whoever is enrolled stays as they are.

    A scale that is on loan to somebody else is returned first, at `now`.

    Raises:
        psycopg.errors.UniqueViolation: two of the new patients name the same scale.
    """
    given = {patient.patient_id: patient.model_dump(mode="json") for patient in patients}
    added = conn.execute(ADD_PATIENTS, {"patients": Jsonb(list(given.values()))}).fetchall()
    new = {"patients": Jsonb([given[str(patient_id)] for (patient_id,) in added]), "now": now}
    for statement in (ADD_IDENTITIES, RETURN_SCALES, LEND_SCALES, ADD_DRY_WEIGHTS):
        conn.execute(statement, new)
    return len(added)


def lend_named_scales(conn: Connection, patients: Iterable[NewPatient], *, now: datetime) -> int:
    """Lend each enrolled patient the scale named, from their `enrolled_at` on, if it is not theirs already.

    Returns how many were lent. A scale that is on loan to somebody else is returned first, at `now`.

    Raises:
        psycopg.errors.ForeignKeyViolation: one of them is not enrolled.
    """
    given = {patient.patient_id: patient.model_dump(mode="json") for patient in patients}
    without = conn.execute(WITHOUT_THEIR_SCALE, {"patients": Jsonb(list(given.values()))}).fetchall()
    wanting = {"patients": Jsonb([given[str(patient_id)] for (patient_id,) in without]), "now": now}
    for statement in (RETURN_SCALES, LEND_SCALES):
        conn.execute(statement, wanting)
    return len(without)


RETURN_SCALE: LiteralString = """
UPDATE device_loan SET returned_at = greatest(%(now)s, lent_at + interval '1 microsecond')
WHERE site = %(site)s AND device_id = %(device_id)s AND returned_at IS NULL
  AND EXISTS (SELECT FROM patient WHERE patient_id = %(patient_id)s)
"""
LEND_SCALE: LiteralString = """
INSERT INTO device_loan (site, device_id, patient_id, lent_at)
SELECT %(site)s, %(device_id)s, patient_id,
       greatest(%(since)s, (SELECT max(returned_at) FROM device_loan
                            WHERE site = %(site)s AND device_id = %(device_id)s))
FROM patient WHERE patient_id = %(patient_id)s
RETURNING lent_at
"""


def lend(conn: Connection, scale: LentScale, *, patient_id: str, since: datetime, now: datetime) -> datetime | None:
    """Lend a scale from `since` on, but not from before its last return; whoever has it returns it now.

    What it sent from then on while nobody knew it becomes the patient's, in this transaction (0011_late_owners.sql).
    Returns when the loan begins, or None if there is no such patient.
    """
    asked = {**scale.model_dump(), "patient_id": patient_id, "since": since, "now": now}
    conn.execute(RETURN_SCALE, asked)
    row = conn.execute(LEND_SCALE, asked).fetchone()
    if row is None:
        return None
    assert isinstance(row[0], datetime)
    return row[0]


ADD_USER: LiteralString = """
INSERT INTO app_user (email, display_name, role, password_hash, language, notify_url)
VALUES (lower(%(email)s), %(display_name)s, %(role)s, %(password_hash)s, %(language)s, %(notify_url)s)
ON CONFLICT (email) DO UPDATE SET display_name = excluded.display_name, role = excluded.role,
    password_hash = excluded.password_hash, language = excluded.language, notify_url = excluded.notify_url,
    disabled_at = NULL
"""


def add_user(
    conn: Connection,
    *,
    email: str,
    display_name: str,
    role: Literal["nurse", "cardiologist"],
    password: str,
    language: Literal["fr", "en"] = "fr",
    notify_url: str | None = None,
) -> None:
    """Add an account, or give the one with this e-mail address these properties. `notify_url` is an apprise address."""
    conn.execute(
        ADD_USER,
        {
            "email": email.strip(),
            "display_name": display_name,
            "role": role,
            "password_hash": passwords.hash_password(password),
            "language": language,
            "notify_url": notify_url,
        },
    )
