"""What does every page look like? python -m tests.clinician_api.screenshots ADDRESS EMAIL PASSWORD DATABASE FOLDER.

Each page and state at 390, 1280 and 1920 px, light and dark, into FOLDER; six of them into docs/screenshots. Only for
a demonstration: DATABASE (its address) is taken away for some seconds, and two records are merged for a moment.
"""

import shutil
import sys
from http.client import OK
from pathlib import Path
from typing import Literal, LiteralString

import psycopg
from playwright.sync_api import Page, Route, sync_playwright
from psycopg import sql

from schemas import database, one_tap
from schemas.database import Connection
from tests.clinician_api import made_states
from tests.fixtures.browser import ARGUMENTS, CHROMIUM

WIDTHS = (390, 1280, 1920)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
DOCS = Path(__file__).parents[2] / "docs" / "screenshots"
IN_DOCS = {
    "worklist-wide": "worklist-1280", "patient-wide": "patient-1280", "worklist-phone": "worklist-390",
    "patient-phone": "patient-390", "trial-wide": "trial-1280", "monday-phone": "monday-390",
}  # fmt: skip
COLLEAGUE = "cardiologue@vigie.example"
PATHS = {
    "patients": "/patients", "unknown-scales": "/unknown-scales",
    "enrol": "/enrol", "enrol-import": "/enrol/import", "scales": "/scales", "then": "/then",
    "programme": "/programme?months=1", "programme-year": "/programme?months=12", "detection": "/detection",
    "shadow": "/detection/shadow", "card": "/detection/card", "duty": "/duty", "pauses": "/pauses",
    "account": "/account", "monday": "/monday", "not-there": "/nowhere",
}  # fmt: skip

OF_A_PATIENT = {
    "patient": "", "patient-all": "?range=all", "patient-plan": "/plan", "patient-pauses": "/pauses",
    "patient-reminder": "/weighing-reminder",
}  # fmt: skip
RECORDS: LiteralString = """
SELECT patient_id FROM patient WHERE patient_id <> 'VIGIE-CANARY'
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = patient.patient_id)
ORDER BY patient_id DESC LIMIT 2
"""
TOLD: LiteralString = """
SELECT min(notification_id), max(notification_id), (SELECT key FROM signing_key) FROM (
    SELECT notification_id, user_id, first_value(user_id) OVER (ORDER BY notification_id DESC) AS last_told
    FROM notification ORDER BY notification_id DESC LIMIT 4
) AS newest WHERE user_id = last_told
"""
END_CONNECTIONS: LiteralString = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


