"""Journeys in a real browser: what a nurse does and sees, live, in both languages, on a phone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from clinician_api.enrol import enrolment
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site, dots


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[Screen]:
    shown = Screen(browser, site, width=390)
    yield shown
    shown.context.close()


def test_a_nurse_signs_in_takes_and_closes(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in(password="wrong")
    expect(page.get_by_role("alert")).to_contain_text("n'est pas bon")
    page.fill("#password", seed.PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_title("Vigie – Liste de travail")
    page.get_by_role("link", name="PETIT Marcel").click()
    expect(page.locator("#drawer-title")).to_be_focused()
    page.get_by_role("link", name="La page entière").click()
    expect(page).to_have_title("Vigie – patient")
    page.get_by_role("button", name="Prendre en charge").click()
    expect(page.locator("#episodes")).to_contain_text("Pris par Anne Roux")
    page.get_by_label("Comment s'est-il terminé ?").select_option("confirmed_hospital")
    page.get_by_label("Note").fill("Appelée à 7 h, œdèmes")
    page.get_by_role("button", name="Clore l'épisode").click()
    expect(page.locator("#closed")).to_contain_text("Confirmé : hospitalisé – Anne Roux")
    page.locator("#closed").get_by_text("Chronologie").click()
    expect(page.locator("#closed .note")).to_have_text("Appelée à 7 h, œdèmes")
    assert [text for text in screen.complaints if "401" not in text] == []


def test_a_reading_appears_on_the_open_patients_page_by_itself(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    screen.listening()
    expect(page.locator(".facts")).not_to_contain_text("71,9")
    seed.arrive(connection, "p-0001", at=CLOCK.now(), kg=71.9)
    connection.commit()
    expect(page.locator(".facts")).to_contain_text("71,9 kg", timeout=3000)
    expect(page.locator(".chart-wide .chart-dot")).to_have_attribute("d", dots(1))


def test_a_note_being_typed_survives_what_arrives(connection: Connection, people: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    screen.listening()
    page.get_by_text("Clore…").click()
    page.get_by_label("Note").fill("à moitié")
    seed.arrive(connection, "p-0001", at=CLOCK.now(), kg=71.9)
    connection.commit()
    expect(page.locator(".facts")).to_contain_text("71,9 kg", timeout=3000)
    expect(page.get_by_label("Note")).to_have_value("à moitié")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("à moitié")


def test_a_new_episode_appears_on_the_worklist_by_itself(connection: Connection, people: Site, screen: Screen) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    connection.commit()
    page = screen.sign_in()
    page.mouse.move(5, 5)
    screen.listening()
    seed.open_episode(connection, "p-0002", "weight_loss", severity="alarm", at=now, gain=-3)
    connection.commit()
    expect(page.get_by_role("link", name="THOMAS Odette")).to_be_visible(timeout=3000)


def test_nothing_moves_under_the_pointer(connection: Connection, people: Site, screen: Screen) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    connection.commit()
    page = screen.sign_in()
    screen.listening()
    page.locator(".rows").hover()
    seed.open_episode(connection, "p-0002", "decompensation", severity="alarm", at=now)
    connection.commit()
    expect(page.locator("#news")).to_have_text("1 nouveauté – actualiser", timeout=3000)
    expect(page.locator(".row-card")).to_have_count(1)
    page.locator("#news").click()
    expect(page.locator(".row-card")).to_have_count(2)
    expect(page.locator("#news")).to_be_hidden()


def test_a_new_episode_moves_no_button_of_the_one_in_hand(connection: Connection, people: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    screen.listening()
    page.locator("#episodes article").hover()
    seed.open_episode(connection, "p-0001", "weight_loss", severity="alarm", at=CLOCK.now(), gain=-3)
    connection.commit()
    expect(page.locator("#news")).to_be_visible(timeout=3000)
    expect(page.locator("#episodes article")).to_have_count(1)
    page.locator("#news").click()
    expect(page.locator("#episodes article")).to_have_count(2)


def test_what_was_reviewed_can_be_undone_after_the_list_has_refreshed_itself(
    connection: Connection, people: Site, screen: Screen
) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    seed.open_episode(connection, "p-0001", "weight_loss", severity="watch", at=now)
    connection.commit()
    page = screen.sign_in()
    screen.listening()
    page.locator(".row-card .mark").first.click()
    expect(page.locator(".done")).to_contain_text("1 patient")
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    seed.open_episode(connection, "p-0002", "decompensation", severity="alarm", at=now)
    connection.commit()
    expect(page.get_by_role("link", name="THOMAS Odette")).to_be_visible(timeout=5000)
    page.locator(".done").get_by_role("button", name="Annuler").click()
    expect(page.locator(".done")).to_contain_text("Annulé")


def test_a_lost_connection_is_said_and_made_good(
    connection: Connection, database_url: str, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.mouse.move(5, 5)
    screen.listening()
    people.stop()
    expect(page.locator("#offline")).to_be_visible(timeout=10_000)
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    seed.open_episode(connection, "p-0002", "weight_loss", severity="alarm", at=now, gain=-3)
    connection.commit()
    again = Site(database_url, port=people.port)
    again.start()
    try:
        expect(page.locator("#offline")).to_be_hidden(timeout=15_000)
        expect(page.get_by_role("link", name="THOMAS Odette")).to_be_visible(timeout=5000)
    finally:
        page.close()
        again.stop()


def test_an_expired_session_leads_through_sign_in_back_to_the_page(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001?range=30")
    connection.execute("UPDATE web_session SET last_seen_at = now() - interval '2 hours'")
    connection.commit()
    page.get_by_role("link", name="7 jours").click()
    expect(page).to_have_title("Vigie – Se connecter")
    page.fill("#email", seed.NURSE)
    page.fill("#password", seed.PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/patients/p-0001\?range=(30|7)$"))


def test_the_user_chooses_the_language(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="Suspected decompensation")).to_be_visible()
    expect(page.locator("#worklist")).to_contain_text("+5.4 kg in 3 days")
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("heading", name="Décompensation suspectée")).to_be_visible()


def test_the_range_changes_without_losing_the_page(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    page.get_by_role("link", name="7 jours").click()
    expect(page.locator(".ranges [aria-current]")).to_have_text("7 jours")
    expect(page).to_have_url(re.compile(r"range=7$"))
    assert screen.complaints == []


def test_nothing_is_wider_than_a_phone(clinic: Site, phone: Screen) -> None:
    page = phone.sign_in()
    for path in (
        "/",
        "/patients",
        "/patients/p-0007",
        "/patients/p-0007/plan",
        "/unknown-scales",
        "/nowhere",
        "/sign-in",
    ):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach(element => { element.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_an_open_table_stays_open_and_up_to_date(connection: Connection, people: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    screen.listening()
    page.get_by_text("Tableau des pesées").click()
    seed.arrive(connection, "p-0001", at=CLOCK.now(), kg=71.9)
    connection.commit()
    expect(page.locator(".twin")).to_contain_text("71,9 kg", timeout=3000)
    expect(page.locator(".twin tbody tr")).to_be_visible()
    expect(page.locator(":focus")).to_contain_text("Tableau des pesées (1)")


def test_a_note_outlives_another_range(people: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    page.get_by_text("Clore…").click()
    page.get_by_label("Note").fill("à moitié")
    page.get_by_role("link", name="7 jours").click()
    expect(page.locator(".ranges [aria-current]")).to_have_text("7 jours")
    expect(page.get_by_label("Note")).to_have_value("à moitié")


def test_the_keyboard_reaches_the_first_patient(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.wait_for_selector(".row-card")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Aller au contenu")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    for _ in range(6):  # the search, its button, two other views, the filter
        page.keyboard.press("Tab")
    expect(page.locator("a.who").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?open=p-0003$"))
    expect(page.locator("#drawer-title")).to_be_focused()
