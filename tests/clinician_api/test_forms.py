"""Every form of every page: sent twice it acts once, and nothing typed is lost. A new form is found by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest

from clinician_api.app import create_app
from schemas.database import Connection
from schemas.settings import Settings
from tests.clinician_api import seed, trying
from tests.clinician_api.conftest import CLOCK, Site

PAGES = (
    "/", "/?open=p-0007", "/monday", "/patients", "/patients/p-0003", "/patients/p-0007", "/patients/p-0003/plan",
    "/patients/p-0003/pauses", "/teams/1/plan", "/unknown-scales/claim?site=home&device_id=stranger-0", "/enrol",
    "/enrol/import", "/scales", "/detection", "/detection/trials/1", "/detection/shadow", "/account", "/duty",
    "/duty/1", "/patients/p-0004", "/patients/p-0004/pauses", "/patients/p-0003/weighing-reminder",
)  # fmt: skip
NO_FORM = {"/receipts", "/receipts/{provider}/{secret}", "/sign-in", "/sign-out", "/t/{token}", "/b/{token}"}
"""For machines, without a session, or what would end ours."""
ELSEWHERE = {
    "/account/channels/{channel_id}/ask": "test_account", "/account/channels/{channel_id}/change": "test_account",
    "/account/channels/{channel_id}/verify": "test_account", "/search": "test_worklist",
    "/duty/upkeep/{number}/end": "test_duty",
    "/patients/{patient_id}/weighing-reminder/stop": "test_weighing_reminder",
    "/enrol/import": "test_enrolling", "/enrol/import/check": "test_enrolling",
    "/detection/trials/{trial_id}/again": "test_trials", "/detection/shadow/compare": "test_shadow",
    "/patients/{patient_id}/readings/{reading_id}/reassign": "test_journal",
    "/patients/{patient_id}/others-weights": "test_household",
}  # fmt: skip
"""Addresses whose forms stand on no page of this clinic, and which file sends them."""
UNCOUNTED = {"audit", "sign_in_attempt", "web_session", "heartbeat", "recent_weights", "worklist_filter"}
LONG = "é" * 10_001


@dataclass
class Form:
    """A form as a browser sees it; `page` is where it stands."""

    page: str
    action: str
    data: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    """Its text areas."""
    dates: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        said = [
            self.data[name] for name in ("kind", "action", "act", "status", "decision", "then") if name in self.data
        ]
        return " ".join([re.sub(r"\d+", "N", self.action.partition("?")[0]), *said, *sorted(self.texts)])


class Reader(HTMLParser):
    """The forms of a page that are sent by POST, filled in as a nurse would."""

    def __init__(self, page: str, *, today: Any) -> None:
        super().__init__()
        self.page, self.forms, self._select = page, list[Form](), ""
        self._form: Form | None = None
        self._typed = {
            "note": "essai", "reason": "essai", "number": "0612345678", "whose": "sa fille", "weight": "80,0",
            "password": seed.PASSWORD, "tag": "étude", "q": "petit", "name": "Aurillac", "into": "",
            "day": str(today + timedelta(days=1)), "first_day": str(today), "last_day": str(today + timedelta(days=2)),
        }  # fmt: skip

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(self.page, given["action"]) if given.get("method") == "post" else None
        if self._form is None or ("name" not in given and tag != "option"):
            return
        data, name, kind = self._form.data, given.get("name", ""), given.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and given.get("value"):
            data.setdefault(self._select, given["value"])
        elif tag == "textarea":
            data[name] = self._typed.get(name, "essai")
            self._form.texts.append(name)
        elif tag == "button":
            data.setdefault(name, given.get("value", ""))
        elif tag == "input" and kind == "radio":
            data.setdefault(name, given["value"])
        elif tag == "input" and kind not in {"checkbox", "file"}:
            data[name] = given["value"] if kind == "hidden" else given.get("value") or self._typed.get(name, "")
            if kind in {"date", "datetime-local"}:
                self._form.dates.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form is not None:
            self.forms.append(self._form)
            self._form = None
        if tag == "select":
            self._select = ""


@pytest.fixture
def everything(connection: Connection, clinic: Site, database_url: str) -> Site:
    """A clinic with a weight to check, a pause, tags, a note, a trial to sign and a plan of a team."""
    client = clinic.signed_in(seed.CARDIOLOGIST)  # a colleague's: a nurse has to say that she has seen it
    now, today = CLOCK.now(), CLOCK.now().date()
    seed.weigh(connection, "p-0003", at=now - timedelta(hours=3), kg=28.0, reason="implausible_jump", seq=9000)
    connection.commit()
    forms = {form.name: form for form in offered(client, "/patients/p-0003")} | {
        form.name: form for page in ("/patients/p-0004/pauses", "/detection") for form in offered(client, page)
    }
    wanted = [form for name, form in forms.items() if re.search(r"journal note|/pauses|/tags|detection/trials", name)]
    for form in wanted:
        sent = form.data | ({"remind_on": str(today + timedelta(days=3))} if "remind_on" in form.data else {})
        assert client.post(form.action, data=sent | {"threshold": "1.8"}).status_code == 303, form.name
    trying.answer(database_url, now=now)
    return clinic


def offered(client: httpx2.Client, page: str) -> Iterator[Form]:
    reader = Reader(page, today=CLOCK.now().date())
    answer = client.get(page)
    assert answer.status_code == 200, page
    reader.feed(answer.text)
    return iter(reader.forms)


def all_forms(client: httpx2.Client) -> list[Form]:
    found = {form.name: form for page in PAGES for form in offered(client, page)}
    last = ("/close", "/status", "close", "/language")  # they end what others need
    kept = [form for form in found.values() if form.action not in NO_FORM]
    return sorted(kept, key=lambda form: any(word in form.name for word in last))


def rows(connection: Connection) -> dict[str, int]:
    connection.commit()
    tables = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    names = sorted({str(name) for (name,) in tables} - UNCOUNTED)
    query = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names)
    return {str(name): int(str(count)) for name, count in connection.execute(query.encode())}


def test_every_address_that_takes_a_form_has_one_on_a_page_here_or_a_test_of_its_own(everything: Site) -> None:
    app = create_app(Settings.model_validate({"database_url": "postgresql://127.0.0.1/x"}), clock=CLOCK)
    takes = {path for path, item in app.openapi()["paths"].items() if "post" in item} - NO_FORM
    actions = {form.action.partition("?")[0] for form in all_forms(everything.signed_in())}
    patterns = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in takes}
    unseen = {path for path, pattern in patterns.items() if not any(map(pattern.fullmatch, actions))}
    assert unseen - ELSEWHERE.keys() == set()
    assert ELSEWHERE.keys() - takes == set(), "addresses that are no more"


def test_every_form_sent_twice_acts_once(connection: Connection, everything: Site) -> None:
    client = everything.signed_in()
    accepted, twice = 0, {}
    for form in all_forms(client):
        first = client.post(form.action, data=form.data)
        once = rows(connection)
        again = client.post(form.action, data=form.data)
        added = {name: count - once[name] for name, count in rows(connection).items() if count != once[name]}
        accepted += first.status_code in {200, 303}
        if added or again.status_code >= 500 or (first.status_code == 303 and again.status_code >= 400):
            twice[form.name] = (first.status_code, again.status_code, added)
    assert twice == {}
    assert accepted > 30


def test_every_form_of_an_expired_session_leads_through_the_sign_in_and_acts_not(
    connection: Connection, everything: Site
) -> None:
    client = everything.signed_in()
    forms, before = all_forms(client), rows(connection)
    connection.execute("UPDATE web_session SET last_seen_at = now() - interval '2 hours'")
    connection.commit()
    wrong = {}
    for form in forms:
        answer = client.post(form.action, data=form.data, headers={"Referer": everything.url + form.page})
        if answer.status_code != 303 or not answer.headers["location"].startswith("/sign-in"):
            wrong[form.name] = (answer.status_code, answer.headers.get("location"))
    assert wrong == {}
    assert rows(connection) == before


def test_every_form_refuses_a_note_too_long_and_a_date_too_far_and_gives_back_what_was_typed(
    connection: Connection, everything: Site
) -> None:
    client = everything.signed_in()
    wrong: dict[str, object] = {}
    before = rows(connection)
    for form in all_forms(client):
        for name in form.texts:
            answer = client.post(form.action, data=form.data | {name: LONG})
            if answer.status_code not in {409, 422} or LONG not in answer.text:
                wrong[f"{form.name}: {name}"] = answer.status_code
        for name in form.dates:
            far = "2999-01-01T09:00" if name == "at" or "T" in form.data[name] else "2999-01-01"
            answer = client.post(form.action, data=form.data | {name: far})
            if answer.status_code not in {409, 422} or not re.search(r'role="alert"|fault', answer.text):
                wrong[f"{form.name}: {name}"] = answer.status_code
    assert wrong == {}
    assert rows(connection) == before


def test_no_form_of_another_session_is_taken(connection: Connection, everything: Site) -> None:
    client = everything.signed_in()
    forms, before = all_forms(client), rows(connection)
    codes = {form.name: client.post(form.action, data=form.data | {"csrf": "x"}).status_code for form in forms}
    assert {name: code for name, code in codes.items() if code != 403} == {}
    assert rows(connection) == before


def test_no_page_has_a_name_in_its_title_or_an_address(everything: Site) -> None:
    client = everything.signed_in()
    names = {name.casefold() for name in (*seed.FAMILY, *seed.GIVEN)} - {"simon", "david", "andré"}
    found = []
    for page in PAGES:
        text = client.get(page).text
        said = re.findall(r'<title>([^<]*)|(?:href|action|src)="([^"]*)"', text)
        found += [(page, part) for pair in said for part in pair if any(name in part.casefold() for name in names)]
    assert found == []
