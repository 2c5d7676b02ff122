"""Try before you change: asked in a form, answered by alerts, signed by one or by two, and refused in a sentence."""

import csv
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from psycopg.types.json import Jsonb

from alerts.judgement.choice import DEFAULT
from alerts.judgement.registry import DETECTORS
from clinician_api import vocabulary
from clinician_api.detection import in_force
from schemas.database import Connection
from tests.alerts import program
from tests.clinician_api import seed, trying
from tests.clinician_api.conftest import Screen, Site
from tests.clinician_api.trying import NOW

CASE = f"p-0001 {(NOW - 0.5 * trying.DAY / 24).date().isoformat()}"
CHOSEN = """
SELECT detector, threshold, first.display_name, second.display_name, choice.reason FROM detector_choice AS choice
LEFT JOIN app_user AS first ON first.user_id = author LEFT JOIN app_user AS second ON second.user_id = second
ORDER BY choice_id DESC LIMIT 1
"""


SET_PLAN = "INSERT INTO plan (patient_id, settings, recorded_at) VALUES (%(patient_id)s, %(settings)s, now())"


@pytest.fixture
def tried(connection: Connection, site: Site) -> Site:
    trying.clinic(connection)
    return site


def csrf(client: httpx2.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/detection").text)
    assert found
    return found[1]


def form(client: httpx2.Client, **fields: Any) -> dict[str, Any]:
    return {"csrf": csrf(client), "request_id": str(uuid.uuid4())} | fields


def ask(client: httpx2.Client, url: str, **fields: str) -> str:
    """The address of an answered trial."""
    answer = client.post("/detection/trials", data=form(client, **{"detector": "guideline"} | fields))
    assert answer.status_code == 303
    trying.answer(url)
    return answer.headers["location"]


def sign(client: httpx2.Client, trial: str, **fields: Any) -> httpx2.Response:
    given = {"reason": "Trop d'appels", "password": seed.PASSWORD} | fields
    return client.post(f"{trial}/sign", data=form(client, **given))


def chosen(connection: Connection) -> tuple[object, ...]:
    connection.commit()
    row = connection.execute(CHOSEN).fetchone()
    assert row
    return row


def settings(connection: Connection, patient_id: str = "p-0001") -> object:
    connection.commit()
    asked = "SELECT settings FROM plan WHERE patient_id = %s ORDER BY plan_id DESC LIMIT 1"
    row = connection.execute(asked, (patient_id,)).fetchone()
    return row[0] if row else {}


def test_the_screens_know_the_detectors_that_alerts_knows() -> None:
    assert set(vocabulary.DETECTORS) == set(DETECTORS)
    assert {name: in_force.field(name) for name in DETECTORS} == {
        name: one.THRESHOLD for name, one in DETECTORS.items()
    }
    assert DEFAULT.alerting.detector == in_force.detector(None)


def test_a_change_that_misses_a_known_decompensation_takes_a_second_clinician_who_names_it(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse, doctor = tried.signed_in(), tried.signed_in(seed.CARDIOLOGIST)
    trial = ask(nurse, database_url, threshold="3,0")
    page = nurse.get(trial).text
    assert "1 d’entre elles aurait été manquée" in page
    assert "1,0 jours avant" in page
    assert sign(nurse, trial).status_code == 303
    assert chosen(connection)[:2] == ("guideline", None), "one signature is not enough"
    assert sign(nurse, trial).status_code == 409
    unnamed = sign(doctor, trial)
    assert unnamed.status_code == 422
    assert "Cochez chaque décompensation" in unnamed.text
    assert sign(doctor, trial, case=[CASE], reason="Vu le dossier").status_code == 303
    assert chosen(connection) == ("guideline", 3.0, "Anne Roux", "Dr Paul Mercier", "Trop d'appels")
    cases = connection.execute("SELECT author, cases FROM trial_signature ORDER BY signature_id").fetchall()
    assert cases == [(1, []), (2, [CASE])]
    assert "En vigueur" in nurse.get("/detection").text
    assert "Anne Roux + Dr Paul Mercier" in nurse.get("/detection").text
    assert sign(doctor, trial).status_code == 409, "it is in force already"


def test_a_trial_leaves_as_a_table(tried: Site, database_url: str) -> None:
    nurse = tried.signed_in()
    table = list(csv.DictReader(nurse.get(f"{ask(nurse, database_url, threshold='3')}/table.csv").text.splitlines()))
    [case] = [row for row in table if row["what"] == "decompensation_lead_days"]
    assert (case["patient_id"], case["in_force"][:3], case["tried"]) == ("p-0001", "1.0", "")
    assert {row["what"]: (row["in_force"], row["tried"]) for row in table if row["on"] == "own"}["found"] == ("1", "0")
    assert [row["patient_id"] for row in table if row["what"] == "alert"] == ["p-0001"]
    assert nurse.get("/detection/trials/99/table.csv").status_code == 404


def test_a_change_that_misses_nothing_takes_one_signature_and_keeps_its_price(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse = tried.signed_in()
    trial = ask(nurse, database_url, threshold="1.8")
    assert "Votre propre historique est trop court" in nurse.get(trial).text
    assert sign(nurse, trial).status_code == 303
    assert chosen(connection)[:4] == ("guideline", 1.8, "Anne Roux", None)
    row = connection.execute("SELECT price FROM detector_choice ORDER BY choice_id DESC LIMIT 1").fetchone()
    assert row
    price: Any = row[0]
    assert price["sensitivity_on"] == "simulated patients"
    assert price["false_alerts_per_patient_year"] > 1
    assert 0 < price["sensitivity"] < 1


def test_a_budget_is_solved_and_its_threshold_is_put_in_force(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse, doctor = tried.signed_in(), tried.signed_in(seed.CARDIOLOGIST)
    trial = ask(nurse, database_url, detector="vigie", budget="1")
    assert "Le seuil a lui aussi été calculé sur eux." in nurse.get(trial).text
    sign(nurse, trial)
    sign(doctor, trial, case=[CASE])
    detector, threshold, *_ = chosen(connection)
    assert detector == "vigie"
    assert isinstance(threshold, float)
    assert 5 < threshold < 50


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"budget": "0"}, "Le budget doit être"), ({"budget": "-1"}, "Le budget doit être"),
        ({"budget": "51"}, "Le budget doit être"), ({"budget": "nan"}, "Le budget doit être"),
        ({"budget": "inf"}, "Le budget doit être"), ({"budget": "une"}, "Le budget doit être"),
        ({"threshold": "0"}, "Le seuil doit être"), ({"threshold": "1e9"}, "Le seuil doit être"),
        ({"threshold": "2", "budget": "1"}, "pas les deux"), ({"detector": "horoscope"}, "Choisissez un détecteur"),
        ({"detector": "<script>"}, "Choisissez un détecteur"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_said(connection: Connection, people: Site, fields: dict[str, str], said: str) -> None:
    client = people.signed_in()
    answer = client.post("/detection/trials", data=form(client, **{"detector": "vigie"} | fields))
    assert answer.status_code == 422
    assert said in answer.text
    assert connection.execute("SELECT count(*) FROM trial_request").fetchone() == (0,)


def test_a_budget_that_only_silence_keeps_is_said_on_the_trials_page(people: Site, database_url: str) -> None:
    client = people.signed_in()
    trial = ask(client, database_url, detector="cusum", budget="0,0001")
    assert "en n’alertant jamais" in client.get(trial).text
    assert sign(client, trial).status_code == 409, "there is nothing to sign"


def test_a_form_sent_twice_is_one_trial_and_one_signature(
    connection: Connection, tried: Site, database_url: str
) -> None:
    client = tried.signed_in()
    data = form(client, detector="guideline", threshold="1.8")
    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(lambda _: client.post("/detection/trials", data=data).headers["location"], range(4)))
    assert len(places) == 1
    trying.answer(database_url)
    data = form(client, reason="Trop tard sinon", password=seed.PASSWORD)
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: client.post(f"{places.copy().pop()}/sign", data=data).status_code, range(4)))
    assert codes == [303] * 4
    assert connection.execute("SELECT count(*) FROM detector_choice").fetchone() == (2,)


