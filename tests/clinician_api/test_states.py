"""What a screen shows while it waits, when nothing answers, and when something went wrong."""

import html
import re

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect
from psycopg import sql

from schemas.database import Connection
from tests.alerts import program
from tests.clinician_api import seed
from tests.clinician_api.conftest import Screen, Site

HEAVIEST_KB = 250


def hold(page: Page, *addresses: str) -> list[Route]:
    """What is asked for at these addresses waits in the list."""
    held: list[Route] = []

    def keep(route: Route) -> None:  # Playwright leaves its mark on a handler: a method of a list takes none
        held.append(route)

    for address in addresses:
        page.route(address, keep)
    return held


def test_what_is_slow_says_so_where_it_will_appear(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    screen.listening()
    held = hold(page, "**/search", "**/?open=*")
    page.fill("#q", "lef")
    expect(page.locator("#found")).to_have_attribute("aria-busy", "true")
    moves = page.evaluate("getComputedStyle(document.getElementById('found'), '::before').animationName")
    assert moves == "none", "this browser asks for no motion"
    held.pop().continue_()
    expect(page.locator("#found")).to_contain_text("Lefèvre")
    expect(page.locator("#found")).not_to_have_attribute("aria-busy", "true")
    page.locator(".row-card .who").first.click()
    expect(page.locator("#drawer")).to_contain_text("Ouverture du dossier")
    held.pop().continue_()
    expect(page.locator("#drawer-title")).to_be_focused()
    expect(page.locator("#drawer")).not_to_contain_text("Ouverture du dossier")


def test_a_patient_who_cannot_be_opened_leaves_the_list_and_says_why(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.wait_for_selector(".row-card")
    held = hold(page, "**/?open=*")
    page.locator(".row-card .who").first.click()
    expect(page.locator("#drawer")).to_contain_text("Ouverture du dossier")
    held.pop().abort()
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page.locator(".row-card").first).to_be_visible()


def test_whose_session_ended_is_told_so_and_comes_back_to_the_same_page(
    connection: Connection, clinic: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    connection.execute("DELETE FROM web_session")
    connection.commit()
    page.get_by_role("link", name="30 jours").click()
    expect(page.locator(".problem")).to_contain_text("La session est terminée")
    page.fill("#email", seed.NURSE)
    page.fill("#password", seed.PASSWORD)
    page.click("form.panel button")
    expect(page.locator("#patient")).to_have_attribute("data-patient", "p-0001")


def test_a_form_whose_session_ended_is_full_again_for_the_same_person_and_for_nobody_else(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()

    def typed_and_ended(*, then: str) -> None:
        page.goto("/enrol")
        page.get_by_label("Nom de naissance").fill("وردة")
        page.get_by_label("Sexe").select_option("F")
        page.get_by_label("J'ai appelé, et la bonne personne a répondu").check()
        connection.execute("DELETE FROM web_session")
        connection.commit()
        page.get_by_role("button", name="Relire").click()
        expect(page.locator(".problem")).to_contain_text("La session est terminée")
        page.fill("#email", then)
        page.fill("#password", seed.PASSWORD)
        page.click("form.panel button")
        expect(page).to_have_url(re.compile("/enrol$"))

    typed_and_ended(then=seed.NURSE)
    expect(page.get_by_label("Nom de naissance")).to_have_value("وردة")
    expect(page.get_by_label("Sexe")).to_have_value("F")
    expect(page.get_by_label("J'ai appelé, et la bonne personne a répondu")).to_be_checked()
    expect(page.locator(".done")).to_contain_text("rien n’a été enregistré")
    page.reload()
    expect(page.get_by_label("Nom de naissance")).to_have_value("")
    typed_and_ended(then=seed.CARDIOLOGIST)
    expect(page.get_by_label("Nom de naissance")).to_have_value("")
    assert page.evaluate("sessionStorage.getItem('vigie-form')") is None


ERRORS = {
    403: ("Refusé", "This was not accepted"),
    404: ("Il n'y a rien ici", "There is nothing here"),
    422: ("Cette demande n'est pas comprise", "This request makes no sense to us"),
    500: ("Une erreur s'est produite de notre côté", "Something went wrong on our side"),
}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_error_has_a_page_in_the_readers_language_with_a_way_on(
    connection: Connection, clinic: Site, language: str
) -> None:
    client = clinic.signed_in()
    connection.execute("UPDATE app_user SET language = %s", (language,))
    connection.execute("ALTER TABLE worklist_filter RENAME TO away")
    connection.commit()
    answers = {
        403: client.post("/language", data={"csrf": "x", "language": "fr"}),
        404: client.get("/patients/nobody"),
        422: client.get("/patients/p-0001?range=12"),
        500: client.get("/"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert ERRORS[status][language == "en"] in html.unescape(answer.text)
        assert '<a class="act act-main" href="/">' in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_while_the_database_is_away_a_page_says_so_and_once_it_is_back_the_next_is_answered(
    connection: Connection, clinic: Site
) -> None:
    client = clinic.signed_in()
    name = connection.info.dbname
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
    with psycopg.connect(connection.info.dsn, dbname="template1", autocommit=True) as beside:
        beside.execute(allow(sql.Identifier(name), sql.Literal(False)))
        try:
            beside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                (name, connection.info.backend_pid),
            )
            answer = client.get("/")
        finally:
            beside.execute(allow(sql.Identifier(name), sql.Literal(True)))
    assert answer.status_code == 503
    assert "La base de données ne répond pas" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert program.eventually(lambda: client.get("/").status_code == 200)


@pytest.mark.parametrize("path", ["/", "/patients/p-0001", "/patients/p-0001?range=all"])
def test_a_page_with_all_that_it_loads_travels_in_less_than_250_kb(clinic: Site, path: str) -> None:
    client = clinic.signed_in()
    page = client.get(path)
    loaded = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    assert len(loaded) > 4
    travelled = len(page.content)  # a page is not compressed by us: what a proxy does comes on top
    for name in loaded:
        with client.stream("GET", name) as answer:
            travelled += sum(len(chunk) for chunk in answer.iter_raw())
    assert travelled < HEAVIEST_KB * 1000
