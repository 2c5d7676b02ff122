"""A detector in the shadow: started by a signature, set beside the one in force, and promoted through a trial."""

import uuid
from typing import Any, LiteralString

import httpx2
import pytest

from schemas.database import Connection
from tests.clinician_api import seed, trying
from tests.clinician_api.conftest import Site
from tests.clinician_api.test_trials import csrf, sign
from tests.clinician_api.trying import DAY, NOW

ASSESSED: LiteralString = """
INSERT INTO assessment (patient_id, at, assessed_at, detector, version, score, threshold, shadow)
VALUES (%(patient_id)s, %(at)s, %(at)s, 'guideline', '1', %(score)s, 2, false),
       (%(patient_id)s, %(at)s, %(at)s, 'vigie', '1', %(shadow)s, 15, true)
"""
CHOSEN: LiteralString = """
SELECT duty, detector, threshold, display_name, reason FROM detector_choice LEFT JOIN app_user ON user_id = author
WHERE duty = 'shadow' ORDER BY choice_id DESC LIMIT 1
"""


@pytest.fixture
def tried(connection: Connection, site: Site) -> Site:
    trying.clinic(connection)
    return site


def choose(client: httpx2.Client, **fields: Any) -> httpx2.Response:
    given = {"act": "start", "detector": "vigie", "based_on": 0, "reason": "Elle promet", "password": seed.PASSWORD}
    form = {"csrf": csrf(client), "request_id": str(uuid.uuid4())} | given | fields
    return client.post("/detection/shadow", data=form)


def chosen(connection: Connection) -> tuple[object, ...] | None:
    connection.commit()
    return connection.execute(CHOSEN).fetchone()


def test_a_shadow_is_started_and_ended_by_a_signature(connection: Connection, tried: Site) -> None:
    client, once = tried.signed_in(), str(uuid.uuid4())
    assert choose(client, threshold="12,5", request_id=once).status_code == 303
    assert choose(client, threshold="12,5", request_id=once).status_code == 303
    assert chosen(connection) == ("shadow", "vigie", 12.5, "Anne Roux", "Elle promet")
    assert connection.execute("SELECT count(*) FROM detector_choice WHERE duty = 'shadow'").fetchone() == (1,)
    assert "Dans l’ombre depuis le" in client.get("/detection/shadow").text
    [number] = connection.execute("SELECT max(choice_id) FROM detector_choice").fetchone() or (0,)
    assert choose(client, act="stop", based_on=number, reason="Assez vu").status_code == 303
    assert chosen(connection) == ("shadow", None, None, "Anne Roux", "Assez vu")


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"password": "faux"}, 422, "mot de passe"), ({"reason": ""}, 422, "Dites pourquoi"),
        ({"detector": "horoscope"}, 422, "Choisissez un détecteur"), ({"threshold": "-1"}, 422, "Le seuil doit être"),
        ({"based_on": 7}, 409, "Quelqu’un a changé l’ombre entre-temps"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why_and_keeps_the_reason(
    connection: Connection, tried: Site, fields: dict[str, object], status: int, said: str
) -> None:
    answer = choose(tried.signed_in(), **fields)
    assert answer.status_code == status
    assert said in answer.text
    assert chosen(connection) is None
    if "reason" not in fields:
        assert "Elle promet</textarea>" in answer.text


def assessed(connection: Connection) -> None:
    """p-0001: both find the gain that was confirmed; p-0002: only the shadow finds one, only the other another."""
    for day in range(1, 41):
        for patient_id, score, shadow in (
            ("p-0001", 2.4 if day == 20 else 0.3, 40.0 if day == 19 else 3.0),
            ("p-0002", 2.2 if day == 5 else 0.2, 30.0 if day == 25 else 2.0),
        ):
            at = NOW + day * DAY
            connection.execute(ASSESSED, {"patient_id": patient_id, "at": at, "score": score, "shadow": shadow})
    for patient_id, day, outcome in (("p-0001", 20, "confirmed_visit"), ("p-0002", 5, "false_food")):
        opened = NOW + day * DAY
        episode = seed.open_episode(connection, patient_id, "decompensation", severity="alert", at=opened)
        connection.execute(trying.CONFIRM.replace("confirmed_hospital", outcome), (episode, opened))
    connection.commit()


def test_both_stand_side_by_side_with_what_nurses_found(connection: Connection, tried: Site, database_url: str) -> None:
    client = tried.signed_in()
    assert "Dans l’ombre" in client.get("/detection/shadow").text
    compare = {"csrf": csrf(client), "request_id": str(uuid.uuid4())}
    assert client.post("/detection/shadow/compare", data=compare).status_code == 409, "there is none yet"
    choose(client)
    assessed(connection)
    assert client.post("/detection/shadow/compare", data=compare).status_code == 303
    assert "Comparaison en cours" in client.get("/detection/shadow").text
    trying.answer(database_url, now=NOW + 41 * DAY)
    page = client.get("/detection/shadow").text
    assert "80 pesées jugées par les deux" in page
    assert "1 / 2 = 50 %" in page, "in force: one confirmed, one false"
    assert "1 / 1 = 100 %" in page, "the shadow: one confirmed; nobody has judged what it alone found"
    assert page.count("p-0002</a>") == 1


def test_it_is_promoted_through_a_trial_and_a_signature(connection: Connection, tried: Site, database_url: str) -> None:
    nurse = tried.signed_in()
    choose(nurse)
    form = {"csrf": csrf(nurse), "request_id": str(uuid.uuid4()), "detector": "vigie", "threshold": ""}
    trial = nurse.post("/detection/trials", data=form).headers["location"]
    trying.answer(database_url)
    assert sign(nurse, trial).status_code == 303, "it finds the decompensation, too"
    row = connection.execute("SELECT detector FROM detector_choice WHERE duty = 'alerting' ORDER BY 1 DESC").fetchone()
    assert row == ("vigie",)


@pytest.mark.parametrize(("language", "said"), [("fr", "Aucun patient réel"), ("en", "No real patient")])
def test_the_detectors_card_says_what_it_was_fitted_on(
    connection: Connection, tried: Site, language: str, said: str
) -> None:
    client = tried.signed_in()
    connection.execute("UPDATE app_user SET language = %s", (language,))
    connection.commit()
    assert said in client.get("/detection/card").text
    assert "/detection/card" in client.get("/detection").text
