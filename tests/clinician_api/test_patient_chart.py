"""The chart in a browser: read by keyboard, spoken, drawn anew as weights come, there without scripts, printed."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site, dots, today

PAGE = "/patients/p-0001"


@pytest.fixture
def charted(connection: Connection, people: Site) -> Site:
    """A patient weighed on six of nine days, with two causes of gaps, a weight in quarantine and one excluded."""
    now = CLOCK.now()
    for days in (9, 8, 7, 4, 3, 1):
        seed.weigh(connection, "p-0001", at=now - timedelta(days=days), kg=71 + days / 10, seq=days)
    seed.weigh(connection, "p-0001", at=now - timedelta(days=2), kg=55, reason="other_person", seq=20)
    for days, state in ((6, "scale_silent"), (5, "scale_silent"), (2, "waiting")):
        connection.execute(
            "INSERT INTO patient_day (patient_id, day, state, explained_at) VALUES ('p-0001', %s, %s, now())",
            (today() - timedelta(days=days), state),
        )
    connection.commit()
    return people


def test_the_arrow_keys_read_every_weight_and_every_gap_aloud(charted: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto(PAGE)
    plot, readout = page.locator("[data-plot]"), page.locator(".readout")
    expect(plot.locator("canvas")).to_be_visible()
    expect(readout).to_have_attribute("aria-live", "polite")
    plot.focus()
    page.keyboard.press("Home")
    expect(readout).to_contain_text("71,9 kg, acceptée")
    said = []
    for _ in range(9):
        page.keyboard.press("ArrowRight")
        said.append(readout.inner_text())
    assert len(set(said)) == len(said) - 1, "the last is where it stops"
    assert any("Balance muette, 2 jours" in text for text in said)
    assert any("55,0 kg, en quarantaine: semble être le poids d’une autre personne" in text for text in said)
    page.keyboard.press("PageUp")
    page.keyboard.press("End")
    expect(readout).to_contain_text("71,1 kg")
    assert screen.complaints == []


def test_a_new_weight_and_another_range_are_drawn_anew(connection: Connection, charted: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto(PAGE)
    screen.listening()
    seed.arrive(connection, "p-0001", at=CLOCK.now(), kg=73.3)
    connection.commit()
    expect(page.locator(".facts")).to_contain_text("73,3 kg", timeout=3000)
    for name in (None, "7 jours"):
        if name:
            page.get_by_role("link", name=name).click()
            expect(page.locator(".ranges [aria-current]")).to_have_text(name)
        expect(page.locator("[data-plot] canvas")).to_have_count(1)
        page.locator("[data-plot]").focus()
        page.keyboard.press("End")
        expect(page.locator(".readout")).to_contain_text("73,3 kg")
    assert screen.complaints == []


@pytest.fixture
def scriptless(browser: Browser, charted: Site) -> Iterator[Screen]:
    shown = Screen(browser, charted)
    cookies = shown.sign_in().context.cookies()
    context = browser.new_context(base_url=charted.url, java_script_enabled=False, locale="fr-FR")
    context.add_cookies(cookies)  # type: ignore[arg-type]
    shown.page = context.new_page()
    yield shown
    context.close()
    shown.context.close()


def test_without_scripts_the_picture_is_there(scriptless: Screen) -> None:
    page = scriptless.page
    page.goto(PAGE)
    expect(page.locator(".chart-wide")).to_be_visible()
    expect(page.locator(".chart-wide .chart-dot")).to_have_attribute("d", dots(6))
    expect(page.locator(".chart-wide .day-scale_silent")).to_have_count(1)
    expect(page.locator(".chart-wide .chart-doubted title")).to_have_text(re.compile("une autre personne"))


def test_the_patient_prints_on_one_page(connection: Connection, clinic: Site, screen: Screen) -> None:
    for back in range(30):
        connection.execute(
            "INSERT INTO journal_entry (request_id, patient_id, kind, happened_at, note, author, recorded_at)"
            " SELECT gen_random_uuid(), 'p-0007', 'note', now() - %s * interval '1 day', repeat('Œdèmes. ', 200),"
            " user_id, now() FROM app_user LIMIT 1", (back,),
        )  # fmt: skip
    connection.commit()
    page = screen.sign_in()
    for path in ("/patients/p-0007", "/patients/p-0003?range=all"):
        page.goto(path)
        expect(page.locator("[data-plot] canvas")).to_be_visible()
        pages = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4", prefer_css_page_size=True))
        assert len(pages) == 1, path
