"""Doubted weights: a nurse releases or excludes them, undoes either, and everyone who counts weights follows."""

import csv
import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from alerts import store
from alerts.worker import Worker
from clinician_api.enrol import enrolment
from clinician_api.worklist import weights_to_check
from ingest.past import history
from schemas import database
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site, dots

PAGE = "/patients/p-0002"


@pytest.fixture
def doubtful(connection: Connection, people: Site) -> Site:
    """A patient of 72 kg whose newest weight, 60 kg, waits in quarantine."""
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    seed.weigh(connection, "p-0002", at=now - timedelta(days=1), kg=72)
    seed.weigh(connection, "p-0002", at=now - timedelta(hours=1), kg=60, reason="implausible_jump", seq=1)
    connection.commit()
    return people


def form(
    connection: Connection, client: httpx2.Client, kg: float, decision: str, **fields: str
) -> tuple[str, dict[str, str]]:
    """The address and the fields of a decision, as the pages shown now make them."""
    connection.commit()
    row = connection.execute(
        "SELECT reading_id, measured_at, (SELECT coalesce(max(review_id), 0) FROM reading_review AS v"
        " WHERE v.reading_id = r.reading_id) FROM reading AS r WHERE weight_kg = %s", (kg,)
    ).fetchone()  # fmt: skip
    assert row
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(PAGE).text)
    assert found
    data = {"csrf": found[1], "request_id": str(uuid.uuid4()), "at": str(row[1]), "after": str(row[2])}
    return f"{PAGE}/readings/{row[0]}", data | {"decision": decision} | fields


def decide(connection: Connection, client: httpx2.Client, kg: float, decision: str, **fields: str) -> httpx2.Response:
    address, data = form(connection, client, kg, decision, **fields)
    return client.post(address, data=data)


def standing(connection: Connection) -> dict[float, tuple[object, ...]]:
    connection.commit()
    asked = "SELECT weight_kg::float8, state, quarantine_reason FROM standing_reading WHERE patient_id = 'p-0002'"
    return {float(str(kg)): (state, reason) for kg, state, reason in connection.execute(asked)}


def latest(connection: Connection) -> tuple[object, ...] | None:
    asked = "SELECT weight_kg::float8, arrivals FROM latest_reading WHERE patient_id = 'p-0002'"
    return connection.execute(asked).fetchone()


def test_a_nurse_releases_a_weight_and_takes_it_back(connection: Connection, doubtful: Site, screen: Screen) -> None:
    page = screen.sign_in()
    expect(page.get_by_role("heading", name="Pesées à vérifier")).to_be_visible()
    page.get_by_role("link", name="THOMAS Odette").press("Enter")
    checks = page.locator("#checks")
    expect(checks).to_contain_text("quelqu'un d'autre est-il monté sur la balance ?")
    expect(page.locator(".chart-wide .chart-doubted")).to_have_count(1)
    checks.get_by_role("button", name="C'est bien son poids").press("Enter")
    expect(checks).to_contain_text("Validée, Anne Roux")
    expect(page.locator(".facts")).to_contain_text("60,0 kg")
    expect(page.locator(".chart-wide .chart-dot")).to_have_attribute("d", dots(2))
    screen.listening()
    undo = checks.get_by_role("button", name="Annuler")
    undo.focus()
    expect(undo).to_be_focused()  # the page may have put a fresh one in its place meanwhile
    page.keyboard.press("Enter")
    expect(checks).not_to_contain_text("Validée")
    expect(page.locator(".facts")).to_contain_text("72,0 kg")
    checks.get_by_role("link", name="Ce n'est pas le sien…").click()
    page.get_by_label("Pourquoi ?").select_option("other_person")
    page.get_by_label("Note").fill("Son mari")
    page.get_by_role("button", name="Écarter cette pesée").click()
    expect(checks).to_contain_text("Écartée, Anne Roux")
    assert standing(connection)[60] == ("excluded", "other_person")
    page.goto("/")
    expect(page.locator("#worklist")).not_to_contain_text("Pesées à vérifier")
    assert screen.complaints == []


