"""The link in a message: one button, once, for 72 hours, without a sign-in and without a patient."""

import re
from datetime import timedelta

import httpx2
import pytest

from clinician_api.account import one_tap as page
from schemas import one_tap
from schemas.database import Connection
from tests.alerts import clinic
from tests.clinician_api.conftest import CLOCK, Site


class Sent:
    """One alert to one nurse, and the link in her message."""

    def __init__(self, conn: Connection, *, age: timedelta = timedelta(0), nurse: int | None = None) -> None:
        self.conn = conn
        self.nurse = nurse or clinic.add_user(conn, language="fr")
        (self.number,) = clinic.raise_alerts(conn, self.nurse, severity="alarm", at=CLOCK.now() - age)
        key = conn.execute("SELECT key FROM signing_key").fetchone()
        assert key
        assert isinstance(key[0], bytes)
        self.token = one_tap.token(clinic.count(conn, "SELECT max(notification_id)::int FROM notification"), key=key[0])

    def state(self) -> list[tuple[object, ...]]:
        rows = self.conn.execute("SELECT state, owner FROM episode").fetchall()
        self.conn.commit()
        return rows


def test_opening_the_link_takes_nothing_and_pressing_its_button_takes_the_alert_once(
    site: Site, connection: Connection
) -> None:
    sent, phone = Sent(connection), site.client()
    for answer in [phone.get(f"/t/{sent.token}"), phone.head(f"/t/{sent.token}"), phone.get(f"/t/{sent.token}")]:
        assert answer.status_code in (200, 405)
    shown = phone.get(f"/t/{sent.token}").text
    assert f"Alerte n° {sent.number}" in shown
    assert "Alarme" in shown
    assert "P-" not in shown, "no patient's pseudonym"
    assert sent.state() == [("new", None)], "a mail scanner has opened it"
    assert "c’est enregistré" in phone.post(f"/t/{sent.token}").text
    assert sent.state() == [("taken", sent.nurse)]
    again = phone.post(f"/t/{sent.token}")
    assert (again.status_code, "déjà servi" in again.text) == (410, True)
    assert clinic.count(connection, "SELECT count(*)::int FROM acknowledgement") == 1
    assert clinic.count(connection, "SELECT count(*)::int FROM audit WHERE action = 'episode.take'") == 1


def test_a_link_that_is_old_says_so_and_takes_nothing(site: Site, connection: Connection) -> None:
    sent = Sent(connection, age=page.VALID + timedelta(minutes=1))
    for answer in (site.client().get(f"/t/{sent.token}"), site.client().post(f"/t/{sent.token}")):
        assert (answer.status_code, "a expiré" in answer.text) == (410, True)
    assert sent.state() == [("new", None)]


def test_a_closed_alert_is_not_opened_again_by_its_link(site: Site, connection: Connection) -> None:
    sent = Sent(connection)
    clinic.close_all(connection, at=CLOCK.now())
    answer = site.client().post(f"/t/{sent.token}")
    assert (answer.status_code, "déjà clôturée" in answer.text) == (410, True)
    assert sent.state()[0][0] == "closed"


@pytest.mark.parametrize("change", ["another number", "another signature", "cut", "nothing"])
def test_a_link_that_we_did_not_sign_is_refused(site: Site, connection: Connection, change: str) -> None:
    sent = Sent(connection)
    name, _, signature = sent.token.partition(".")
    forged = {
        "another number": f"{name}0.{signature}",
        "another signature": f"{name}.{signature[::-1]}",
        "cut": sent.token[:-1],
        "nothing": "-",
    }[change]
    answer = site.client().post(f"/t/{forged}")
    assert (answer.status_code, "n’est pas bon" in answer.text) == (404, True)
    assert sent.state() == [("new", None)]