def test_a_choice_made_meanwhile_is_said_and_the_reason_is_kept(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse, doctor = tried.signed_in(), tried.signed_in(seed.CARDIOLOGIST)
    late, first = (ask(nurse, database_url, threshold=typed) for typed in ("1.8", "1.9"))
    assert sign(doctor, first).status_code == 303
    answer = sign(nurse, late, reason="Ma raison")
    assert answer.status_code == 409
    assert "Quelqu’un a changé le réglage entre-temps" in answer.text
    assert "Ma raison</textarea>" in answer.text
    assert chosen(connection)[1] == 1.9
    again = nurse.post(f"{late}/again", data=form(nurse))
    trying.answer(database_url)
    assert sign(nurse, again.headers["location"]).status_code == 303
    assert chosen(connection)[1] == 1.8


def test_two_who_sign_different_changes_at_once_put_one_in_force(
    connection: Connection, tried: Site, database_url: str
) -> None:
    clients = [tried.signed_in(), tried.signed_in(seed.CARDIOLOGIST)]
    asked = [ask(client, database_url, threshold=typed) for client, typed in zip(clients, ("1.8", "1.9"), strict=True)]
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(lambda pair: sign(*pair).status_code, zip(clients, asked, strict=True)))
    assert codes == [303, 409]
    assert connection.execute("SELECT count(*) FROM detector_choice").fetchone() == (2,)


