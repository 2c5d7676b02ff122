"""Can everybody use it? axe finds nothing on any page, in both languages, light and dark, at a desk and on a phone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from clinician_api.app import create_app
from schemas.database import Connection
from schemas.settings import Settings
from tests.clinician_api import seed, test_one_tap, trying
from tests.clinician_api.conftest import CLOCK, Screen, Site

PAGES = (
    "/", "/?open=p-0007", "/?open=nobody", "/?section=decompensation", "/monday", "/patients",
    "/patients/p-0003", "/patients/p-0007?range=all", "/patients/p-0002",
    "/unknown-scales", "/unknown-scales/claim?site=home&device_id=stranger-0", "/enrol", "/enrol/import", "/scales",
    "/scales/label?site=home&device_id=scale-0003", "/then", "/then?at=2026-01-01T09:00", "/nowhere",
    "/programme", "/detection", "/detection/trials/1", "/detection/trials/4", "/detection/shadow",
    "/detection/card",
    "/pauses", "/patients/p-0003/pauses", "/patients/p-0003/weighing-reminder",
    "/account", "/t/nothing", "/b/nothing",
    "/duty", "/duty/1", "/duty/1?at=2026-11-29T03:00&severity=alarm",
)  # fmt: skip
NO_PAGES = {
    "/healthz", "/live", "/episodes/{episode_id}", "/patients/{patient_id}/readings/{reading_id}",
    "/programme.csv", "/programme/report", "/pauses/{pause_id}", "/patients/{patient_id}/summary.txt",
    "/patients/{patient_id}/summary.pdf", "/detection/trials/{trial_id}/table.csv",
}  # fmt: skip
"""Answers that are no pages, or lead to one."""
ELSEWHERE = {
    "/patients/{patient_id}/readings/{reading_id}/reassign",  # test_journal
    "/patients/{patient_id}/plan", "/teams/{team_id}/plan",  # test_plan
}  # fmt: skip
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


@pytest.mark.parametrize(("language", "width", "scheme"), [("fr", 1280, "light"), ("en", 390, "dark")])
def test_axe_finds_nothing_on_any_page(
    browser: Browser, clinic: Site, database_url: str, language: str, width: int, scheme: str
) -> None:
    screen = seen(browser, clinic, language=language, width=width, scheme=scheme)
    screen.page.goto("/sign-in")
    found = {"/sign-in": violations(screen)}
    page = screen.sign_in()
    try_out(screen, database_url)
    if language == "en":
        page.get_by_role("button", name="English").click()
    for path in PAGES:
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach(folded => { folded.open = true })")
        found[path] = violations(screen)
    screen.context.close()
    assert {path: said for path, said in found.items() if said} == {}


def seen(browser: Browser, site: Site, *, language: str, width: int, scheme: str) -> Screen:
    screen = Screen(browser, site, width=width, locale="en-GB" if language == "en" else "fr-FR")
    screen.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    return screen


def try_out(screen: Screen, database_url: str) -> None:
    """Trials that are answered, one that waits, a shadow beside the detector in force; a pause; a channel to be
    confirmed."""
    screen.page.goto("/patients/p-0003/pauses")
    screen.page.locator("input[value=hospital]").check()
    screen.page.fill("#last", screen.page.input_value("#first"))
    screen.page.locator("form[action='/patients/p-0003/pauses'] button").click()
    screen.page.goto("/account")
    screen.page.fill("#url", "json://127.0.0.1:9/sms")
    screen.page.fill("#quiet_from", "22:00")
    screen.page.fill("#quiet_until", "07:00")
    screen.page.click("form[action='/account/channels'] button")
    for _ in range(2):
        screen.page.goto("/detection")
        screen.page.fill("#threshold", "1.5")
        screen.page.click("form[action='/detection/trials'] button")
        screen.page.wait_for_selector("progress")
    trying.answer(database_url)
    screen.page.goto("/detection/shadow")
    screen.page.fill("[name=reason]", "Elle promet")
    screen.page.fill("[name=password]", seed.PASSWORD)
    screen.page.click("details button")
    screen.page.click("form[action$=compare] button")
    trying.answer(database_url)  # the second trial, as it was asked for first
    trying.answer(database_url)
    screen.page.goto("/detection")
    screen.page.fill("#threshold", "1.4")
    screen.page.click("form[action='/detection/trials'] button")
    screen.page.wait_for_selector("progress")


@pytest.mark.parametrize(("language", "width", "scheme"), [("fr", 1280, "light"), ("en", 390, "dark")])
def test_axe_finds_nothing_on_the_pages_behind_a_messages_link(
    browser: Browser, site: Site, connection: Connection, language: str, width: int, scheme: str
) -> None:
    screen = seen(browser, site, language=language, width=width, scheme=scheme)
    pages = test_one_tap.in_every_state(site, connection, language=language)
    found, titles = {}, {}
    for name, path in pages.items():
        screen.page.goto(path)
        found[name], titles[name] = violations(screen), screen.page.inner_text("main")
    screen.context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert len(set(titles.values())) == len(pages), "each state says something else"
    assert all("\N{DEGREE SIGN}" in said for said in titles.values()) is (language == "fr"), "its reader's language"


def violations(screen: Screen) -> list[str]:
    results = Axe().run(screen.page, options=RULES)
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])})" for v in results.response["violations"]]


def test_every_page_that_can_be_opened_is_looked_at() -> None:
    """A page nobody thought of here would be looked at by nobody."""
    app = create_app(Settings.model_validate({"database_url": "postgresql://127.0.0.1/x"}), clock=CLOCK)
    seen = [re.sub(r"\?.*", "", path) for path in (*PAGES, "/sign-in")]
    paths = {path for path, methods in app.openapi()["paths"].items() if "get" in methods}
    assert len(paths) > 20
    patterns = {path: re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)) for path in paths}
    unseen = {path for path, pattern in patterns.items() if not any(pattern.fullmatch(known) for known in seen)}
    assert unseen == NO_PAGES | ELSEWHERE


def test_axe_would_find_a_fault(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.locator("h1").evaluate("title => { title.style.color = '#f0f0f0'; title.innerHTML += '<img src=/x.png>' }")
    assert {said.split(":")[0] for said in violations(screen)} == {"color-contrast", "image-alt"}
