"""Thirty patients with histories and open episodes of each cause, for tests and screenshots."""

import random
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cache

from clinician_api.access import passwords
from clinician_api.duty import teams
from clinician_api.enrol import enrolment
from schemas.alert import Evidence, UsedReading
from schemas.database import Connection
from schemas.duty import Team
from schemas.patient import Identity, LentScale, NewPatient

FAMILY = (
    "Martin", "Bernard", "Thomas", "Petit", "Robert", "Richard", "Durand", "Dubois", "Moreau", "Laurent", "Simon",
    "Michel", "Lefebvre", "Leroy", "Roux", "David", "Bertrand", "Morel", "Fournier", "Girard", "Bonnet", "Dupont",
    "Lambert", "Fontaine", "Rousseau", "Vincent", "Muller", "Lefèvre", "Faure", "André",
)  # fmt: skip
GIVEN = ("Jeanne", "Pierre", "Odette", "Marcel", "Simone", "René", "Yvette", "André", "Colette", "Jean-Claude")
PASSWORD = "une pesée chaque matin"
NURSE = "infirmiere@vigie.example"
CARDIOLOGIST = "cardiologue@vigie.example"

ADD_READING = """
INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,
                     quarantine_reason, source, raw)
VALUES ('home', %(device)s, %(seq)s, %(patient_id)s, %(at)s, %(received_at)s, %(received_at)s, %(kg)s, %(reason)s,
        'native-1', '{}')
"""
ADD_LATEST = """
INSERT INTO latest_reading (patient_id, arrivals, measured_at, weight_kg) VALUES (%s, 1, %s, %s)
ON CONFLICT (patient_id) DO UPDATE SET arrivals = latest_reading.arrivals + 1, measured_at = excluded.measured_at,
    weight_kg = excluded.weight_kg
"""


_hash = cache(passwords.hash_password)  # slow on purpose: once for all tests
ADD_USER = "INSERT INTO app_user (email, display_name, role, password_hash) VALUES (%s, %s, %s, %s)"


def users(conn: Connection) -> None:
    conn.execute(ADD_USER, (NURSE, "Anne Roux", "nurse", _hash(PASSWORD)))
    conn.execute(ADD_USER, (CARDIOLOGIST, "Dr Paul Mercier", "cardiologist", _hash(PASSWORD)))


def patient(number: int, *, now: datetime, **identity: object) -> NewPatient:
    known = {
        "family_name": FAMILY[number % 30],
        "given_name": GIVEN[number % 10],
        "birth_date": date(1932 + number, 1 + number % 12, 1 + number % 28),
        "sex": "FM"[number % 2],
        "ins": f"{1 + (number + 1) % 2}{32 + number:02}0163220{number:03}{number % 97:02}",
        "ins_oid": "1.2.250.1.213.1.4.10",
    }
    return NewPatient(
        patient_id=f"p-{number:04}",
        enrolled_at=now - timedelta(days=400),
        identity=Identity.model_validate(known | identity),
        scale=LentScale(site="home", device_id=f"scale-{number:04}"),
        dry_weight_kg=70.0 + number % 20,
    )


def weigh(
    conn: Connection,
    patient_id: str,
    *,
    at: datetime,
    kg: float,
    reason: str | None = None,
    seq: int = 0,
    received_at: datetime | None = None,
) -> None:
    device = patient_id.replace("p-", "scale-")
    row = {"device": device, "seq": seq, "patient_id": patient_id, "at": at, "kg": round(kg, 1), "reason": reason}
    row["received_at"] = received_at or at
    conn.execute(ADD_READING, row)
    if reason is None:
        conn.execute(ADD_LATEST, (patient_id, at, round(kg, 1)))


def arrive(conn: Connection, patient_id: str, *, at: datetime, kg: float) -> None:
    """A reading as ingest stores it, told to whoever listens when the caller commits."""
    weigh(conn, patient_id, at=at, kg=kg, seq=100_000)
    conn.execute("SELECT pg_notify('vigie_reading', %s)", (patient_id,))


def evidence(patient_id: str, cause: str, *, now: datetime, kg: float, dry: float, gain: float) -> Evidence:
    sign = "+" if gain > 0 else "−"
    fr = f"{sign}{abs(gain):.1f} kg en 3 jours (seuil 2,0 kg) ; habituellement ±0,5 kg d'un jour à l'autre"
    en = f"{sign}{abs(gain):.1f} kg in 3 days (threshold 2.0 kg); usually ±0.5 kg from day to day"
    if cause == "no_transmission":
        fr, en = "aucune pesée reçue depuis 4 jours entiers", "no weight received for 4 whole days"
    if cause == "device":
        fr, en = "la balance indique une pile faible", "the scale reports a low battery"
    used = [UsedReading(measured_at=now - timedelta(days=4 - day), weight_kg=kg - gain + day) for day in range(4)]
    used.append(UsedReading(measured_at=now - timedelta(days=2, hours=1), weight_kg=24.5, ignored="implausible_weight"))
    weights = cause in {"decompensation", "weight_loss"}
    return Evidence(
        detector="guideline-gain", version="1", parameters={"gain_kg": 2.0, "gain_days": 3}, score=abs(gain),
        threshold=2.0, sentence={"fr": fr.replace(".", ","), "en": en}, readings=used if weights else [],
        baseline_kg=dry + 0.2 if weights else None, noise_kg=0.5 if weights else None, dry_weight_kg=dry,
        weight_kg=kg if weights else None, gain_kg=gain if weights else None,
        would_not_have_fired_at_kg=(kg - gain + (2.0 if gain > 0 else -2.0)) if weights else None,
    )  # fmt: skip