@pytest.mark.parametrize("typed", [{"password": "faux"}, {"password": ""}, {"reason": " "}, {"reason": "x" * 1001}])
def test_no_signature_without_password_and_reason(
    connection: Connection, tried: Site, database_url: str, typed: dict[str, str]
) -> None:
    client = tried.signed_in()
    trial = ask(client, database_url, threshold="1.8")
    answer = sign(client, trial, **typed)
    assert answer.status_code == 422
    assert 'class="problem" role="alert"' in answer.text
    assert chosen(connection)[1] is None
    assert connection.execute("SELECT count(*) FROM trial_signature").fetchone() == (0,)


def test_guessing_a_password_at_a_screen_left_open_is_throttled(tried: Site, database_url: str) -> None:
    client = tried.signed_in()
    trial = ask(client, database_url, threshold="1.8")
    codes = [sign(client, trial, password=f"essai {n}").status_code for n in range(6)]
    assert codes == [422] * 5 + [429]
    assert sign(client, trial).status_code == 429, "even the right one, for a quarter of an hour"


def test_an_expired_sign_in_leads_through_the_sign_in_page_and_back(
    connection: Connection, tried: Site, database_url: str
) -> None:
    client = tried.signed_in()
    trial = ask(client, database_url, threshold="1.8")
    data = form(client, reason="Trop d'appels", password=seed.PASSWORD)
    connection.execute("UPDATE web_session SET last_seen_at = now() - interval '2 hours'")
    connection.commit()
    answer = client.post(f"{trial}/sign", data=data, headers={"Referer": tried.url + trial})
    assert answer.headers["location"] == f"/sign-in?next={trial.replace('/', '%2F')}"
    assert client.get(trial, headers={"X-Vigie-Live": "1"}).status_code == 401
    assert chosen(connection)[1] is None