def main(address: str, email: str, password: str, url: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for width in WIDTHS:
            for scheme in SCHEMES:
                context = browser.new_context(
                    base_url=address,
                    locale="fr-FR",
                    viewport={"width": width, "height": 844 if width == WIDTHS[0] else 860},
                    color_scheme=scheme,
                    reduced_motion="reduce",
                )
                with database.connect(url, autocommit=True) as conn:
                    Album(context.new_page(), conn, folder=folder, suffix=f"{width}-{scheme}").take(email, password)
                context.close()
        browser.close()
    for name, taken in IN_DOCS.items():
        shutil.copy(folder / f"{taken}-light.png", DOCS / f"{name}.png")


class Album:
    """The screens of one size and scheme."""

    def __init__(self, page: Page, conn: Connection, *, folder: Path, suffix: str) -> None:
        self.page = page
        self.conn = conn
        self.folder = folder
        self.suffix = suffix

    def keep(self, name: str, *, whole: bool = True) -> None:
        self.page.mouse.move(1, 1)
        self.page.screenshot(path=self.folder / f"{name}-{self.suffix}.png", full_page=whole)

    def take(self, email: str, password: str) -> None:
        page = self.page
        page.goto("/sign-in")
        self.keep("sign-in", whole=False)
        page.fill("#email", "personne@vigie.example")
        page.fill("#password", "faux")
        page.keyboard.press("Enter")
        page.wait_for_selector(".problem")
        self.keep("sign-in-refused", whole=False)
        self.enter(email, password)
        self.keep("worklist", whole=False)
        self.patient(page.locator(".row-card").first.get_attribute("data-patient") or "")
        for name, path in PATHS.items():
            page.goto(path)
            self.keep(name, whole=name != "monday")  # 200 rows, each a card on a phone
        self.trial(email, password)
        made_states.take(page, self.conn, self.keep)
        self.merged()
        self.bundle()
        self.waiting()
        self.offline()
        self.refused()
        self.enter(email, password)
        self.broken()

    def enter(self, email: str, password: str) -> None:
        self.page.context.clear_cookies()
        self.page.goto("/sign-in")
        self.page.fill("#email", email)
        self.page.fill("#password", password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#worklist")

    def patient(self, patient_id: str) -> None:
        page = self.page
        if page.locator(".row-card a.who[href*='open=']").count():
            page.locator(".row-card a.who").first.click()
            page.wait_for_selector("#drawer")
            self.keep("worklist-drawer", whole=False)
        for name, path in OF_A_PATIENT.items():
            page.goto(f"/patients/{patient_id}{path}")
            self.keep(name)
        page.goto(f"/patients/{patient_id}")
        page.locator(".tags summary").click()
        self.keep("patient-tags", whole=False)

    def merged(self) -> None:
        """Two records said to be one person's, and taken back."""
        page = self.page
        old, new = (str(one) for (one,) in self.conn.execute(RECORDS).fetchall())
        page.goto(f"/patients/{old}")
        page.locator("#departure summary").click()
        page.locator("#departure input[value=merged]").check()
        page.fill("#into", new)
        page.fill("#departure-reason", "deux dossiers de la même personne")
        page.locator("#departure form button").click()
        page.locator(".problem").scroll_into_view_if_needed()
        self.keep("merge-asked-back", whole=False)
        meanwhile = page.context.new_page()
        meanwhile.goto(f"/patients/{old}")
        meanwhile.locator("details:has(#note-note) > summary").click()
        meanwhile.fill("#note-note", "essoufflée depuis hier, dort assise")
        page.locator("input[name=sure]").check()
        page.locator("#departure form button").click()
        page.wait_for_url(f"**/patients/{new}")
        self.keep("record-goes-on", whole=False)
        meanwhile.locator("form:has(#note-note) button").click()
        meanwhile.wait_for_selector(".problem[role=alert]")
        meanwhile.screenshot(path=self.folder / f"merged-meanwhile-{self.suffix}.png")
        meanwhile.close()
        page.goto(f"/patients/{old}")
        self.keep("record-merged", whole=False)
        page.locator("#departure summary").click()
        page.fill("#return-reason", "seulement pour l'image")
        page.locator("#departure form button").click()
        page.wait_for_selector("#departure-reason", state="attached")

    def bundle(self) -> None:
        """What the link in a message with several alerts leads to."""
        first, last, key = self.conn.execute(TOLD).fetchone() or (0, 0, b"")
        assert isinstance(first, int)
        assert isinstance(last, int)
        assert isinstance(key, bytes)
        self.page.goto(f"/b/{one_tap.bundle_token(first, last, key=key)}")
        self.keep("bundle")

    def broken(self) -> None:
        """An error of ours, and a database that is away; the last: it ends our own connection too."""
        self.conn.execute("ALTER TABLE tag_change RENAME TO away")
        try:
            self.page.goto("/patients/" + str((self.conn.execute(RECORDS).fetchone() or [""])[0]))
            self.keep("broken", whole=False)
        finally:
            self.conn.execute("ALTER TABLE away RENAME TO tag_change")
        name = self.conn.info.dbname
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
        with psycopg.connect(self.conn.info.dsn, dbname="template1", autocommit=True) as beside:
            beside.execute(allow(sql.Identifier(name), sql.Literal(False)))
            try:
                beside.execute(END_CONNECTIONS, (name,))
                self.page.goto("/", timeout=60_000)
                self.keep("database-away", whole=False)
            finally:
                beside.execute(allow(sql.Identifier(name), sql.Literal(True)))
        while self.page.request.get("/healthz").status != OK:  # everybody comes back
            self.page.wait_for_timeout(500)

    def trial(self, email: str, password: str) -> None:
        page = self.page
        page.goto("/detection")
        page.fill("#budget", "0")
        page.locator("form[action='/detection/trials'] button").click()
        page.wait_for_selector(".problem")
        self.keep("detection-refused")
        page.fill("#budget", "1")
        page.locator("form[action='/detection/trials'] button").click()
        page.wait_for_selector("progress")
        self.keep("trial-computing")
        page.wait_for_selector("#sign-title, .problem", timeout=120_000)
        self.keep("trial")
        page.fill("#password", password)
        page.fill("#reason", "moins d'appels inutiles")
        if not page.locator("#sign-title ~ form .rule").count():
            return  # it misses nobody: one signature would put it in force
        page.locator("form:has(#password) button").click()
        page.wait_for_selector("#sign-title ~ p")
        signed = page.url
        self.enter(COLLEAGUE, password)
        page.goto(signed)
        self.keep("trial-second")
        self.enter(email, password)

    def waiting(self) -> None:
        """What is slow: a drawer and a search whose answers never come."""
        page = self.page
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        for name, address in {"drawer-waiting": "**/?open=*", "search-waiting": "**/search"}.items():
            page.goto("/")
            page.route(address, hold)
            if name == "search-waiting":
                page.fill("#q", "ma")
            elif page.locator(".row-card a.who").count():
                page.locator(".row-card a.who").first.click()
            page.wait_for_timeout(500)
            self.keep(name, whole=False)
            while held:
                held.pop().abort()
            page.unroute(address)

    def refused(self) -> None:
        """A form that is not ours, and a session that has ended."""
        page = self.page
        page.goto("/")
        page.evaluate("for (const field of document.getElementsByName('csrf')) field.value = 'x'")
        page.locator("form[action='/language'] button").click()
        self.keep("refused")
        page.context.add_cookies([{"name": "vigie", "value": "ended", "url": page.url}])
        page.goto("/patients")
        self.keep("session-ended", whole=False)

    def offline(self) -> None:
        page = self.page
        page.route("**/live", lambda route: route.abort())
        page.goto("/")
        page.locator("#offline").wait_for(state="visible", timeout=30_000)
        self.keep("worklist-offline", whole=False)
        page.unroute("**/live")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], Path(sys.argv[5]))
