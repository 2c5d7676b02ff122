"""Enrolment: bulk, repeatable, and a scale has one borrower at a time."""

from datetime import UTC, datetime, timedelta

from clinician_api.access import passwords
from clinician_api.enrol import enrolment
from schemas.database import Connection
from schemas.patient import LentScale, NewPatient

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)


def patient(number: int, *, scale: str | None = None) -> NewPatient:
    return NewPatient(
        patient_id=f"P{number}",
        enrolled_at=NOW - timedelta(days=number + 1),
        scale=LentScale(site="home", device_id=scale) if scale else None,
        dry_weight_kg=80.5,
    )


def test_eight_hundred_patients_are_enrolled_at_once(connection: Connection) -> None:
    patients = [patient(number, scale=f"S{number}") for number in range(800)]
    assert enrolment.enrol(connection, patients, now=NOW) == 800
    assert connection.execute("SELECT count(*), min(weight_kg) FROM dry_weight").fetchone() == (800, 80.5)


def test_who_is_enrolled_stays_as_they_are(connection: Connection) -> None:
    enrolment.enrol(connection, [patient(1, scale="A")], now=NOW)
    assert enrolment.enrol(connection, [patient(1, scale="B"), patient(2)], now=NOW) == 1
    assert connection.execute("SELECT device_id FROM device_loan").fetchall() == [("A",)]


def test_a_scale_lent_to_another_is_returned_first(connection: Connection) -> None:
    enrolment.enrol(connection, [patient(5, scale="A")], now=NOW)
    enrolment.enrol(connection, [patient(6, scale="A")], now=NOW)
    assert connection.execute(
        "SELECT patient_id, lent_at, returned_at FROM device_loan ORDER BY loan_id"
    ).fetchall() == [("P5", NOW - timedelta(days=6), NOW), ("P6", NOW, None)]


def test_an_enrolled_patient_can_be_lent_another_scale_once(connection: Connection) -> None:
    enrolment.enrol(connection, [patient(1, scale="A"), patient(2, scale="B")], now=NOW)
    assert [enrolment.lend_named_scales(connection, [patient(1, scale="B")], now=NOW) for _ in range(2)] == [1, 0]
    assert connection.execute(
        "SELECT device_id, patient_id, returned_at FROM device_loan ORDER BY loan_id"
    ).fetchall() == [("A", "P1", None), ("B", "P2", NOW), ("B", "P1", None)]


def test_adding_a_known_user_updates_them(connection: Connection) -> None:
    for name, password in (("Anne", "un"), ("Anne Roux", "deux")):
        enrolment.add_user(connection, email="Anne@Vigie.example", display_name=name, role="nurse", password=password)
    [row] = connection.execute("SELECT display_name, email, password_hash FROM app_user").fetchall()
    name, email, stored = (str(value) for value in row)
    assert (name, email) == ("Anne Roux", "anne@vigie.example")
    assert passwords.is_right("deux", password_hash=str(stored))
    assert not passwords.is_right("un", password_hash=str(stored))


def test_no_password_opens_an_account_that_does_not_exist() -> None:
    assert not passwords.is_right("the password of an account that does not exist", password_hash=None)
