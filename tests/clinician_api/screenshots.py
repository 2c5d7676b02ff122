"""What does the running demo look like? python -m tests.clinician_api.screenshots ADDRESS EMAIL PASSWORD FOLDER."""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.fixtures.browser import ARGUMENTS, CHROMIUM

SIZES = {"wide": (1280, 860), "phone": (390, 844)}


def main(address: str, email: str, password: str, folder: Path) -> None:
    """Sign-in page, worklist and the most urgent patient, at a desk and on a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for name, (width, height) in SIZES.items():
            context = browser.new_context(
                base_url=address, locale="fr-FR", viewport={"width": width, "height": height}, reduced_motion="reduce"
            )
            _take(context.new_page(), name, email=email, password=password, folder=folder)
        browser.close()


def _take(page: Page, size: str, *, email: str, password: str, folder: Path) -> None:
    page.goto("/sign-in")
    page.screenshot(path=folder / f"sign-in-{size}.png")
    page.fill("#email", email)
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_selector("#worklist")
    page.mouse.move(1, 1)
    page.screenshot(path=folder / f"worklist-{size}.png")
    address = page.locator(".row-card .who").first.get_attribute("href") or "/"
    page.goto(address.partition("#")[0])  # at its head
    page.screenshot(path=folder / f"patient-{size}.png", full_page=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
