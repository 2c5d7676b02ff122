"""How much work is a morning? python -m tests.clinician_api.morning ADDRESS EMAIL PASSWORD, at the running demo.

A nurse signs in, closes every alert that nobody has taken, the most urgent first, and marks what is only informative
as reviewed together, with the mouse alone. Counted are clicks and pages loaded: figures to lower. Only for a
demonstration: it closes alerts.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass

from playwright.sync_api import Locator, Page, Request, sync_playwright

from tests.fixtures.browser import ARGUMENTS, CHROMIUM

MOST = 500
CLOSING = "article:not(.edge-watch) form:has(input[name=outcome])"


@dataclass(kw_only=True)
class Morning:
    """What it took."""

    closed: int = 0
    clicks: int = 0
    pages: int = 0
    seconds: float = 0.0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def loaded(self, request: Request) -> None:
        self.pages += request.is_navigation_request() and request.method == "GET"


def work(page: Page, *, email: str, password: str) -> Morning:
    """From sign-in to the last alert closed, and what is informative reviewed."""
    morning, began = Morning(), time.monotonic()
    page.on("request", morning.loaded)
    page.goto("/sign-in")
    page.fill("#email", email)
    page.fill("#password", password)
    morning.click(page.locator("form.panel button"))
    page.wait_for_selector("#worklist")
    while morning.closed < MOST:
        close = page.locator(CLOSING).first
        if close.count():
            _close(page, close, morning)
        elif page.locator("#worklist").count():
            waiting = page.locator(".row-card:not(.is-taken):not(.edge-watch) a.who")
            if not waiting.count():
                break
            morning.click(waiting.first)
            page.wait_for_selector(CLOSING, state="attached")
        else:
            morning.click(page.locator(".bar-link[href='/']"))
            page.wait_for_selector("#worklist")
    together = page.locator("form.bulk button")
    if together.count():
        morning.click(together)
        page.wait_for_selector("#worklist .done")
    morning.seconds = round(time.monotonic() - began, 1)
    return morning


def _close(page: Page, form: Locator, morning: Morning) -> None:
    field = form.locator("input[name=outcome]").first
    if not field.is_visible():
        morning.click(page.locator("details:has(input[name=outcome]) > summary").first)
    morning.click(field)
    number = form.locator("textarea").get_attribute("id")
    morning.click(form.locator("button.act-main"))
    page.wait_for_selector(f"[id='{number}']", state="detached")
    morning.closed += 1


def main(address: str, email: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = browser.new_context(base_url=address, locale="fr-FR", reduced_motion="reduce").new_page()
        done = work(page, email=email, password=password)
        browser.close()
    each = max(done.closed, 1)
    per_alert = {"clicks_per_alert": round(done.clicks / each, 2), "pages_per_alert": round(done.pages / each, 2)}
    print(json.dumps({"bench": "morning"} | asdict(done) | per_alert))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
