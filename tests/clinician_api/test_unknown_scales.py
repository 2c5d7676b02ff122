"""A scale nobody knows: shown with what it sent, claimed for a patient together with it, by one person only."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from clinician_api.enrol import enrolment
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site

SEND = """
INSERT INTO reading (site, device_id, measured_at, received_at, recorded_at, weight_kg, quarantine_reason, source, raw)
VALUES ('home', 'stranger', %(at)s, %(at)s, %(at)s, %(kg)s, NULL, 'openscale', '{}')
"""
CLAIM = "/unknown-scales/claim"
ADDRESS = f"{CLAIM}?site=home&device_id=stranger"


@pytest.fixture
def strange(connection: Connection, people: Site) -> Site:
    """A scale nobody knows has sent three weights, the first ten days ago; two patients could have it."""
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    for days, kg in ((10, 74.2), (3, 74.6), (1, 75.1)):
        connection.execute(SEND, {"at": now - timedelta(days=days), "kg": kg})
    connection.execute(
        "INSERT INTO device_sighting (site, device_id, first_seen_at, last_seen_at)"
        " VALUES ('home', 'stranger', %s, %s)",
        (now - timedelta(days=10), now - timedelta(hours=3)),
    )
    connection.commit()
    return people


def form(client: httpx2.Client, **fields: str) -> dict[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/patients").text)
    assert found
    return {"csrf": found[1], "site": "home", "device_id": "stranger"} | fields


def owners(connection: Connection) -> list[tuple[object, ...]]:
    connection.commit()
    asked = "SELECT patient_id FROM reading WHERE device_id = 'stranger' ORDER BY measured_at"
    return connection.execute(asked).fetchall()


def test_a_nurse_claims_a_scale_by_keyboard_and_lands_on_the_patient(
    connection: Connection, strange: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.get_by_role("link", name="1 balance inconnue envoie").click()
    expect(page.locator(".stranger")).to_contain_text("75,1 kg")
    expect(page.locator(".stranger")).to_contain_text("3 pesées conservées")
    page.get_by_role("link", name="À qui est la balance stranger ?").press("Enter")
    page.get_by_label("Nom, pseudonyme ou INS").fill("thomas od")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio")).to_have_count(1)
    assert "thomas" not in page.url.lower()
    page.get_by_role("radio", name=re.compile("THOMAS Odette", re.IGNORECASE)).press("Space")
    page.get_by_role("button", name="La prêter à ce patient").press("Enter")
    expect(page).to_have_url(re.compile(r"/patients/p-0002\?joined=3$"))
    expect(page.get_by_role("status").first).to_contain_text("3 pesées qu'elle avait envoyées ont rejoint ses pesées")
    expect(page.locator(".facts")).to_contain_text("75,1 kg")
    assert owners(connection) == [("p-0002",)] * 3
    assert screen.complaints == []


def test_a_claim_wakes_the_alerts_and_is_audited(connection: Connection, strange: Site) -> None:
    client = strange.signed_in()
    client.post(CLAIM, data=form(client, patient_id="p-0002"))
    assert owners(connection) == [("p-0002",)] * 3
    latest = connection.execute("SELECT arrivals, weight_kg::float8 FROM latest_reading WHERE patient_id = 'p-0002'")
    assert latest.fetchall() == [(1, 75.1)]
    audited = connection.execute(
        "SELECT subject, email FROM audit JOIN app_user USING (user_id) WHERE action = 'scale.claim'"
    )
    assert audited.fetchall() == [("p-0002 home/stranger", seed.NURSE)]
    assert "stranger" not in client.get("/unknown-scales").text


def test_what_it_sent_before_it_was_lent_stays_nobodys(connection: Connection, strange: Site) -> None:
    client = strange.signed_in()
    since = (CLOCK.now() - timedelta(days=5)).strftime("%Y-%m-%dT%H:%M")
    answer = client.post(CLAIM, data=form(client, patient_id="p-0002", since=since))
    assert answer.headers["location"] == "/patients/p-0002?joined=2"
    assert owners(connection) == [(None,), ("p-0002",), ("p-0002",)]


def test_a_double_click_is_one_loan(connection: Connection, strange: Site) -> None:
    client = strange.signed_in()
    data = form(client, patient_id="p-0002")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post(CLAIM, data=data), range(4)))
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {
        (303, "/patients/p-0002?joined=3")
    }
    assert owners(connection) == [("p-0002",)] * 3
    for counted in ("FROM device_loan WHERE device_id = 'stranger'", "FROM audit WHERE action = 'scale.claim'"):
        assert connection.execute(f"SELECT count(*) {counted}".encode()).fetchone() == (1,)


def test_of_two_who_claim_one_scale_the_second_is_told(connection: Connection, strange: Site) -> None:
    nurse, doctor = strange.signed_in(), strange.signed_in(seed.CARDIOLOGIST)
    claims = [(nurse, form(nurse, patient_id="p-0001")), (doctor, form(doctor, patient_id="p-0002"))]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda given: given[0].post(CLAIM, data=given[1]), claims))
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    [late] = [answer.text for answer in answers if answer.status_code == 409]
    [[first]] = set(owners(connection))
    assert f"Entre-temps, quelqu&#39;un a prêté cette balance à {first}" in late
    assert nurse.get(ADDRESS).status_code == 409


@pytest.mark.parametrize(
    ("patient", "since", "said"),
    [
        ("", "", "Choisissez le patient"),
        ("p-9999", "", "Choisissez le patient"),
        ("p-0002", "2999-01-01T00:00", "un jour et une heure passés"),
        ("p-0002", "hier", "un jour et une heure passés"),
        ("p-0002", "0001-01-01T00:00", "un jour et une heure passés"),
    ],
)
def test_a_claim_that_cannot_be_is_said_and_changes_nothing(
    connection: Connection, strange: Site, patient: str, since: str, said: str
) -> None:
    client = strange.signed_in()
    answer = client.post(CLAIM, data=form(client, patient_id=patient, since=since))
    assert (answer.status_code, said in answer.text) == (422, True)
    assert owners(connection) == [(None,)] * 3


def test_a_scale_never_heard_of_is_not_found(strange: Site) -> None:
    client = strange.signed_in()
    assert client.get(f"{CLAIM}?site=home&device_id=nothing").status_code == 404
    assert client.post(CLAIM, data=form(client, device_id="nothing", patient_id="p-0001")).status_code == 404
    assert client.get(CLAIM).status_code == 422


def test_a_scale_that_came_back_is_claimed_only_from_its_return_on(connection: Connection, strange: Site) -> None:
    now = CLOCK.now()
    lend = "INSERT INTO device_loan (site, device_id, patient_id, lent_at, returned_at) VALUES (%s, %s, %s, %s, %s)"
    connection.execute(lend, ("home", "stranger", "p-0001", now - timedelta(days=20), now - timedelta(days=2)))
    connection.commit()
    client = strange.signed_in()
    answer = client.post(CLAIM, data=form(client, patient_id="p-0002", since="2020-01-01T00:00"))
    assert answer.headers["location"] == "/patients/p-0002?joined=1"
    assert owners(connection) == [("p-0001",), ("p-0001",), ("p-0002",)]


def test_the_form_fits_a_phone_in_english(browser: Browser, strange: Site) -> None:
    phone = Screen(browser, strange, width=390)
    page = phone.sign_in()
    page.get_by_role("button", name="English").click()
    for path, text in (("/unknown-scales", "3 weights kept"), (ADDRESS, "Left empty: since its first weight")):
        page.goto(path)
        expect(page.locator("main")).to_contain_text(text)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    phone.context.close()
