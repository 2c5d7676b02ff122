"""Two records of one person: the one that goes on shows, counts and decides about the weights and the days of both."""

import re
import uuid
from datetime import datetime, timedelta

import httpx2
import pytest

from clinician_api.enrol import enrolment
from clinician_api.worklist import time_machine
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Site, today

DAY = timedelta(days=1)
ADD_DAY = "INSERT INTO patient_day (patient_id, day, state, explained_at) VALUES (%s, %s, %s, %s)"


@pytest.fixture
def nurse(connection: Connection, people: Site) -> httpx2.Client:
    """Of p-0002, with weights of 81 to 85 kg, it is said that p-0001 goes on: never weighed, and with an alert."""
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    for days in range(5, 0, -1):
        seed.weigh(connection, "p-0002", at=now - days * DAY, kg=80 + days, seq=days)
    known = [("p-0001", 3, "not_weighed"), ("p-0001", 9, "paused"), ("p-0002", 3, "weighed"), ("p-0002", 9, "waiting")]
    for patient_id, ago, state in [*known, ("p-0002", 8, "scale_silent")]:
        connection.execute(ADD_DAY, (patient_id, today() - ago * DAY, state, now))
    connection.commit()
    client = people.signed_in()
    merge(client)
    connection.commit()
    return client


def merge(client: httpx2.Client, **said: str) -> None:
    answer = client.post("/patients/p-0002/status", data=form(client) | {"status": "merged", "into": "p-0001"} | said)
    assert answer.status_code == 303


def form(client: httpx2.Client) -> dict[str, str]:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/scales").text)
    assert token
    return {"csrf": token[1], "request_id": str(uuid.uuid4()), "reason": "deux dossiers", "sure": "p-0001"}


def weights(client: httpx2.Client, address: str = "/patients/p-0001") -> list[str]:
    return re.findall(r'<td class="right">(\d\d,\d) kg</td><td>[^<]*<a', client.get(address).text)


def test_the_page_draws_the_weights_of_both_records_and_each_day_once(nurse: httpx2.Client) -> None:
    page = nurse.get("/patients/p-0001").text
    assert weights(nurse) == ["81,0", "82,0", "83,0", "84,0", "85,0"]
    assert re.search(r"81,0.kg<small>il y a", page), "the last weight is hers, whatever record it lies in"
    shown = re.findall(r'class="gap-row"><td>[^<]*</td><td class="right">–</td><td colspan="2">([^<]*)', page)
    assert shown == ["Balance muette", "Suspendu"], "weighed wherever she was; else as the record that goes on says"
    assert weights(nurse, "/patients/p-0001?range=all") == weights(nurse)
    assert "81,0" in nurse.get("/patients/p-0001/summary.txt").text


def test_the_worklist_draws_them_too_and_so_does_the_past_from_the_merge_on(
    connection: Connection, nurse: httpx2.Client
) -> None:
    row = nurse.get("/").text
    assert "81,0" in row
    assert "jamais pes" not in row
    [(merged_at,)] = connection.execute("SELECT recorded_at FROM patient_status").fetchall()
    assert isinstance(merged_at, datetime)
    moment = timedelta(microseconds=1)
    now, before = (time_machine.rows_at(connection, at=merged_at + by) for by in (moment, -moment))
    assert [len(row.days) for row in (*before, *now) if row.patient_id == "p-0001"] == [0, 5]


def test_a_weight_of_the_earlier_record_is_excluded_on_the_page_that_goes_on(
    connection: Connection, nurse: httpx2.Client
) -> None:
    found = re.search(r'href="(/patients/p-0001/readings/\d+)\?at=([^"]+)"', nurse.get("/patients/p-0001").text)
    assert found
    arrivals = "SELECT arrivals, weight_kg::float8 FROM latest_reading WHERE patient_id = 'p-0001'"
    [(before, _)] = connection.execute(arrivals).fetchall()
    connection.commit()
    said = {"at": found[2], "after": "0", "decision": "exclude", "reason": "clothes"}
    assert nurse.post(found[1], data=form(nurse) | said).status_code == 303
    [(after, last_kg)] = connection.execute(arrivals).fetchall()
    assert (after != before, last_kg) == (True, 82.0), "the detectors look again, at what counts now"


def test_once_the_merge_is_undone_each_has_its_own_again(connection: Connection, nurse: httpx2.Client) -> None:
    assert nurse.post("/patients/p-0002/status", data=form(nurse) | {"status": "active"}).status_code == 303
    assert weights(nurse) == []
    assert len(weights(nurse, "/patients/p-0002")) == 5
    asked = "SELECT patient_id, weight_kg::float8 FROM latest_reading ORDER BY 1"
    assert connection.execute(asked).fetchall() == [("p-0001", None), ("p-0002", 81.0)]
