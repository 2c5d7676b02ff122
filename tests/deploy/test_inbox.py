import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage

import apprise
import pytest

from deploy.demo.inbox import KEPT, Inbox


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as open_inbox:
        yield open_inbox


def read(url: str) -> str:
    with urllib.request.urlopen(url) as page:
        return str(page.read().decode())


def send(inbox: Inbox, subject: str, text: str = "Bonjour") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "vigie@vigie.example", "claire@chu.example", subject
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", inbox.smtp_port) as smtp:
        smtp.send_message(message)


def test_what_apprise_sends_to_the_notify_url_is_on_the_page(inbox: Inbox) -> None:
    target = apprise.Apprise()
    assert target.add(inbox.notify_url("infirmiere@vigie.example"))
    assert target.notify(title="Poids à regarder", body="Une patiente a pris du poids : 3 jours.")
    page = read(inbox.page_url)
    assert "Poids à regarder" in page
    assert "Une patiente a pris du poids : 3 jours." in page
    assert "infirmiere@vigie.example" in page


def test_a_mail_is_shown_as_text_whatever_it_holds(inbox: Inbox) -> None:
    send(inbox, "<script>alert(1)</script>", "<img src=x> {mails}")
    page = read(inbox.page_url)
    assert "<script>" not in page
    assert "&lt;img src=x&gt; {mails}" in page


def test_the_newest_stands_first_and_the_oldest_are_dropped(inbox: Inbox) -> None:
    for number in range(KEPT + 2):
        send(inbox, f"n° {number}.")
    page = read(inbox.page_url)
    assert page.index(f"n° {KEPT + 1}.") < page.index(f"n° {KEPT}.")
    assert "n° 1." not in page


def test_there_is_one_page(inbox: Inbox) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        read(f"{inbox.page_url}/other")
    refused.value.close()
