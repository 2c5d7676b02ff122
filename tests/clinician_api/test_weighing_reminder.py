"""The patient's own reminder: with their consent, by a number that no page and no log shows, until they weigh."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import httpx2
import pytest

from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.gateway import SmsGateway
from tests.alerts.program import eventually, running
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Site

PARIS = ZoneInfo("Europe/Paris")
TODAY = CLOCK.now().astimezone(PARIS).date()
FIVE_PAST_TEN = datetime.combine(TODAY, time(10, 5), tzinfo=PARIS)
NUMBER = "06 98 76 54 21"
DIGITS = "0698765421"
PAGE = "/patients/P1/weighing-reminder"


@pytest.fixture
def gateway() -> Iterator[SmsGateway]:
    with SmsGateway().open() as server:
        yield server


@pytest.fixture
def nurse(database_url: str, connection: Connection, gateway: SmsGateway) -> Iterator[httpx2.Client]:
    seed.users(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=CLOCK.now() - timedelta(days=9))
    site = Site(database_url, reminder_url=f"{gateway.url}{{number}}")
    site.start()
    yield site.signed_in()
    site.stop()


def post(client: httpx2.Client, path: str = PAGE, **fields: str) -> httpx2.Response:
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get(PAGE).text)
    assert csrf
    return client.post(path, data={"csrf": csrf[1], **fields})


def agreed(**change: str) -> dict[str, str]:
    return {"number": NUMBER, "at": "10:00", "agreed_on": TODAY.isoformat(), "language": "fr"} | change


def test_a_patient_who_agreed_is_reminded_through_the_gateway_until_they_weigh_or_wish_it_no_more(
    nurse: httpx2.Client, gateway: SmsGateway, database_url: str, connection: Connection,
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    assert post(nurse, **agreed()).status_code == 303
    page = nurse.get(PAGE).text
    assert "se terminant par 21" in page
    assert "Accord donné le" in page
    with running(database_url, start=FIVE_PAST_TEN):
        eventually(lambda: gateway.taken)
        eventually(lambda: "Dernier rappel remis" in nurse.get(PAGE).text)
    assert gateway.taken == ["Bonjour, pensez à vous peser ce matin. En cas d'urgence appelez le 15."]
    clinic.weigh(connection, "P1", [(FIVE_PAST_TEN + timedelta(days=1), 80)], recorded_at=FIVE_PAST_TEN)
    connection.execute("UPDATE latest_reading SET measured_at = %s", (FIVE_PAST_TEN + timedelta(days=1),))
    connection.commit()
    with running(database_url, start=FIVE_PAST_TEN + timedelta(days=1, minutes=1)):
        eventually(lambda: clinic.count(connection, "SELECT count(*)::int FROM patient_day WHERE state = 'weighed'"))
    assert len(gateway.taken) == 1, "weighed in time"
    assert post(nurse, f"{PAGE}/stop").status_code == 303
    assert clinic.count(connection, "SELECT count(*)::int FROM patient_reminder") == 0
    out, err = capfd.readouterr()
    audit = str(connection.execute("SELECT action, subject FROM audit").fetchall())
    assert audit.count("weighing_reminder.") == 2
    ours = "".join(record.getMessage() for record in caplog.records if record.name != "apprise")
    for text in (page, nurse.get("/patients/P1").text, out, err, ours, audit):
        assert DIGITS not in text.replace(" ", "")


@pytest.mark.parametrize(
    "change",
    [{"number": "12"}, {"at": "25:00"}, {"agreed_on": ""}, {"agreed_on": (TODAY + timedelta(days=1)).isoformat()}],
)
def test_without_a_number_an_hour_or_a_day_of_consent_nobody_is_reminded(
    nurse: httpx2.Client, connection: Connection, change: dict[str, str]
) -> None:
    answer = post(nurse, **agreed(**change))
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert DIGITS not in answer.text.replace(" ", "")
    assert clinic.count(connection, "SELECT count(*)::int FROM patient_reminder") == 0


def test_without_a_gateway_the_page_says_who_can_set_one(clinic: Site) -> None:
    client = clinic.signed_in()
    path = re.search(r'href="(/patients/[^"/?#]+)"', client.get("/patients").text)
    assert path
    text = client.get(f"{path[1]}/weighing-reminder").text
    assert "VIGIE_REMINDER_URL" in text
    assert client.get("/patients/nobody/weighing-reminder").status_code == 404
