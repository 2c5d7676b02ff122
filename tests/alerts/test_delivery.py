"""From an episode to a mailbox: a real SMTP server, real outages, real kills."""

import time
from datetime import timedelta

import pytest

from alerts.delivery import notify, patience, texts
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW
from tests.alerts.program import Mailbox, eventually, running, said, text

PATIENT = "PSEUDO-4711"
DAY = timedelta(days=1)
WEIGHTS = [80.3, 80.1, 80.2, 80.0, 80.2, 82.9]
MESSAGE = texts.alert(
    texts.Alert(
        number=12, severity="alert", take="https://vigie.example/t/1.a", show="https://vigie.example/episodes/3"
    ),
    language="fr",
)


def decompensate(conn: Connection, patient_id: str = PATIENT) -> None:
    clinic.add_patients(conn, [patient_id], enrolled_at=NOW - 60 * DAY)
    clinic.weigh(conn, patient_id, clinic.mornings(NOW, WEIGHTS), recorded_at=NOW)


def delivered(conn: Connection) -> int:
    return clinic.count(conn, "SELECT count(*) FROM notification WHERE delivered_at IS NOT NULL")


def test_an_episode_arrives_as_a_mail_that_names_no_one(database_url: str, connection: Connection) -> None:
    with Mailbox().open() as mailbox:
        clinic.add_user(connection, notify_url=mailbox.url)
        with running(database_url, start=NOW):
            decompensate(connection)
            eventually(lambda: delivered(connection))
    (message,) = mailbox.messages
    number = clinic.count(connection, "SELECT max(event_id)::int FROM episode_event")
    episode = clinic.count(connection, "SELECT max(episode_id)::int FROM episode")
    assert message["subject"] == f"Vigie : alerte n° {number} (alerte)"
    assert message["X-Entity-Ref-ID"] == f"vigie-{number}"
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = said(message)
    for form in (plain, rich):
        assert f"https://vigie.example/episodes/{episode}" in form
        assert "https://vigie.example/t/" in form
        assert "pas un service d" in form
    for secret in (PATIENT, "82.9", "82,9", "2,9", "2.9", "80,", "80.", "Camille", "Martin", "kg", "+33"):
        assert secret not in text(message)


def test_a_mail_server_that_was_away_gets_the_mail_once_it_is_back(database_url: str, connection: Connection) -> None:
    mailbox = Mailbox()
    clinic.add_user(connection, notify_url=mailbox.url)
    with running(database_url, start=NOW):
        decompensate(connection)
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM delivery_attempt WHERE NOT ok"))
        with mailbox.open():
            eventually(lambda: delivered(connection))
    assert len(mailbox.messages) == 1


def test_two_senders_send_nothing_twice(database_url: str, connection: Connection) -> None:
    with Mailbox().open() as mailbox:
        clinic.prefer(connection, clinic.add_user(connection, notify_url=mailbox.url), bundle=False)
        patients = [f"P{number}" for number in range(30)]
        for patient_id in patients:
            decompensate(connection, patient_id)
        with running(database_url, start=NOW), running(database_url, start=NOW):
            eventually(lambda: delivered(connection) == 30)
            time.sleep(1.5)  # a second poll of each
    assert len(mailbox.messages) == 30
    assert len({message["subject"] for message in mailbox.messages}) == 30


def test_a_hung_gateway_delays_no_mail(database_url: str, connection: Connection) -> None:
    with Mailbox().open() as mailbox, Mailbox().open() as hung:
        hung.on_greeting = lambda: time.sleep(3)
        # Its own host name, so that it is a gateway of its own; both are this machine.
        clinic.add_user(connection, notify_url=hung.url.replace("127.0.0.1", "localhost"))
        clinic.add_user(connection, notify_url=mailbox.url, language="en")
        with running(database_url, start=NOW):
            decompensate(connection)
            eventually(lambda: mailbox.messages)
            assert not hung.messages
            eventually(lambda: delivered(connection) == 2)


def test_a_useless_address_is_a_permanent_error_without_the_secret() -> None:
    with pytest.raises(notify.DeliveryError, match="correct it") as error:
        notify.send(MESSAGE, url="nosuchservice://token-abc-secret/")
    assert error.value.permanent
    assert "secret" not in str(error.value)


def test_a_useless_address_of_one_user_delays_no_other(database_url: str, connection: Connection) -> None:
    with Mailbox().open() as mailbox:
        clinic.add_user(connection, notify_url="nosuchservice://token-abc-secret/")
        clinic.add_user(connection, notify_url=mailbox.url, language="en")
        with running(database_url, start=NOW):
            decompensate(connection)
            eventually(lambda: delivered(connection) and mailbox.messages)
            eventually(lambda: clinic.count(connection, "SELECT count(*) FROM delivery_attempt WHERE NOT ok"))
    assert mailbox.messages[0]["subject"].startswith("Vigie: alert no.")
    assert clinic.count(connection, "SELECT count(*) FROM delivery_attempt WHERE detail LIKE '%secret%'") == 0


def test_a_refused_mail_is_an_error_that_may_pass() -> None:
    with pytest.raises(notify.DeliveryError, match=r"mailto://127\.0\.0\.1") as error:
        notify.send(MESSAGE, url=Mailbox().url)
    assert not error.value.permanent


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mailtos://user:secret@smtp.example.org:587?to=a@b.fr", "mailtos://smtp.example.org:587"),
        ("mailto://user:se/cret@smtp.example.org", "mailto://"),
        ("twilio://SID:secret@+33612345678/+33687654321", "twilio://"),
        ("freemobile://123@secret", "freemobile://"),
    ],
)
def test_a_gateway_is_named_without_its_secrets(url: str, expected: str) -> None:
    assert notify.gateway(url) == expected


def test_retries_grow_to_a_quarter_of_an_hour_and_never_end() -> None:
    spans = [patience.retry_seconds(tried) for tried in (0, 10, 40, 160, 3600, 10**7)]
    assert 3 < spans[0] < 7
    assert spans[:4] == sorted(spans[:4])
    assert 600 < spans[4] < 1200
    assert 600 < spans[5] < 1200
