"""Screens that are only there once somebody has done something: made at the demonstration, pictured, and taken back.

What a journal keeps for ever (a note, a signature on a trial that is never put in force) stays in the demonstration.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import LiteralString

from playwright.sync_api import Page
from stdnum.fr import nir

from schemas import one_tap
from schemas.database import Connection

DOUBTED: LiteralString = """
SELECT patient_id FROM standing_reading
WHERE state = 'quarantined' AND patient_id <> 'VIGIE-CANARY'
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = standing_reading.patient_id)
GROUP BY patient_id ORDER BY count(*) DESC, max(measured_at) DESC LIMIT 1
"""
LAST_ARRIVAL: LiteralString = "SELECT max(recorded_at) FROM reading"
TOLD: LiteralString = "SELECT max(notification_id), (SELECT key FROM signing_key) FROM notification"
NEWCOMER = {
    "family_name": "وردة-Ӝӧӝыр de la Fontaine-Saint-Exupéry", "given_name": "שרה 花子", "birth_date": "1948-05-31",
    "ins": "2480563999001" + nir.calc_check_digits("2480563999001"), "consent_on": "2026-01-05", "prescriber": "Dr 李",
}  # fmt: skip
TABLE = """family_name,given_name,birth_date,sex,ins,consent_on,prescriber
Vacher,Odile,1948-05-31,F,{ins},2026-01-05,Dr Mercier
Vacher,Odile,1948-05-31,F,{ins},2026-01-05,Dr Mercier
Noël,Élise,31/05/1948,F,{ins},2026-01-05,Dr Mercier
"""


def take(page: Page, conn: Connection, keep: Callable[..., None]) -> None:
    """All of them, of a signed-in nurse."""
    _found_and_filtered(page, keep)
    _past(page, conn, keep)
    _household(page, conn, keep)
    _joining(page, keep)
    _twice(page, conn, keep)
    for name, start, link in (
        ("scale-label", "/scales", "td a.pseudonym"),
        ("duty-team", "/duty", "a[href^='/duty/']"),
    ):
        page.goto(start)
        if page.locator(link).count():
            page.goto(page.locator(link).first.get_attribute("href") or "")
            keep(name)
    last, key = conn.execute(TOLD).fetchone() or (None, b"")
    if isinstance(last, int) and isinstance(key, bytes):
        page.goto(f"/t/{one_tap.token(last, key=key)}")
        keep("one-tap", whole=False)


def _found_and_filtered(page: Page, keep: Callable[..., None]) -> None:
    page.goto("/")
    for name, typed in (("search-found", "ma"), ("search-nobody", "zzzz")):
        page.fill("#q", typed)
        page.wait_for_selector("#found li" if name == "search-found" else "#found .muted")
        keep(name, whole=False)
        page.fill("#q", "")
    for name, chosen in (
        ("worklist-filtered", {"severity": "alarm"}),
        ("worklist-empty", {"severity": "alarm", "owner": "me"}),
    ):
        page.goto("/")
        page.evaluate("document.querySelector('details.filters').open = true")
        for field, value in chosen.items():
            page.select_option(f"#f-{field}", value)
        page.locator(".filters .act-main").click()
        page.wait_for_selector(".filters[open]")
        keep(name, whole=False)
    page.locator(".filters form").last.locator("button").click()
    page.wait_for_selector(".filters:not([open])")


def _past(page: Page, conn: Connection, keep: Callable[..., None]) -> None:
    [now] = conn.execute(LAST_ARRIVAL).fetchone() or (None,)
    assert isinstance(now, datetime)
    page.goto(f"/then?at={(now - timedelta(days=1)):%Y-%m-%dT%H:%M}")
    keep("then-at", whole=False)


def _household(page: Page, conn: Connection, keep: Callable[..., None]) -> None:
    """A nurse asked about a doubted weight; it was somebody else."""
    [patient_id] = conn.execute(DOUBTED).fetchone() or ("",)
    if not patient_id:
        return
    page.goto(f"/patients/{patient_id}")
    page.locator("#checks a.act").first.click()
    keep("reading")
    address = page.url
    page.goto(address.replace("?", "/reassign?"))
    keep("reassign")
    page.goto(address)
    page.select_option("#reason", "other_person")
    page.locator("form:has(#reason) button").click()
    page.wait_for_selector("#household")
    page.locator("#household").scroll_into_view_if_needed()
    keep("patient-household", whole=False)
    page.goto(address)
    page.locator("form:has(input[value=undo]) button").click()
    page.wait_for_selector("#patient")


def _joining(page: Page, keep: Callable[..., None]) -> None:
    """A form with faults, one read back with a name in four scripts, a table judged row by row; nobody joins."""
    page.goto("/enrol")
    submit = page.locator("form[action='/enrol'] button.act-main")
    submit.click()
    keep("enrol-refused")
    for name, value in NEWCOMER.items():
        page.fill(f"#{name}", value)
    page.select_option("#sex", "F")
    submit.click()
    page.wait_for_selector("button[name=answer]")
    keep("enrol-check")
    page.goto("/enrol/import")
    table = TABLE.format(ins=NEWCOMER["ins"]).encode()
    page.set_input_files("#table", {"name": "t.csv", "mimeType": "text/csv", "buffer": table})
    page.locator("main form button").click()
    page.wait_for_selector("textarea[name=text]", state="attached")
    keep("enrol-import-check")


def _twice(page: Page, conn: Connection, keep: Callable[..., None]) -> None:
    """A note, and another one under the first one's number, as from a second tab."""
    [patient_id] = conn.execute(DOUBTED).fetchone() or ("",)
    number = ""
    for words in ("Appelée : va bien.", "Appelée : essoufflée depuis hier, dort assise."):
        page.goto(f"/patients/{patient_id}")
        page.locator("details:has(#note-note) > summary").click()
        page.fill("#note-note", words)
        field = page.locator("form:has(#note-note) input[name=request_id]")
        number = number or field.get_attribute("value") or ""
        field.evaluate("(field, number) => { field.value = number; }", number)
        page.locator("form:has(#note-note) button").click()
        page.wait_for_load_state()
    keep("recorded-before", whole=False)
