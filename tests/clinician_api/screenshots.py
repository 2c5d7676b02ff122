"""What do the screens look like? Every page in both widths: python -m tests.clinician_api.screenshots FOLDER."""

import sys
import tempfile
from pathlib import Path

import psycopg
from playwright.sync_api import sync_playwright

from deploy.embedded_postgres import EmbeddedPostgres
from schemas import database, migrate
from tests.clinician_api import seed
from tests.clinician_api.conftest import CHROMIUM, CLOCK, QUIET, Screen, Site

WIDTHS = {"wide": 1280, "phone": 390}
PAGES = {
    "worklist": "/",
    "patient": "/patients/p-0003",
    "patient-30": "/patients/p-0007?range=30",
    "patients": "/patients",
    "scales": "/unknown-scales",
    "missing": "/patients/nobody",
}


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="vigie-shots-") as home:
        Path(home).chmod(0o755)
        with EmbeddedPostgres(Path(home) / "postgres") as server:
            with database.connect(server.url) as conn:
                list(migrate.migrate(conn))
            with psycopg.connect(server.url) as conn:
                seed.clinic(conn, now=CLOCK.now())
            site = Site(server.url)
            site.start()
            try:
                _take(site, folder)
            finally:
                site.stop()


def _take(site: Site, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        for name, width in WIDTHS.items():
            screen = Screen(browser, site, width=width)
            screen.page.goto("/sign-in")
            screen.page.screenshot(path=folder / f"sign-in-{name}.png")
            screen.sign_in()
            for page, path in PAGES.items():
                screen.page.goto(path)
                screen.page.screenshot(path=folder / f"{page}-{name}.png", full_page=True)
            print(name, screen.complaints, screen.hosts)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
