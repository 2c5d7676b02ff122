"""Teams and their calendar on the screens: who is on duty, who would be told, where nobody will be."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx2
import pytest

from schemas import rosters
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site

PARIS = ZoneInfo("Europe/Paris")
WEEK = [str(day) for day in range(7)]


@pytest.fixture
def nurse(connection: Connection, people: Site) -> httpx2.Client:
    connection.execute("UPDATE app_user SET notify_url = 'json://127.0.0.1:9/' || user_id")
    connection.commit()
    return people.signed_in()


def send(client: httpx2.Client, path: str, **fields: object) -> httpx2.Response:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/duty").text)
    assert found
    return client.post(path, data={"csrf": found[1]} | fields)


def new_team(client: httpx2.Client, name: str = "Clermont") -> str:
    answer = send(client, "/duty", name=name)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def user_id(connection: Connection, email: str) -> int:
    row = connection.execute("SELECT user_id FROM app_user WHERE email = %s", (email,)).fetchone()
    connection.commit()
    assert row
    assert isinstance(row[0], int)
    return row[0]


def test_without_a_team_the_page_says_who_is_told(nurse: httpx2.Client) -> None:
    assert "chaque alerte est signalée aussitôt à chaque infirmier" in nurse.get("/duty").text


def test_a_team_gets_its_week_and_says_who_is_told_on_sunday_at_3_a_m(
    connection: Connection, nurse: httpx2.Client
) -> None:
    team = new_team(nurse)
    anne, paul = user_id(connection, seed.NURSE), user_id(connection, seed.CARDIOLOGIST)
    assert "personne de joignable n’est de service" in nurse.get(team).text
    days = {"starts": "08:00", "ends": "18:00"}
    assert send(nurse, f"{team}/shifts", person=anne, post="nurse", weekday=WEEK, **days).status_code == 303
    night = {"starts": "18:00", "ends": "08:00"}
    assert send(nurse, f"{team}/shifts", person=paul, post="cardiologist", weekday=WEEK, **night).status_code == 303
    assert "Quelqu’un de joignable est de service" in nurse.get(team).text
    sunday = {"at": "2026-11-29T03:00"}
    alarm = nurse.get(team, params=sunday | {"severity": "alarm"}).text
    assert re.search(r"dim\. 29 nov\. 2026, 03:00</strong> Dr Paul Mercier", alarm)
    alert = nurse.get(team, params=sunday | {"severity": "alert"}).text
    assert re.search(r"lun\. 30 nov\. 2026, 08:00</strong> Anne Roux", alert)


def test_who_looks_after_the_installation_is_said_and_set_on_the_page(
    connection: Connection, nurse: httpx2.Client
) -> None:
    anne, paul = (user_id(connection, email) for email in (seed.NURSE, seed.CARDIOLOGIST))
    assert nurse.get("/duty").text.count('class="nobody"') == 2
    for _ in range(2):
        assert send(nurse, "/duty/upkeep", duty="technical", person=anne).status_code == 303
    assert send(nurse, "/duty/upkeep", duty="surgeon", person=anne).status_code == 422
    told = connection.execute("SELECT told_of.of, user_id FROM told_of").fetchall()
    (number,) = connection.execute("SELECT user_duty_id FROM user_duty").fetchone() or (0,)
    connection.commit()
    assert told == [("technical", anne)]
    assert "Technicien" in nurse.get("/duty").text
    send(nurse, f"/duty/upkeep/{number}/end")
    assert "ajoutez d’abord quelqu’un" in nurse.get("/duty").text
    assert connection.execute("SELECT user_id FROM told_of").fetchall() == [(anne,)], "the last one does not leave"
    connection.commit()
    send(nurse, "/duty/upkeep", duty="technical", person=paul)
    send(nurse, f"/duty/upkeep/{number}/end")
    assert connection.execute("SELECT user_id FROM told_of").fetchall() == [(paul,)]
    assert connection.execute("SELECT ended_by FROM user_duty ORDER BY user_duty_id").fetchall() == [(anne,), (None,)]
    connection.commit()


def test_the_same_duty_twice_is_one_and_an_ended_one_is_kept(connection: Connection, nurse: httpx2.Client) -> None:
    team = new_team(nurse)
    anne = user_id(connection, seed.NURSE)
    for _ in range(2):
        send(nurse, f"{team}/shifts", person=anne, post="nurse", weekday=["0"], starts="08:00", ends="18:00")
    assert connection.execute("SELECT count(*) FROM duty_shift WHERE ended_at IS NULL").fetchone() == (1,)
    connection.commit()
    for _ in range(2):
        assert send(nurse, f"{team}/shifts/1/end").status_code == 303
    assert "Personne n’a encore de service" in nurse.get(team).text
    assert connection.execute("SELECT ended_by = %s FROM duty_shift", (anne,)).fetchone() == (True,)
    connection.commit()


def test_a_replacement_is_on_duty_instead(connection: Connection, nurse: httpx2.Client) -> None:
    team = new_team(nurse)
    anne, paul = user_id(connection, seed.NURSE), user_id(connection, seed.CARDIOLOGIST)
    send(nurse, f"{team}/shifts", person=anne, post="nurse", weekday=WEEK, starts="00:00", ends="00:00")
    now = CLOCK.now().astimezone(PARIS)
    since, until = ((now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M") for hours in (-1, 5))
    given = {"person": paul, "post": "nurse", "instead_of": anne}
    assert send(nurse, f"{team}/stand-ins", since=since, until=until, **given).status_code == 303
    page = nurse.get(team).text
    assert re.search(r"<dt>Infirmi[^<]*</dt><dd>Dr Paul Mercier</dd>", page)
    assert "à la place de Anne Roux" in page
    assert send(nurse, f"{team}/stand-ins/1/end").status_code == 303
    assert re.search(r"<dt>Infirmi[^<]*</dt><dd>Anne Roux</dd>", nurse.get(team).text)


def test_hours_and_chain_are_changed_and_what_held_before_is_kept(connection: Connection, nurse: httpx2.Client) -> None:
    team = new_team(nurse)
    given = {
        "name": "Aurillac", "opens": ["09:00", *[""] * 6], "closes": ["12:30", *[""] * 6], "minutes": ["30", "", "45"],
        "at_any_hour": "", "works_on_holidays": "true",
    }  # fmt: skip
    assert send(nurse, f"{team}/settings", **given).status_code == 303
    known = rosters.rosters(connection, [1], now=CLOCK.now())[1].team
    connection.commit()
    assert (known.name, known.at_any_hour, known.works_on_holidays) == ("Aurillac", None, True)
    assert [(one.weekday, str(one.starts), str(one.ends)) for one in known.hours] == [(0, "09:00:00", "12:30:00")]
    assert [(step.post, step.minutes) for step in known.steps] == [("nurse", 30), ("backup", 45)]
    assert connection.execute("SELECT count(*) FROM team_settings").fetchone() == (2,)
    connection.commit()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("", {"name": " "}),
        ("", {"name": "x" * 61}),
        ("/1/settings", {"name": "x", "minutes": ["", "", ""]}),
        ("/1/settings", {"name": "x", "minutes": ["3", "", ""]}),
        ("/1/settings", {"name": "x", "minutes": ["90", "", ""], "opens": ["25:00"], "closes": ["12:00"]}),
        ("/1/settings", {"name": "x", "minutes": ["90", "", ""], "at_any_hour": "catastrophe"}),
        ("/1/shifts", {"person": "1", "post": "nurse", "weekday": "7", "starts": "08:00", "ends": "09:00"}),
        ("/1/shifts", {"person": "1", "post": "nurse", "starts": "08:00", "ends": "09:00"}),
        ("/1/shifts", {"person": "1", "post": "director", "weekday": "1", "starts": "08:00", "ends": "09:00"}),
        ("/1/shifts", {"person": "1", "post": "nurse", "weekday": "1", "starts": "8", "ends": "09:00"}),
        ("/1/stand-ins", {"person": "1", "post": "nurse", "since": "2026-12-24T08:00", "until": "2026-12-24T08:00"}),
        ("/1/stand-ins", {"person": "1", "post": "nurse", "since": "tomorrow", "until": "2026-12-24T08:00"}),
        ("/1/stand-ins", {"person": "99", "post": "nurse", "since": "2026-12-23T08:00", "until": "2026-12-24T08:00"}),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    connection: Connection, nurse: httpx2.Client, path: str, fields: dict[str, object]
) -> None:
    new_team(nurse)
    answer = send(nurse, f"/duty{path}", **fields)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    for counted in ("team_settings", "duty_shift", "duty_stand_in"):
        row = connection.execute(f"SELECT count(*) FROM {counted}").fetchone()
        assert row == (1 if counted == "team_settings" else 0,)
    connection.commit()


@pytest.mark.parametrize("path", ["/duty/99", "/duty/x", f"/duty/{10**30}", "/duty/1?at=%00&severity=%00"])
def test_an_address_that_leads_nowhere_is_a_page_that_says_so(nurse: httpx2.Client, path: str) -> None:
    assert nurse.get(path).status_code in {404, 422}


def test_nothing_is_changed_by_a_form_from_elsewhere(people: Site) -> None:
    assert people.signed_in().post("/duty", data={"csrf": "x", "name": "Clermont"}).status_code == 403
    assert people.client().post("/duty", data={"name": "Clermont"}).status_code == 303, "to the sign-in page"


def test_a_nurse_makes_a_team_with_the_keyboard_alone(connection: Connection, people: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.goto("/duty")
    page.get_by_label("Nom de l’équipe").fill("Clermont – équipe « A » <b>")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Clermont – équipe « A » <b>").wait_for()
    page.get_by_text("Ajouter un service hebdomadaire…").press("Enter")
    page.get_by_label("Qui", exact=True).select_option(label="Anne Roux (sans adresse : injoignable)")
    page.get_by_label("lundi", exact=True).check()
    page.get_by_role("button", name="Ajouter", exact=True).first.press("Enter")
    page.get_by_role("button", name="Mettre fin : Anne Roux, lundi").wait_for()
    assert screen.complaints == []
    assert "Clermont" not in page.title()
