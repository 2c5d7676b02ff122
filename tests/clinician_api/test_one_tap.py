"""The link in a message: one button, once, for 72 hours, without a sign-in and without a patient."""

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

    def __init__(self, conn: Connection, *, age: timedelta = timedelta(0)) -> None:
        self.conn = conn
        self.nurse = clinic.add_user(conn, language="fr")
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