def open_episode(
    conn: Connection, patient_id: str, cause: str, *, severity: str, at: datetime, kg: float = 75.0, gain: float = 2.6
) -> int:
    dry = conn.execute(
        "SELECT weight_kg::float8 FROM dry_weight WHERE patient_id = %s ORDER BY dry_weight_id LIMIT 1", (patient_id,)
    ).fetchone()
    known = evidence(patient_id, cause, now=at, kg=kg, dry=float(str(dry[0])) if dry else 70, gain=gain)
    text = known.model_dump_json()
    row = conn.execute(
        "INSERT INTO episode (patient_id, cause, severity, opened_at, last_raised_at, evidence)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING episode_id",
        (patient_id, cause, severity, at, at, text),
    ).fetchone()
    assert row
    conn.execute(
        "INSERT INTO episode_event (episode_id, at, kind, severity, evidence) VALUES (%s, %s, 'raised', %s, %s)",
        (row[0], at, severity, text),
    )
    return int(str(row[0]))


# number: cause, severity, hours waiting, gain in kg
OPEN: dict[int, list[tuple[str, str, float, float]]] = {
    3: [("decompensation", "alarm", 1.2, 5.4)],
    7: [("decompensation", "alert", 20, 2.8), ("no_transmission", "watch", 3, 0)],
    11: [("decompensation", "alert", 3.5, 2.3)],
    14: [("decompensation", "watch", 30, 1.4)],
    5: [("weight_loss", "alert", 6, -2.7)],
    19: [("weight_loss", "watch", 14, -2.1)],
    22: [("no_transmission", "alert", 9, 0)],
    26: [("no_transmission", "watch", 2, 0)],
    28: [("device", "watch", 50, 0)],
}


def history(number: int, *, now: datetime, days: int) -> Iterable[tuple[datetime, float, str | None]]:
    """A believable year: noise, a few missed days, a rise or fall at the end where an episode is open."""
    rng = random.Random(number)
    dry = 70.0 + number % 20
    causes = OPEN.get(number, [])
    gain = next((gain for *_, gain in causes), 0.0)
    silent = 4 if any(cause == "no_transmission" for cause, *_ in causes) and len(causes) == 1 else 0
    morning = now.replace(hour=6, minute=0, second=0, microsecond=0)
    for back in range(days, silent - 1, -1):
        if rng.random() < 0.05 or (number % 9 == 2 and 40 < back < 48):
            continue
        at = morning - timedelta(days=back) + timedelta(minutes=rng.randint(0, 50))
        ramp = gain * max(0.0, 1 - back / 4) ** 1.2
        yield at, dry + rng.gauss(0, 0.45) + ramp, None
        if rng.random() < 0.012:
            yield at + timedelta(hours=2), 24.0 + rng.random() * 8, "implausible_jump"


def team_on_duty(conn: Connection, *, now: datetime) -> None:
    """A team of both users: the nurse on weekdays, the cardiologist stands in for her tomorrow."""
    nurse, cardiologist = (person.user_id for person in teams.people(conn))
    team_id = teams.add(conn, Team(name="Clermont"), author=nurse, now=now)
    for weekday in range(5):
        teams.add_shift(
            conn, team_id, user_id=nurse, post="nurse", weekday=weekday, starts=time(8), ends=time(18), author=nurse,
            now=now,
        )  # fmt: skip
    teams.add_stand_in(
        conn, team_id, user_id=cardiologist, post="nurse", since=now + timedelta(days=1), until=now + timedelta(days=2),
        instead_of=nurse, author=nurse, now=now,
    )  # fmt: skip


def clinic(conn: Connection, *, now: datetime, days: int = 120, patients: int = 30) -> None:
    """Everyone, everything; the caller commits."""
    users(conn)
    enrolment.enrol(conn, [patient(number, now=now) for number in range(patients)], now=now)
    for number in range(patients):
        for seq, (at, kg, reason) in enumerate(history(number, now=now, days=days)):
            weigh(conn, f"p-{number:04}", at=at, kg=kg, reason=reason, seq=seq)
        for cause, severity, hours, gain in OPEN.get(number, []):
            opened = now - timedelta(hours=hours)
            open_episode(
                conn, f"p-{number:04}", cause, severity=severity, at=opened, kg=70 + number % 20 + gain, gain=gain
            )
    for unknown in range(3):
        conn.execute(
            "INSERT INTO device_sighting (site, device_id, first_seen_at, last_seen_at) VALUES ('home', %s, %s, %s)",
            (f"stranger-{unknown}", now - timedelta(days=3), now - timedelta(hours=unknown)),
        )
    team_on_duty(conn, now=now)
    conn.execute("INSERT INTO heartbeat (service, at, detail) VALUES ('ingest', now(), 'ok'), ('alerts', now(), 'ok')")