def test_no_decision_moves_under_the_hand(connection: Connection, doubtful: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto(PAGE)
    screen.listening()
    page.get_by_role("button", name="C'est bien son poids").focus()
    seed.weigh(connection, "p-0002", at=CLOCK.now(), kg=30, reason="implausible_jump", seq=2)
    connection.execute("SELECT pg_notify('vigie_reading', 'p-0002')")
    connection.commit()
    expect(page.locator("#news")).to_be_visible()
    expect(page.locator(".check")).to_have_count(1)
    page.locator("#news").click()
    expect(page.locator(".check")).to_have_count(2)


def test_an_accepted_weight_is_excluded_from_the_table_and_comes_back(
    connection: Connection, doubtful: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.get_by_role("button", name="English").click()
    page.goto(PAGE)
    page.get_by_text("Table of weights").click()
    page.locator(".twin tr", has_text="72.0 kg").get_by_role("link", name="Check the weight of").click()
    page.get_by_label("Why?").select_option("clothes")
    page.get_by_role("button", name="Exclude this weight").click()
    excluded = page.locator(".check", has_text="72.0 kg")
    expect(excluded).to_contain_text("Excluded, Anne Roux")
    assert latest(connection) == (None, 2)
    excluded.get_by_role("button", name="Undo").click()
    expect(page.locator(".facts")).to_contain_text("72.0 kg")
    assert standing(connection) == {72: ("accepted", None), 60: ("quarantined", "implausible_jump")}


def test_the_export_says_how_each_weight_stands(connection: Connection, doubtful: Site, tmp_path: Path) -> None:
    client = doubtful.signed_in()
    decide(connection, client, 60, "release")
    decide(connection, client, 72, "exclude", reason="typing_error")
    connection.commit()
    history.export_csv(connection, tmp_path / "readings.csv")
    with (tmp_path / "readings.csv").open() as file:
        assert {row["weight_kg"]: row["state"] for row in csv.DictReader(file)} == {"60": "accepted", "72": "excluded"}


def test_a_decision_wakes_the_alerts_is_signed_and_stays(connection: Connection, doubtful: Site) -> None:
    connection.execute("LISTEN vigie_reading")
    before = latest(connection)
    connection.commit()
    client = doubtful.signed_in()
    assert decide(connection, client, 60, "release", note="Vue ce matin\r\nœdèmes").status_code == 303
    connection.commit()  # within a transaction nothing is told
    assert [note.payload for note in connection.notifies(timeout=5, stop_after=1)] == ["p-0002"]
    assert (before, latest(connection)) == ((72, 1), (60, 2))
    said = connection.execute("SELECT action, note, display_name FROM reading_review JOIN app_user ON user_id = author")
    assert said.fetchall() == [("release", "Vue ce matin\nœdèmes", "Anne Roux")]
    audited = connection.execute("SELECT count(*) FROM audit WHERE action = 'reading.release'").fetchone()
    assert audited == (1,)
    for change in ("UPDATE reading_review SET note = ''", "DELETE FROM reading_review"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"), connection.transaction():
            connection.execute(change.encode())


def test_a_released_weight_is_judged_by_the_alerts(connection: Connection, database_url: str, people: Site) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    for days in range(9, 1, -1):  # never on the day of the weight below
        seed.weigh(connection, "p-0002", at=now - timedelta(days=days), kg=72 + days % 2 / 5, seq=days)
    seed.weigh(connection, "p-0002", at=now - timedelta(hours=1), kg=79, reason="implausible_jump")
    connection.commit()
    with database.open_pool(database_url, service="alerts") as pool:
        worker = Worker(
            url=database_url, pool=pool, clock=CLOCK, stop=threading.Event(), screens_url="https://v.example"
        )
        worker.assess_due()
        before = raised(connection)
        decide(connection, people.signed_in(), 79, "release")
        worker.assess_due()
    assert (before, raised(connection)) == ([], [("decompensation", "alarm")])


def test_weights_of_a_merged_record_are_known_to_the_detector_until_the_merge_is_undone(
    connection: Connection, people: Site
) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now), seed.patient(3, now=now)], now=now)
    for number, days in enumerate((30, 20, 10), 1):
        seed.weigh(connection, f"p-000{number}", at=now - timedelta(days=days), kg=70 + number, seq=days)
    connection.commit()
    client = people.signed_in()
    known = [kgs(connection)]
    for old, new in (("p-0003", "p-0002"), ("p-0002", "p-0001")):
        answer = client.post(f"/patients/{old}/status", data=status(client, status="merged", into=new, sure=new))
        assert answer.status_code == 303
        known.append(kgs(connection))
    assert "d’après les pesées des deux dossiers" in client.get("/patients/p-0001").text
    client.post("/patients/p-0002/status", data=status(client, status="active"))
    assert [*known, kgs(connection)] == [[71], [71], [71, 72, 73], [71]]


def status(client: httpx2.Client, **fields: str) -> dict[str, str]:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/scales").text)
    assert token
    return {"csrf": token[1], "request_id": str(uuid.uuid4()), "reason": "deux dossiers"} | fields


def kgs(connection: Connection) -> list[float]:
    """What a detector is shown of the first patient."""
    claimed = store.Claimed(patient_id="p-0001", arrivals=0, recorded_seen=None, first_light=False, has_arrivals=False)
    record = store.read(connection, [claimed], now=CLOCK.now())["p-0001"]
    connection.commit()
    return sorted(row.weight_kg for row in record.readings)


def raised(connection: Connection) -> list[tuple[object, ...]]:
    connection.commit()
    return connection.execute("SELECT cause, severity FROM episode WHERE patient_id = 'p-0002'").fetchall()


