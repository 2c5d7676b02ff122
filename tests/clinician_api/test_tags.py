"""Tags: given and taken away on the patient's page, signed, and the worklist filters by one."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from schemas.database import Connection
from tests.clinician_api.conftest import Screen, Site
from tests.clinician_api.test_accessibility import violations

CHANGES = "SELECT tag, is_removal, author FROM tag_change ORDER BY recorded_at"


def test_a_tag_given_by_keyboard_filters_the_worklist_and_is_taken_away_again(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    page.get_by_text("Pas d’étiquette").press("Enter")
    page.get_by_label("Une autre étiquette").fill(" étude  A ")
    page.keyboard.press("Enter")
    page.locator(".tags summary").press("Enter")
    expect(page.locator(".tags li")).to_contain_text("Anne Roux")
    assert violations(screen) == []
    page.goto("/")
    page.get_by_text("Filtrer").first.click()
    page.get_by_label("Étiquette").select_option("étude A")
    page.locator(".filters button.act-main").click()
    expect(page.get_by_text("Filtré")).to_be_visible()
    expect(page.locator(".row-card")).to_have_count(1)
    page.goto("/patients/p-0001")
    page.locator(".tags summary").press("Enter")
    page.get_by_role("button", name="Retirer l’étiquette étude A").press("Enter")
    expect(page.get_by_text("Pas d’étiquette")).to_be_visible()
    connection.commit()
    assert connection.execute(CHANGES).fetchall() == [("étude A", False, 1), ("étude A", True, 1)]
    assert screen.complaints == []


@pytest.mark.parametrize("tag", ["", "  ", "x" * 41, "\0"])
def test_what_is_no_tag_is_said_and_nothing_is_kept(connection: Connection, people: Site, tag: str) -> None:
    client = people.signed_in()
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/patients/p-0001").text)
    assert found
    given = {"csrf": found[1], "request_id": str(uuid4()), "tag": tag}
    answer = client.post("/patients/p-0001/tags", data=given)
    assert (answer.status_code, "1 à 40 lettres" in answer.text) == (422, True)
    assert connection.execute(CHANGES).fetchall() == []
