"""A nurse pauses a patient's watch: with a reason and an end, once, and sees all pauses in one list."""

import re
from datetime import date, timedelta
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import expect

from clinician_api.patient import pauses
from schemas.database import Connection
from tests.clinician_api.conftest import Screen, Site, today

DAY = timedelta(days=1)


def form(client: httpx2.Client, **fields: str) -> dict[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/patients/p-0001/pauses").text)
    assert found
    return {
        "csrf": found[1], "request_id": str(uuid4()), "kind": "hospital", "first_day": today().isoformat(),
        "last_day": (today() + 9 * DAY).isoformat(), "note": "",
    } | fields  # fmt: skip


def standing(conn: Connection) -> list[tuple[str, date, date]]:
    conn.commit()
    return [(one.kind, one.first_day, one.last_day) for one in pauses.of_patient(conn, "p-0001", since=date.min)]


def test_a_nurse_pauses_a_watch_sees_it_and_ends_it_on_the_day_the_patient_is_back(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    page.get_by_role("link", name="Mettre en pause").click()
    page.get_by_label("Hospitalisation").check()
    page.get_by_label("Premier jour").fill((today() - 3 * DAY).isoformat())
    page.get_by_label("Dernier jour", exact=True).fill((today() + 9 * DAY).isoformat())
    page.get_by_label("En quelques mots").fill("CHU, cardiologie")
    page.get_by_role("button", name="Mettre en pause, signé").click()
    expect(page.get_by_role("heading", level=2, name="Hospitalisation")).to_be_visible()
    assert standing(connection) == [("hospital", today() - 3 * DAY, today() + 9 * DAY)]
    page.goto("/patients/p-0001")
    expect(page.locator("#pause")).to_contain_text("CHU, cardiologie")
    page.goto("/pauses")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody a").click()
    page.get_by_role("button", name="De retour").click()
    expect(page.get_by_role("button", name="De retour")).to_have_count(0)
    assert standing(connection) == [("hospital", today() - 3 * DAY, today() - DAY)]
    page.goto("/pauses")
    expect(page.locator(".calm")).to_be_visible()
    assert screen.complaints == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"kind": ""}, "Choisissez pourquoi"),
        ({"kind": "retirement"}, "Choisissez pourquoi"),
        ({"kind": "other", "note": " "}, "doit être écrite"),
        ({"note": "x" * 1001}, "1 000 caractères"),
        ({"last_day": ""}, "a toujours une fin"),
        ({"last_day": "2999-01-01"}, "six mois plus tard"),
        ({"last_day": "2020-01-01"}, "six mois plus tard"),
        ({"first_day": "1999-01-01"}, "six mois plus tard"),
        ({"first_day": "demain"}, "Choisissez un premier jour"),
    ],
    ids=str,
)
def test_a_pause_without_a_reason_or_an_end_is_refused_and_what_was_typed_stays(
    connection: Connection, people: Site, typed: dict[str, str], said: str
) -> None:
    client = people.signed_in()
    filled = form(client, **({"note": "chez sa fille"} | typed))
    answer = client.post("/patients/p-0001/pauses", data=filled)
    assert answer.status_code == 422
    assert said in answer.text
    assert filled["note"].strip() in answer.text
    assert standing(connection) == []
    assert client.post("/patients/p-0001/pauses", data=form(client)).status_code == 303


def test_a_double_click_is_one_pause_and_two_cannot_overlap(connection: Connection, people: Site) -> None:
    client = people.signed_in()
    twice = form(client)
    assert [client.post("/patients/p-0001/pauses", data=twice).status_code for _ in range(2)] == [303, 303]
    assert len(standing(connection)) == 1
    answer = client.post(
        "/patients/p-0001/pauses",
        data=form(client, first_day=(today() + 9 * DAY).isoformat(), last_day=(today() + 20 * DAY).isoformat()),
    )
    assert answer.status_code == 422
    assert "déjà en pause" in answer.text


def test_the_end_can_be_moved_within_half_a_year_and_a_pause_to_come_called_off(
    connection: Connection, people: Site
) -> None:
    client = people.signed_in()
    first = today() + 5 * DAY
    client.post("/patients/p-0001/pauses", data=form(client, first_day=first.isoformat()))
    row = connection.execute("SELECT pause_id FROM pause").fetchone()
    assert row
    address = f"/pauses/{row[0]}/end"
    assert client.get(f"/pauses/{row[0]}").headers["location"] == "/patients/p-0001/pauses"
    for days, status in ((40, 303), (183, 303), (184, 422), (-2, 422)):
        moved = form(client, last_day=(first + days * DAY).isoformat())
        assert client.post(address, data=moved).status_code == status
    assert standing(connection) == [("hospital", first, first + 183 * DAY)]
    assert client.post(address, data=form(client, back="yes")).status_code == 303
    assert standing(connection) == []
    assert client.post("/pauses/99999999999999999999/end", data=form(client)).status_code == 404
    assert client.get("/patients/nobody/pauses").status_code == 404