def test_a_double_click_is_one_decision(connection: Connection, doubtful: Site) -> None:
    client = doubtful.signed_in()
    address, data = form(connection, client, 60, "release")
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: client.post(address, data=data).status_code, range(4)))
    assert codes == [303] * 4
    assert connection.execute("SELECT count(*) FROM reading_review").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM audit WHERE action = 'reading.release'").fetchone() == (1,)


def test_who_decides_on_an_old_page_is_told_who_was_first(connection: Connection, doubtful: Site) -> None:
    nurse, doctor = doubtful.signed_in(), doubtful.signed_in(seed.CARDIOLOGIST)
    address, data = form(connection, nurse, 60, "exclude", reason="other_reason", note="à garder")
    assert decide(connection, doctor, 60, "release").status_code == 303
    answer = nurse.post(address, data=data)
    assert answer.status_code == 409
    assert "Dr Paul Mercier en a décidé le " in answer.text
    assert ">à garder</textarea>" in answer.text
    assert standing(connection)[60] == ("accepted", None)


def test_what_its_source_took_back_stays_out(connection: Connection, doubtful: Site) -> None:
    client = doubtful.signed_in()
    decide(connection, client, 60, "release")
    connection.execute(
        "INSERT INTO reading_event (reading_id, site, device_id, measured_at, kind, reason, received_at, recorded_at)"
        " SELECT reading_id, site, device_id, measured_at, 'excluded', 'deleted_upstream', now(), now()"
        " FROM reading WHERE weight_kg = 60"
    )
    assert standing(connection)[60] == ("excluded", "deleted_upstream")
    assert decide(connection, client, 60, "release").status_code == 409


@pytest.mark.parametrize(
    ("kg", "decision", "fields", "status"),
    [
        (72, "release", {}, 409),
        (72, "undo", {}, 409),
        (60, "exclude", {}, 422),
        (60, "exclude", {"reason": "because"}, 422),
        (60, "release", {"note": "x" * 10_001}, 422),
        (60, "delete", {}, 422),
        (60, "release", {"at": "2020-01-01T00:00:00Z"}, 404),
        (60, "release", {"csrf": "forged"}, 403),
    ],
)
def test_a_decision_that_cannot_be_changes_nothing(
    connection: Connection, doubtful: Site, kg: float, decision: str, fields: dict[str, str], status: int
) -> None:
    before = standing(connection)
    assert decide(connection, doubtful.signed_in(), kg, decision, **fields).status_code == status
    assert standing(connection) == before


def test_the_worklist_asks_only_for_what_still_waits(connection: Connection, doubtful: Site) -> None:
    now = CLOCK.now()
    seed.weigh(connection, "p-0001", at=now - timedelta(days=3), kg=50, reason="implausible_jump", seq=2)
    found = weights_to_check.waiting(connection, now=now, most=20).fetchall()
    assert [(one.patient_id, one.weights, one.last_kg, one.reason) for one in found] == [
        ("p-0002", 1, 60, "implausible_jump")
    ]
    assert weights_to_check.waiting(connection, now=now + timedelta(days=2), most=20).fetchall() == []


def test_a_weight_of_an_impossible_day_is_on_the_worklist_and_can_be_decided(
    connection: Connection, doubtful: Site
) -> None:
    now = CLOCK.now()
    for seq, (at, reason) in enumerate(
        [
            (datetime(1970, 1, 1, tzinfo=UTC), "clock_not_set"),
            (datetime(2000, 1, 1, tzinfo=UTC), "clock_not_set"),
            (now + timedelta(days=900), "measured_in_the_future"),
        ],
        start=10,
    ):
        seed.weigh(connection, "p-0001", at=at, kg=73 + seq, reason=reason, seq=seq, received_at=now)
    enrolment.enrol(connection, [seed.patient(1, now=now)], now=now)
    connection.commit()
    found = weights_to_check.waiting(connection, now=now, most=50).fetchall()
    assert {one.patient_id: (one.weights, one.last_kg, one.reason) for one in found} == {
        "p-0001": (3, 85, "measured_in_the_future"),
        "p-0002": (1, 60, "implausible_jump"),
    }
    client = doubtful.signed_in()
    address, data = form(connection, client, 83, "exclude", reason="scale_moved")
    address = address.replace("p-0002", "p-0001")
    assert client.get(address, params={"at": data["at"]}).status_code == 200
    assert client.post(address, data=data).status_code == 303
    assert [one.weights for one in weights_to_check.waiting(connection, now=now, most=50).fetchall()] == [2, 1]


def test_the_pages_fit_a_phone(connection: Connection, browser: Browser, doubtful: Site) -> None:
    address, data = form(connection, doubtful.signed_in(), 60, "release")
    phone = Screen(browser, doubtful, width=390)
    page = phone.sign_in()
    for path in ("/", PAGE, str(httpx2.URL(address, params={"at": data["at"]}))):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    phone.context.close()
