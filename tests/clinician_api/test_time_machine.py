"""The worklist as it was: what was recorded later is not there, whatever it says of before."""

from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from clinician_api.worklist import time_machine
from clinician_api.worklist.time_machine import RowThen
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site

HOUR = timedelta(hours=1)


@pytest.fixture
def then(connection: Connection, people: Site) -> datetime:
    """An episode raised a moment ago (by `people`), weights of two mornings; returns the moment of the raise."""
    row = connection.execute("SELECT opened_at FROM episode").fetchone()
    assert row
    raised = row[0]
    assert isinstance(raised, datetime)
    seed.weigh(connection, "p-0001", at=raised - 48 * HOUR, kg=80.0, seq=1)
    seed.weigh(connection, "p-0001", at=raised - HOUR, kg=82.5, seq=2)
    connection.commit()
    return raised


def one(connection: Connection, at: datetime) -> RowThen:
    [row] = time_machine.rows_at(connection, at=at)
    return row


def event(connection: Connection, at: datetime, severity: str) -> None:
    connection.execute(
        "INSERT INTO episode_event (episode_id, at, kind, severity, evidence)"
        " SELECT episode_id, %s, 'severity_rose', %s, evidence FROM episode",
        (at, severity),
    )


def act(connection: Connection, action: str, at: datetime) -> None:
    connection.execute(
        "INSERT INTO acknowledgement (request_id, episode_id, action, outcome, author, at)"
        " SELECT %s, episode_id, %s, %s, user_id, %s FROM episode, app_user WHERE role = 'nurse'",
        (uuid4(), action, "other" if action == "close" else None, at),
    )


def test_before_it_was_raised_nothing_was_open(connection: Connection, then: datetime) -> None:
    assert time_machine.rows_at(connection, at=then - timedelta(seconds=1)) == []
    assert one(connection, then).open[0].severity == "alert"


def test_severity_and_acts_are_those_of_the_moment(connection: Connection, then: datetime) -> None:
    event(connection, then + 2 * HOUR, "alarm")
    act(connection, "take", then + 3 * HOUR)
    act(connection, "close", then + 5 * HOUR)
    states = [
        (row.open[0].severity, row.open[0].act, row.open[0].actor)
        for row in (one(connection, then + hours * HOUR) for hours in (1, 2.5, 4))
    ]
    assert states == [("alert", None, None), ("alarm", None, None), ("alarm", "take", "Anne Roux")]
    assert time_machine.rows_at(connection, at=then + 6 * HOUR) == []


def test_what_is_an_alert_since_was_a_watch_before(connection: Connection, then: datetime) -> None:
    connection.execute("SET session_replication_role = replica")  # history is written otherwise than it may be
    connection.execute("UPDATE episode_event SET severity = 'watch'")
    connection.execute("SET session_replication_role = DEFAULT")
    event(connection, then + 3 * HOUR, "alert")
    connection.execute("UPDATE episode SET opened_at = %s", (then + 3 * HOUR,))  # as its rise does
    known = [one(connection, then + hours * HOUR).open[0] for hours in (0, 2, 3, 5)]
    assert [(was.severity, was.opened_at) for was in known] == [
        ("watch", then), ("watch", then), ("alert", then + 3 * HOUR), ("alert", then + 3 * HOUR),
    ]  # fmt: skip
    assert time_machine.rows_at(connection, at=then - HOUR) == []


def test_a_weight_that_came_late_was_not_known(connection: Connection, then: datetime) -> None:
    connection.execute(
        "INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,"
        " source, raw) VALUES ('home', 'scale-0001', 9, 'p-0001', %s, %s, %s, 99, 'native-1', '{}')",
        (then - 96 * HOUR, then + HOUR, then + HOUR),
    )
    assert [p.weight_kg for p in one(connection, then).days] == [80.0, 82.5]
    assert [p.weight_kg for p in one(connection, then + 2 * HOUR).days] == [99.0, 80.0, 82.5]


def test_a_weight_excluded_later_still_counted_then(connection: Connection, then: datetime) -> None:
    connection.execute(
        "INSERT INTO reading_review (request_id, reading_id, site, device_id, measured_at, action, reason, author, at)"
        " SELECT %s, reading_id, site, device_id, measured_at, 'exclude', 'clothes', user_id, %s"
        " FROM reading, app_user WHERE weight_kg = 80 AND role = 'nurse'",
        (uuid4(), then + HOUR),
    )
    assert [p.weight_kg for p in one(connection, then).days] == [80.0, 82.5]
    assert [p.weight_kg for p in one(connection, then + 2 * HOUR).days] == [82.5]


def test_a_dry_weight_set_later_was_not_known(connection: Connection, then: datetime) -> None:
    connection.execute(
        "INSERT INTO dry_weight (patient_id, weight_kg, valid_from, recorded_at) VALUES ('p-0001', 60, %s, %s)",
        (then - 24 * HOUR, then + HOUR),
    )
    assert (one(connection, then).dry_kg, one(connection, then + 2 * HOUR).dry_kg) == (71.0, 60.0)


@pytest.mark.parametrize("at", ["yesterday", "2999-01-01T09:00", "0001-01-01T00:00", "2026-13-01T00:00"])
def test_a_moment_that_cannot_be_is_said(people: Site, at: str) -> None:
    answer = people.signed_in().get("/then", params={"at": at})
    assert (answer.status_code, "un jour et une heure passés" in answer.text) == (422, True)


def test_a_clinician_goes_back_to_a_morning(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.get_by_role("link", name="La liste de travail telle qu'elle était").click()
    hour_ago = (CLOCK.now() - 5 * HOUR).astimezone(ZoneInfo("Europe/Paris"))
    page.get_by_label("À ce moment (heure du service)").fill(hour_ago.strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name="Afficher").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("seulement ce qui était enregistré alors")
    expect(page.locator(".row-card")).to_have_count(6)  # of nine patients, three were not raised yet
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert screen.complaints == []