def test_another_site_cannot_press_the_button(site: Site, connection: Connection) -> None:
    sent = Sent(connection)
    answer: httpx2.Response = site.client().post(f"/t/{sent.token}", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert sent.state() == [("new", None)]


def bundle(conn: Connection, nurse: int, *, count: int, age: timedelta = timedelta(0)) -> tuple[list[int], str]:
    """Alerts to her that went in one message; their numbers and the link in it."""
    numbers = clinic.raise_alerts(conn, nurse, count=count, at=CLOCK.now() - age)
    rows = conn.execute(
        "SELECT key, min(notification_id), max(notification_id) FROM signing_key, notification"
        " WHERE event_id = ANY(%s) GROUP BY key",
        (numbers,),
    ).fetchone()
    conn.commit()
    assert rows
    key, first, last = rows
    assert isinstance(key, bytes)
    return numbers, one_tap.bundle_token(int(str(first)), int(str(last)), key=key)


def test_a_bundles_link_lists_its_alerts_and_each_is_taken_by_its_own_button_once(
    site: Site, connection: Connection
) -> None:
    nurse = clinic.add_user(connection, language="fr")
    clinic.raise_alerts(connection, nurse, at=CLOCK.now())
    numbers, token = bundle(connection, nurse, count=3)
    clinic.raise_alerts(connection, clinic.add_user(connection, role="cardiologist"), at=CLOCK.now())
    phone = site.client()
    phone.head(f"/b/{token}")
    shown = phone.get(f"/b/{token}").text
    assert [int(number) for number in re.findall(r"Alerte n° (\d+)", shown)] == numbers
    assert "P-" not in shown, "no patient's pseudonym"
    assert clinic.count(connection, "SELECT count(*)::int FROM acknowledgement") == 0, "a mail scanner has opened it"
    for _ in range(2):
        done = phone.post(f"/b/{token}", data={"number": numbers[1]}, follow_redirects=True)
    assert (done.text.count("c’est enregistré"), done.text.count("<button")) == (1, 2)
    taken = connection.execute("SELECT event_id FROM acknowledgement JOIN episode_event USING (episode_id)").fetchall()
    connection.commit()
    assert taken == [(numbers[1],)]
    stranger = phone.post(f"/b/{token}", data={"number": numbers[0] - 1}, follow_redirects=True)
    assert stranger.status_code == 200
    forged = [f"{token[:-1]}x", token.replace("-", "-z", 1), "-.x", "nothing"]
    assert [phone.post(f"/b/{one}", data={"number": numbers[0]}).status_code for one in forged] == [404] * 4
    clinic.close_all(connection, at=CLOCK.now())
    assert phone.get(f"/b/{token}").text.count("déjà clôturée") == 2
    assert clinic.count(connection, "SELECT count(*)::int FROM acknowledgement WHERE action = 'take'") == 1


def in_every_state(site: Site, conn: Connection, *, language: str) -> dict[str, str]:
    """The address of a page of each kind: open, taken, closed, too old; of one alert and of several."""
    nurse, phone = clinic.add_user(conn, language=language), site.client()
    other = clinic.add_user(conn, role="cardiologist")
    links = {name: Sent(conn, nurse=nurse).token for name in ("closed", "used", "taken", "open")}
    close = "INSERT INTO acknowledgement (request_id, episode_id, action, outcome, author, at)"
    take = "INSERT INTO acknowledgement (request_id, episode_id, action, author, at)"
    first = "SELECT min(episode_id) FROM episode"
    conn.execute(f"{close} SELECT gen_random_uuid(), ({first}), 'close', 'other', %s, %s", (nurse, CLOCK.now()))
    conn.execute(f"{take} SELECT gen_random_uuid(), ({first}) + 2, 'take', %s, %s", (other, CLOCK.now()))
    conn.commit()
    phone.post(f"/t/{links['used']}")
    links["expired"] = Sent(conn, nurse=nurse, age=page.VALID + timedelta(minutes=1)).token
    numbers, bundled = bundle(conn, nurse, count=3)
    phone.post(f"/b/{bundled}", data={"number": numbers[0]})
    _, old = bundle(conn, nurse, count=2, age=page.VALID + timedelta(minutes=1))
    return {name: f"/t/{token}" for name, token in links.items()} | {
        "bundle": f"/b/{bundled}",
        "bundle-old": f"/b/{old}",
    }


def test_a_bundles_link_is_valid_for_72_hours(site: Site, connection: Connection) -> None:
    nurse = clinic.add_user(connection, language="fr")
    numbers, token = bundle(connection, nurse, count=2, age=page.VALID + timedelta(minutes=1))
    answers = [site.client().get(f"/b/{token}")]
    answers.append(site.client().post(f"/b/{token}", data={"number": numbers[0]}, follow_redirects=True))
    assert [(one.status_code, "a expiré" in one.text) for one in answers] == [(410, True)] * 2
    assert clinic.count(connection, "SELECT count(*)::int FROM acknowledgement") == 0


def test_a_receipt_is_kept_for_the_reference_that_we_gave_and_no_other(site: Site, connection: Connection) -> None:
    sent, gateway = Sent(connection), site.client()
    row = connection.execute("SELECT key, max(notification_id) FROM signing_key, notification GROUP BY key").fetchone()
    connection.commit()
    assert row
    assert isinstance(row[0], bytes)
    reference = one_tap.token(int(str(row[1])), key=row[0], purpose="receipt")
    assert gateway.post("/receipts", json={"reference": reference, "status": "failed", "more": 1}).status_code == 204
    for reference_, status, code in ((sent.token, "failed", 404), ("x", "failed", 404), (reference, "lost", 422)):
        assert gateway.post("/receipts", json={"reference": reference_, "status": status}).status_code == code
    assert connection.execute("SELECT status FROM delivery_receipt").fetchall() == [("failed",)]
