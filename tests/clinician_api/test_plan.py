"""The plan: beside the group's, each change tried, signed and kept."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx2
import pytest
from playwright.sync_api import expect
from psycopg.types.json import Jsonb

from clinician_api.enrol import enrolment
from clinician_api.patient import plan_form, plan_record
from schemas.database import Connection
from schemas.plan import Plan
from tests.clinician_api import seed, trying
from tests.clinician_api.conftest import CLOCK, Screen, Site
from tests.clinician_api.test_accessibility import violations

PAGE = "/patients/p-0001/plan"


@pytest.fixture
def teamed(connection: Connection, people: Site) -> Site:
    """Two patients of a team."""
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    connection.execute("INSERT INTO team DEFAULT VALUES")
    connection.execute(
        "INSERT INTO team_settings (team_id, settings, recorded_at) SELECT team_id, %s, %s FROM team",
        (Jsonb({"name": "Clermont"}), now),
    )
    connection.execute(
        "INSERT INTO patient_team (patient_id, team_id, recorded_at) SELECT patient_id, team_id, %s FROM patient, team",
        (now,),
    )
    connection.commit()
    return people


def form(client: httpx2.Client, path: str = PAGE, **fields: str) -> dict[str, str]:
    page = client.get(path).text
    csrf, after = re.search(r'name="csrf" value="([^"]+)"', page), re.search(r'name="after" value="(\d+)"', page)
    assert csrf
    assert after
    return {"csrf": csrf[1], "after": after[1], "request_id": str(uuid.uuid4()), "reason": "stable"} | fields


def plans(connection: Connection, patient_id: str = "p-0001") -> list[tuple[object, ...]]:
    connection.commit()
    asked = "SELECT settings, reason FROM plan WHERE patient_id = %s ORDER BY plan_id"
    return connection.execute(asked, (patient_id,)).fetchall()


def test_a_changed_plan_is_tried_and_everybody_sees_what_differs_once_it_is_signed(
    connection: Connection, teamed: Site, screen: Screen, database_url: str
) -> None:
    page = screen.sign_in(email=seed.CARDIOLOGIST)
    page.goto("/patients/p-0001")
    page.get_by_role("link", name="Plan de surveillance…").click()
    assert violations(screen) == []
    page.get_by_label("Jours sans pesée").fill("2")
    page.get_by_label("Pesée attendue avant").fill("11,5")
    page.get_by_label("Pourquoi ?").fill("vit seule")
    page.get_by_role("button", name="Essayer").press("Enter")
    expect(page.locator("#fields-title")).to_be_visible()
    assert plans(connection) == []
    trying.answer(database_url)
    expect(page.get_by_label("Pourquoi ?")).to_have_value("vit seule")
    assert violations(screen) == []
    page.get_by_label("Votre mot de passe").fill(seed.PASSWORD)
    page.get_by_role("button", name="Signer et mettre en vigueur").press("Enter")
    expect(page.locator(".calm").filter(has_text="en vigueur depuis")).to_be_visible()
    assert plans(connection) == [({"silence_days": 2, "weigh_by_hour": 11.5}, "vit seule")]
    page.get_by_role("link", name="Plan p-0001").click()
    expect(page.locator(".is-own")).to_have_count(2)
    expect(page.get_by_label("Pourquoi ?")).to_have_value("")  # the draft was sent
    expect(page.locator(".versions")).to_contain_text("Dr Paul Mercier")
    assert plan_record.versions(connection, "p-0001")[0].settings["silence_days"] == 2
    assert screen.complaints == []


def test_another_team_with_the_same_plan_needs_no_trial_and_one_with_another_does(
    connection: Connection, teamed: Site
) -> None:
    client = teamed.signed_in()
    assert client.post(PAGE, data=form(client, team="")).headers["location"] == PAGE
    assert plan_record.team_of(connection, "p-0001") is None
    connection.execute(
        "INSERT INTO team_plan (request_id, team_id, settings, reason, author, recorded_at)"
        " VALUES (gen_random_uuid(), 1, %s, 'x', 1, now())", (Jsonb({"loss_kg": 3}),),
    )  # fmt: skip
    connection.commit()
    assert "/detection/trials/" in client.post(PAGE, data=form(client, team="1")).headers["location"]
    assert plan_record.team_of(connection, "p-0001") is None, "until it is signed"


def test_patients_follow_their_team_except_where_their_plan_is_their_own(connection: Connection, teamed: Site) -> None:
    connection.execute("INSERT INTO plan (patient_id, settings, recorded_at) VALUES ('p-0001', %s, now())",
                       (Jsonb({"silence_days": 2}),))  # fmt: skip
    values: list[dict[str, object]] = [{}, {"silence_days": 4, "alarm_kg": 4.0}, {"silence_days": 5}]
    found = []
    for before, after in pairwise(values):
        given = {"request_id": uuid.uuid4(), "team_id": 1, "reason": "x", "author": 1, "now": CLOCK.now()}
        plan_record.set_team_plan(connection, given, before=before, after=after)
        found.append((plans(connection)[-1][0], plans(connection, "p-0002")[-1][0]))
    assert found == [
        ({"silence_days": 2, "alarm_kg": 4.0}, {"silence_days": 4, "alarm_kg": 4.0}),
        ({"silence_days": 2}, {"silence_days": 5}),
    ]
    assert teamed.signed_in().get("/teams/99/plan").status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"silence_days": "0"}, "un nombre de 1,0 à 7,0"),
        ({"silence_days": "2,5"}, "un nombre de 1,0 à 7,0"),
        ({"alarm_kg": "nan"}, "un nombre de 2,0 à 15,0"),
        ({"alarm_kg": "inf"}, "un nombre de 2,0 à 15,0"),
        ({"weigh_by_hour": "huit heures"}, "un nombre de 4,0 à 24,0"),
        ({"reason": " "}, "Dites pourquoi"),
        ({"reason": "x" * 1001}, "Dites pourquoi"),
    ],
)
def test_a_plan_out_of_bounds_is_said_and_kept_on_the_page(
    connection: Connection, people: Site, fields: dict[str, str], said: str
) -> None:
    answer = people.signed_in()
    page = answer.post(PAGE, data=form(answer, **fields))
    assert (page.status_code, said in page.text.replace("&#39;", "'")) == (422, True)
    assert all(value.strip() in page.text for value in fields.values())
    assert plans(connection) == []


def test_who_sends_an_old_page_is_told_who_was_first_and_a_double_click_is_one_trial(
    connection: Connection, people: Site
) -> None:
    nurse, doctor = people.signed_in(), people.signed_in(seed.CARDIOLOGIST)
    old, data = form(nurse, loss_kg="1", reason="à garder"), form(doctor, loss_kg="3")
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: doctor.post(PAGE, data=data).headers["location"], range(4)))) == 1
    connection.execute("INSERT INTO plan (patient_id, settings, author, recorded_at) VALUES ('p-0001', '{}', 2, now())")
    connection.commit()
    answer = nurse.post(PAGE, data=old)
    assert (answer.status_code, "Dr Paul Mercier a modifié ce plan" in answer.text) == (409, True)
    assert "à garder</textarea>" in answer.text


def test_the_form_has_every_field_of_the_plan_with_the_plans_own_bounds() -> None:
    assert set(plan_form.FIELDS) == set(Plan.model_fields) - {"peer_threshold"}
    for name in plan_form.FIELDS:
        low, high = plan_form.bounds(name)
        assert Plan.model_validate({name: low}) != Plan.model_validate({name: high})
