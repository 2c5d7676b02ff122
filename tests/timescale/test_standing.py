"""Readings taken back, and scales claimed late: the same answers on plain PostgreSQL and on TimescaleDB."""

from datetime import timedelta

import pytest

from schemas.database import Connection
from tests.timescale.test_reading import NOW, compress, daily, either, insert

__all__ = ["either"]

TAKE_BACK = """
INSERT INTO reading_event (reading_id, site, device_id, measured_at, kind, reason, received_at, recorded_at)
SELECT reading_id, site, device_id, measured_at, %s, 'deleted_upstream', %s, %s FROM reading WHERE weight_kg = %s
"""
REVIEW = """
INSERT INTO reading_review (request_id, reading_id, site, device_id, measured_at, action, reason, author, at)
SELECT gen_random_uuid(), reading_id, site, device_id, measured_at, %s, %s, %s, %s FROM reading WHERE weight_kg = %s
"""


def test_a_day_counts_what_stands(either: Connection) -> None:
    for hours, kg in ((0, 80), (1, 81), (30, 82)):
        insert(either, at=NOW + timedelta(hours=hours), weight_kg=kg)
    before = daily(either)
    assert [(row[2], row[3]) for row in before] == [(80, 2), (82, 1)]
    either.execute(TAKE_BACK, ("excluded", NOW, NOW, 80))
    either.execute(TAKE_BACK, ("excluded", NOW, NOW, 82))
    assert [(row[2], row[3]) for row in daily(either)] == [(81, 1)]
    assert either.execute("SELECT weight_kg, arrivals FROM latest_reading").fetchone() == (81, 2)
    either.execute(TAKE_BACK, ("restored", NOW, NOW, 80))
    either.execute(TAKE_BACK, ("restored", NOW, NOW, 82))
    assert daily(either) == before


@pytest.mark.parametrize("compressed", [False, True])
def test_a_scale_claimed_late_brings_what_it_sent(
    either: Connection, compressed: bool, request: pytest.FixtureRequest
) -> None:
    for days in range(3):
        insert(either, at=NOW - timedelta(days=40 * days), weight_kg=80 + days, patient_id=None)
    if compressed and "timescale" in request.node.callspec.id:
        compress(either)
    either.execute("INSERT INTO device_sighting VALUES ('home', 'S1', %s, %s)", (NOW, NOW))
    either.execute("INSERT INTO patient VALUES ('P1', 'Europe/Paris', %s)", (NOW,))
    lend = "INSERT INTO device_loan (site, device_id, patient_id, lent_at) VALUES ('home', 'S1', 'P1', %s)"
    either.execute(lend, (NOW - timedelta(days=50),))
    owners = either.execute("SELECT patient_id, weight_kg FROM reading ORDER BY weight_kg").fetchall()
    assert owners == [("P1", 80), ("P1", 81), (None, 82)]
    assert either.execute("SELECT weight_kg FROM latest_reading").fetchone() == (80,)


def test_a_day_counts_what_a_person_released_and_not_what_they_excluded(either: Connection) -> None:
    insert(either, at=NOW, weight_kg=80)
    insert(either, at=NOW + timedelta(hours=1), weight_kg=60, reason="implausible_jump")
    author = either.execute(
        "INSERT INTO app_user (email, display_name, role, password_hash) VALUES ('a', 'A', 'nurse', '')"
        " RETURNING user_id"
    ).fetchone()
    assert author
    for action, reason, kg in (("release", None, 60), ("exclude", "clothes", 80)):
        either.execute(REVIEW, (action, reason, *author, NOW, kg))
    assert [(row[2], row[3]) for row in daily(either)] == [(60, 1)]
    assert either.execute("SELECT weight_kg, arrivals FROM latest_reading").fetchone() == (60, 2)
    for kg in (60, 80):
        either.execute(REVIEW, ("undo", None, *author, NOW, kg))
    assert [(row[2], row[3]) for row in daily(either)] == [(80, 1)]
