"""Somebody else on the scale, morning after morning: one answer for all their weights that wait."""

import re
from datetime import timedelta

import httpx2
import pytest

from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Site

PAGE = "/patients/p-0001"
ADDRESS = f"{PAGE}/others-weights"
STANDING = "SELECT weight_kg::float8, state, quarantine_reason FROM standing_reading ORDER BY weight_kg"


@pytest.fixture
def shared(connection: Connection, people: Site) -> Site:
    """A scale on which somebody of 95 kg stood on three mornings."""
    now = CLOCK.now()
    seed.weigh(connection, "p-0001", at=now - timedelta(days=6), kg=72, seq=6)
    for days, kg in ((3, 95.1), (2, 95.4), (1, 94.9)):
        seed.weigh(connection, "p-0001", at=now - timedelta(days=days), kg=kg, reason="other_person", seq=days)
    connection.commit()
    return people


def form(client: httpx2.Client) -> dict[str, str | list[str]]:
    """The fields of the one answer, as the page shows it."""
    found = re.search(rf'action="{ADDRESS}".*?</form>', client.get(PAGE).text, re.DOTALL)
    assert found
    fields: dict[str, str | list[str]] = dict(re.findall(r'name="(csrf|request_id)" value="([^"]*)"', found[0]))
    return fields | {"weight": re.findall(r'name="weight" value="([^"]*)"', found[0])}


def standing(connection: Connection) -> list[tuple[object, ...]]:
    connection.commit()
    return connection.execute(STANDING).fetchall()


def test_one_answer_excludes_all_that_wait_each_signed_and_a_double_click_is_one(
    connection: Connection, shared: Site
) -> None:
    client = shared.signed_in()
    said = form(client)
    assert len(said["weight"]) == 3
    assert [client.post(ADDRESS, data=said).status_code for _ in range(2)] == [303, 303]
    assert standing(connection) == [
        (72.0, "accepted", None),
        *((kg, "excluded", "other_person") for kg in (94.9, 95.1, 95.4)),
    ]
    assert connection.execute("SELECT count(*) FROM audit WHERE action = 'reading.exclude'").fetchone() == (3,)
    page = client.get(PAGE).text
    assert "confirmé 3 fois par l’équipe" in page
    assert ADDRESS not in page


def test_what_a_colleague_decided_meanwhile_stays_and_is_said(connection: Connection, shared: Site) -> None:
    nurse, doctor = shared.signed_in(), shared.signed_in(seed.CARDIOLOGIST)
    said, own = form(nurse), form(doctor)
    reading_id, at, after = own["weight"][0].split()
    decision = {"csrf": own["csrf"], "request_id": own["request_id"], "at": at, "after": after, "decision": "release"}
    assert doctor.post(f"{PAGE}/readings/{reading_id}", data=decision).status_code == 303
    answer = nurse.post(ADDRESS, data=said)
    assert answer.status_code == 409
    assert "décidées autrement entre-temps" in answer.text
    assert sorted(str(state) for _, state, _ in standing(connection)) == [
        "accepted",
        "accepted",
        "excluded",
        "excluded",
    ]


@pytest.mark.parametrize("weight", ["", "x", "1 hier 0", "1 2020-01-01T00:00:00Z", "999999 2020-01-01T00:00:00Z 0"])
def test_what_names_no_weight_changes_nothing(connection: Connection, shared: Site, weight: str) -> None:
    client = shared.signed_in()
    before = standing(connection)
    assert client.post(ADDRESS, data=form(client) | {"weight": [weight]}).status_code in {404, 422}
    assert standing(connection) == before