def ask_plan(client: httpx2.Client, path: str, **fields: str) -> str:
    """The address of the trial that a changed plan leads to."""
    after = re.search(r'name="after" value="(\d+)"', client.get(path).text)
    assert after
    answer = client.post(path, data=form(client, after=after[1], reason="trop d'appels") | fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_a_patients_plan_is_tried_signed_by_two_and_only_then_in_force(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse, doctor = tried.signed_in(), tried.signed_in(seed.CARDIOLOGIST)
    connection.execute(SET_PLAN, {"patient_id": "p-0001", "settings": Jsonb({"loss_kg": 3})})
    connection.commit()
    trial = ask_plan(nurse, "/patients/p-0001/plan", gain_kg="3", loss_kg="3")
    trying.answer(database_url)
    page = nurse.get(trial).text
    assert "Le passé d’un seul patient ou d’une seule équipe" in page
    assert "Prise de poids (kg)" in page, "what would change is named"
    sign(nurse, trial)
    assert settings(connection) == {"loss_kg": 3}, "one signature is not enough"
    assert sign(doctor, trial, case=[CASE]).status_code == 303
    row = connection.execute("SELECT settings, author FROM plan ORDER BY plan_id DESC LIMIT 1").fetchone()
    assert row == ({"loss_kg": 3, "gain_kg": 3.0}, 2)
    assert chosen(connection)[1] is None, "the clinic's setting is as it was"


def test_a_teams_plan_is_tried_and_signed_before_its_patients_follow(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse, doctor = tried.signed_in(), tried.signed_in(seed.CARDIOLOGIST)
    seed.team_on_duty(connection, now=NOW)
    connection.execute(
        "INSERT INTO patient_team (patient_id, team_id, recorded_at) SELECT patient_id, 1, now() FROM patient"
    )
    connection.execute(SET_PLAN, {"patient_id": "p-0002", "settings": Jsonb({"silence_days": 2})})
    connection.commit()
    trial = ask_plan(nurse, "/teams/1/plan", gain_kg="3", silence_days="4")
    trying.answer(database_url)
    assert "manquée" in nurse.get(trial).text
    sign(nurse, trial)
    assert settings(connection) == {}
    assert sign(doctor, trial).status_code == 422, "the second names the case"
    assert sign(doctor, trial, case=[CASE]).status_code == 303
    assert settings(connection) == {"gain_kg": 3.0, "silence_days": 4}
    assert settings(connection, "p-0002") == {"gain_kg": 3.0, "silence_days": 2}
    assert "trop d&#39;appels" in nurse.get("/teams/1/plan").text


def test_trying_again_after_another_change_of_the_plan_keeps_that_change(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse = tried.signed_in()
    trial = ask_plan(nurse, "/patients/p-0002/plan", gain_kg="1,8")
    trying.answer(database_url)
    connection.execute(SET_PLAN, {"patient_id": "p-0002", "settings": Jsonb({"loss_kg": 3})})
    connection.commit()
    assert sign(nurse, trial).status_code == 409
    again = nurse.post(f"{trial}/again", data=form(nurse)).headers["location"]
    trying.answer(database_url)
    assert sign(nurse, again).status_code == 303
    assert settings(connection, "p-0002") == {"loss_kg": 3, "gain_kg": 1.8}


def test_a_plan_tried_beside_a_detector_that_alerts_no_more_is_tried_again(
    connection: Connection, tried: Site, database_url: str
) -> None:
    nurse = tried.signed_in()
    trial = ask_plan(nurse, "/patients/p-0002/plan", gain_kg="1,8")
    trying.answer(database_url)
    connection.execute(
        "INSERT INTO detector_choice (duty, detector, recorded_at) VALUES ('alerting', 'macd', %s)", (NOW,)
    )
    connection.commit()
    assert sign(nurse, trial).status_code == 409
    assert settings(connection, "p-0002") == {}


def test_no_program_but_a_signed_decision_chooses_a_detector(connection: Connection, tried: Site) -> None:
    for role in ("vigie_alerts", "vigie_api", "vigie_ingest"):
        for right in ("INSERT", "UPDATE", "DELETE"):
            asked = "SELECT has_table_privilege(%s, 'detector_choice', %s)"
            assert connection.execute(asked, (role, right)).fetchone() == (False,)


@pytest.mark.parametrize("path", ["/detection/trials/99", f"/detection/trials/{2**70}", "/patients/nobody/plan"])
def test_what_is_not_there_is_a_page_that_says_so(people: Site, path: str) -> None:
    assert people.signed_in().get(path).status_code == 404


def test_from_the_form_to_the_second_signature_in_a_browser(
    connection: Connection, tried: Site, database_url: str, screen: Screen, browser: Browser
) -> None:
    page = screen.sign_in()
    page.get_by_role("link", name="Détection").click()
    page.get_by_label("Ou le seuil lui-même").fill("3,0")
    page.get_by_role("button", name="Essayer sur notre historique").click()
    expect(page.locator("progress")).to_be_visible()
    with program.running(database_url, start=NOW):
        expect(page.locator("#sign-title")).to_be_visible(timeout=60_000)  # by itself, no reload
    page.get_by_label("Pourquoi ?").fill("Trop d'appels")
    page.get_by_label("Votre mot de passe").fill(seed.PASSWORD)
    page.get_by_role("button", name="Signer en premier").click()
    expect(page.get_by_text("Un deuxième clinicien doit signer")).to_be_visible()
    other = Screen(browser, tried)
    colleague = other.sign_in(seed.CARDIOLOGIST)
    colleague.wait_for_selector("#worklist")
    colleague.goto(page.url)
    colleague.get_by_role("checkbox").check()
    colleague.get_by_label("Pourquoi ?").fill("Vu le dossier")
    colleague.get_by_label("Votre mot de passe").fill(seed.PASSWORD)
    colleague.get_by_role("button", name="Signer et mettre en vigueur").click()
    expect(colleague.locator(".calm").filter(has_text="en vigueur depuis")).to_be_visible()
    assert chosen(connection)[1] == 3.0
    assert screen.complaints + other.complaints == []
    other.context.close()


def test_without_scripts_a_reload_shows_how_far_it_is(
    connection: Connection, tried: Site, database_url: str, browser: Browser
) -> None:
    context = browser.new_context(base_url=tried.url, java_script_enabled=False, locale="fr-FR")
    page = context.new_page()
    page.goto("/sign-in")
    page.fill("#email", seed.NURSE)
    page.fill("#password", seed.PASSWORD)
    page.click("form.panel button")
    page.goto("/detection")
    page.fill("#threshold", "1,8")
    page.click("text=Essayer sur notre historique")
    assert page.locator("progress").count() == 1
    trying.answer(database_url)
    page.click("text=Actualiser")
    assert page.locator("#own-title").is_visible()
    context.close()
