"""The web application on a free port, over a database of its own, and a browser that may go nowhere else."""

import re
import threading
from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo

import httpx2
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route

from clinician_api.app import create_app
from clinician_api.enrol import enrolment
from deploy.servers.embedded_broker import free_port
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import Settings
from tests.clinician_api import seed

CLOCK = Clock()


def today() -> date:
    """By the patients' calendar, which is a day ahead of UTC's around midnight."""
    return CLOCK.now().astimezone(ZoneInfo("Europe/Paris")).date()


RECEIPTS_SECRET = "a-secret-of-the-provider"


class Site:
    """A running application and its database."""

    def __init__(self, database_url: str, *, port: int | None = None, **settings: object) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"database_url": database_url, "api_port": self.port, "receipts_secret": RECEIPTS_SECRET}
        given = own | {"channel_kinds": "json,mailto"} | settings
        app = create_app(Settings.model_validate(given), clock=CLOCK)
        self.server = uvicorn.Server(
            uvicorn.Config(app, port=self.port, log_config=None, timeout_graceful_shutdown=1, lifespan="on")
        )
        self._thread = threading.Thread(target=self.server.run)
        self._clients: list[httpx2.Client] = []

    def start(self) -> None:
        self._thread.start()
        for _ in range(600):
            if self.server.started:
                return
            self._thread.join(0.02)
        raise AssertionError("uvicorn did not start")

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self.server.should_exit = True
        self._thread.join(15)

    def client(self, **headers: str) -> httpx2.Client:
        client = httpx2.Client(base_url=self.url, headers={"Accept-Language": "fr"} | headers, timeout=20)
        self._clients.append(client)
        return client

    def signed_in(self, email: str = seed.NURSE) -> httpx2.Client:
        client = self.client()
        assert client.post("/sign-in", data={"email": email, "password": seed.PASSWORD}).status_code == 303
        return client


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    running = Site(database_url)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def clinic(connection: Connection, site: Site) -> Site:
    """The site with the seed's patients, users and episodes."""
    seed.clinic(connection, now=CLOCK.now(), days=40)
    connection.commit()
    return site


@pytest.fixture
def people(connection: Connection, site: Site) -> Site:
    """The site with two users, and one patient with one open episode."""
    seed.users(connection)
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(1, now=now)], now=now)
    seed.open_episode(connection, "p-0001", "decompensation", severity="alert", at=now)
    connection.commit()
    return site


class Screen:
    """A page that notes where it wanted to go, and what its console complained of."""

    def __init__(self, browser: Browser, site: Site, *, width: int = 1280, locale: str = "fr-FR") -> None:
        self.site = site
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        self.context = browser.new_context(
            base_url=site.url, viewport={"width": width, "height": 800}, locale=locale, reduced_motion="reduce"
        )
        self.context.set_default_timeout(10_000)
        self.context.route("**/*", self._note)
        self.page: Page = self.context.new_page()
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, route: Route) -> None:
        self.hosts.add(re.sub(r"^\w+://([^/]*).*", r"\1", route.request.url))
        route.continue_()

    def sign_in(self, email: str = seed.NURSE, password: str = seed.PASSWORD) -> Page:
        self.page.goto("/sign-in")
        self.page.fill("#email", email)
        self.page.fill("#password", password)
        self.page.click("form.panel button")
        return self.page

    def listening(self) -> Page:
        self.page.wait_for_selector("body[data-listening=yes]")
        return self.page


def dots(number: int) -> re.Pattern[str]:
    """The path of a chart's dots, if it has so many."""
    return re.compile(rf"(M[^M]+){{{number}}}")


@pytest.fixture
def screen(browser: Browser, site: Site) -> Iterator[Screen]:
    shown = Screen(browser, site)
    yield shown
    shown.context.close()
    assert shown.hosts <= {f"127.0.0.1:{site.port}"}, "a request left the machine"
