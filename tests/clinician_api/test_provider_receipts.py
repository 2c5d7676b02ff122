"""What SMS providers say of our messages: their documented forms, matched by number, believed with the secret alone."""

from datetime import timedelta

import pytest

from alerts.delivery import receipts
from clinician_api.account import provider_receipts
from schemas.database import Connection
from tests.alerts import clinic
from tests.clinician_api.conftest import CLOCK, RECEIPTS_SECRET, Site

OCTOPUSH = {
    "channel": "sms", "message_id": "sms_5fa275dbf21dc", "number": "+33612345678", "status": "DELIVERED",
    "delivery_date": "2020-11-04 11:11:45", "meta_data": {},
}  # fmt: skip
VONAGE = {
    "msisdn": "33612345678", "to": "Vigie", "network-code": "20801", "messageId": "0A0000001234567B",
    "price": "0.03330000", "status": "delivered", "scts": "2001011400", "err-code": "0", "api-key": "abcd1234",
    "message-timestamp": "2020-01-01T12:00:00.000+00:00",
}  # fmt: skip
URLS = {
    "octopush": "octopush://login@chu.example/aPiKeY0/0612345678",
    "vonage": "vonage://abcd1234:s3cret@33700000000/33612345678/33698765432",
}
SENT = """
UPDATE notification SET delivered_at = %(at)s, channel_id = %(channel_id)s, channel_since = %(at)s
WHERE event_id = ANY(%(numbers)s)
"""
SAID = """
SELECT event_id, status FROM delivery_receipt JOIN notification USING (notification_id) ORDER BY receipt_id
"""


@pytest.mark.parametrize(
    ("provider", "body", "word"),
    [
        ("octopush", OCTOPUSH, "delivered"),
        ("octopush", OCTOPUSH | {"status": "NOT_DELIVERED"}, "failed"),
        ("octopush", OCTOPUSH | {"status": "BAD_DESTINATION"}, "failed"),
        ("octopush", OCTOPUSH | {"status": "ACK"}, None),
        ("octopush", {"status": "DELIVERED"}, None),
        ("octopush", OCTOPUSH | {"number": 33612345678}, None),
        ("octopush", OCTOPUSH | {"number": "36789"}, None),
        ("vonage", VONAGE, "delivered"),
        ("vonage", VONAGE | {"status": "expired"}, "failed"),
        ("vonage", VONAGE | {"status": "rejected"}, "failed"),
        ("vonage", VONAGE | {"status": "buffered"}, None),
        ("vonage", {}, None),
    ],
)
def test_a_callback_is_read_as_its_provider_documents_it(
    provider: str, body: dict[str, object], word: str | None
) -> None:
    said = provider_receipts.PROVIDERS[provider][0](body)
    assert (said and said.word) == word
    assert "12345678" not in repr(said), "no number in a log"


def test_a_number_finds_the_channel_however_it_is_written() -> None:
    channels = list(enumerate(URLS.values()))
    assert [provider_receipts.of_number(number, channels) for number in ("+33612345678", "0612345678")] == [[0, 1]] * 2
    assert provider_receipts.of_number("33698765432", channels) == [1]
    assert provider_receipts.of_number("33700000000", channels) == [], "the sender is no recipient"


@pytest.mark.parametrize(
    ("provider", "body", "failed"), [("octopush", OCTOPUSH, "NOT_DELIVERED"), ("vonage", VONAGE, "failed")]
)
def test_what_a_provider_says_did_not_arrive_is_sent_again_by_another_channel(
    site: Site, connection: Connection, provider: str, body: dict[str, object], failed: str
) -> None:
    now = CLOCK.now()
    nurse = clinic.add_user(connection, notify_url=URLS[provider])
    (channel_id,) = connection.execute("SELECT channel_id FROM channel").fetchone() or (0,)
    first = clinic.raise_alerts(connection, nurse, at=now - timedelta(minutes=9))
    rest = clinic.raise_alerts(connection, nurse, count=2, at=now - timedelta(minutes=5))
    for numbers, ago in ((first, 9), (rest, 5)):
        told = {"numbers": numbers, "at": now - timedelta(minutes=ago), "channel_id": channel_id}
        connection.execute(SENT, told)
    connection.commit()
    key = "message_id" if provider == "octopush" else "messageId"
    posted = site.client()
    for _ in range(2):  # providers say it twice
        assert posted.post(f"/receipts/{provider}/{RECEIPTS_SECRET}", json=body).status_code == 204
    other = body | {key: "another", "status": failed}
    for secret in ("x", RECEIPTS_SECRET[:-1]):
        assert posted.post(f"/receipts/{provider}/{secret}", json=other).status_code == 404
    assert posted.post(f"/receipts/pigeon/{RECEIPTS_SECRET}", json=other).status_code == 404
    assert connection.execute(SAID).fetchall() == [(first[0], "delivered")]
    connection.commit()
    assert posted.post(f"/receipts/{provider}/{RECEIPTS_SECRET}", json=other).status_code == 204
    assert connection.execute(SAID).fetchall() == [(first[0], "delivered"), (rest[0], "failed")]
    assert receipts.heed(connection, now=CLOCK.now()) == 2
    again = connection.execute("SELECT event_id FROM notification WHERE delivered_at IS NULL ORDER BY 1").fetchall()
    assert again == [(number,) for number in rest], "the whole message, not the one that arrived"
