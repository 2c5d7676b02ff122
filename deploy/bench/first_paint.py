"""When does Chromium paint something? By Playwright, in a fresh browser context with nothing cached."""

import statistics
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
TIMES = 5
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def measure(url: str, cookie: str, pages: dict[str, str]) -> dict[str, float | None] | None:
    """The median of five visits to each page, in ms; None where there is no Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if not CHROMIUM.exists():
        return None
    name, value = cookie.split("=", 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        found: dict[str, float | None] = {}
        for title, path in pages.items():
            painted: list[float] = []
            for _ in range(TIMES):
                context = browser.new_context(base_url=url)
                context.add_cookies([{"name": name, "value": value, "url": url}])
                page = context.new_page()
                page.goto(path)
                while (at := page.evaluate(PAINTED)) is None:  # waiting in the page itself needs eval, which it forbids
                    page.wait_for_timeout(20)
                painted.append(at)
                context.close()
            found[title] = round(statistics.median(painted), 1)
        browser.close()
    return found
