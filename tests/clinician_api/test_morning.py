"""The morning's work: from sign-in to the last alert closed, in one go."""

from playwright.sync_api import expect

from schemas.database import Connection
from tests.clinician_api import morning, seed
from tests.clinician_api.conftest import Screen, Site


def test_a_nurse_closes_every_alert_from_the_worklist_on(connection: Connection, clinic: Site, screen: Screen) -> None:
    alerts = sum(severity != "watch" for causes in seed.OPEN.values() for _, severity, *_ in causes)
    done = morning.work(screen.page, email=seed.NURSE, password=seed.PASSWORD)
    assert done.closed == alerts
    left = connection.execute("SELECT DISTINCT severity FROM episode WHERE closed_at IS NULL").fetchall()
    assert left == [("watch",)]
    expect(screen.page.locator(".row-card")).to_have_count(0)
    assert done.clicks <= 2 * alerts + 3, (
        "an outcome and save for each; the sign-in; the first patient; the informative"
    )
    assert done.pages <= alerts + 3, "each answer; the sign-in page; the list; the first patient"
    assert screen.complaints == []


def test_the_whole_morning_by_keyboard_alone(connection: Connection, clinic: Site, screen: Screen) -> None:
    alerts, page = sum(len(causes) for causes in seed.OPEN.values()), screen.page
    page.goto("/sign-in")
    page.keyboard.type(seed.NURSE)
    page.keyboard.press("Tab")
    page.keyboard.type(seed.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".row-card")
    screen.listening()
    for left in range(alerts, 0, -1):
        if not page.locator("#drawer-title").count():  # at first, and again at the end of the list
            page.keyboard.press("j")
            page.keyboard.press("Enter")
        expect(page.locator("#drawer-title")).to_be_focused()
        expect(page.locator("#drawer .chips").first).to_be_visible()
        page.keyboard.press(str(1 + left % 9))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        screen.listening()
    connection.commit()
    assert connection.execute("SELECT count(*) FROM episode WHERE closed_at IS NULL").fetchone() == (0,)
    outcomes = connection.execute("SELECT DISTINCT outcome FROM acknowledgement").fetchall()
    assert len(outcomes) > 5, "each key is another outcome"
    expect(page.locator(".row-card")).to_have_count(0)
    assert screen.complaints == []
