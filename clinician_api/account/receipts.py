"""What does a gateway say later of a message it took? Our own format for `json://` gateways, and two providers'.

    POST /receipts                     {"reference": "…", "status": "delivered"}   or "failed"
    POST /receipts/octopush/SECRET     as Octopush posts it; the same for vonage

`reference` is what the gateway got with the message: signed, so it is the secret too. SECRET is VIGIE_RECEIPTS_SECRET.
"""

import secrets
from datetime import datetime
from typing import Any, Literal, LiteralString

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel
from starlette.responses import Response

from clinician_api.account import provider_receipts
from clinician_api.account.one_tap import signing_key
from clinician_api.account.provider_receipts import Said
from clinician_api.dependencies import Now, Transaction
from schemas import one_tap
from schemas.database import Connection

router = APIRouter()

ADD: LiteralString = """
INSERT INTO delivery_receipt (notification_id, status, at)
SELECT notification_id, %(status)s, %(now)s FROM notification WHERE notification_id = %(notification_id)s
ON CONFLICT DO NOTHING
"""
CHANNELS: LiteralString = """
SELECT channel_id, url FROM channel WHERE removed_at IS NULL AND split_part(lower(url), ':', 1) = ANY(%(kinds)s)
"""
# "Delivered" is said of the oldest message of the day that nothing was said of; "failed" of all such: which one it was
# cannot be known, and a message too many is recognised as a repeat.
MATCH: LiteralString = """
WITH sent AS (
    SELECT min(notification_id) AS notification_id, delivered_at FROM notification
    WHERE channel_id = ANY(%(channel_ids)s) AND delivered_at > %(now)s - interval '1 day' AND delivered_at <= %(now)s
    GROUP BY user_id, channel_id, delivered_at
)
INSERT INTO delivery_receipt (notification_id, status, at, provider_said)
SELECT notification_id, %(status)s, %(now)s, %(said)s FROM sent
WHERE NOT EXISTS (SELECT FROM delivery_receipt AS before WHERE before.notification_id = sent.notification_id
                    AND before.at >= sent.delivered_at)
  AND NOT EXISTS (SELECT FROM delivery_receipt AS before WHERE before.provider_said = %(said)s)
ORDER BY delivered_at LIMIT %(most)s
"""
MOST = 50


class Receipt(BaseModel, extra="ignore"):
    """As the gateway posts it."""

    reference: str
    status: Literal["delivered", "failed"]


@router.post("/receipts")
def take(receipt: Receipt, conn: Transaction, now: Now) -> Response:
    """Keep it; 404 for a reference that we did not give."""
    notification_id = one_tap.read(receipt.reference, key=signing_key(conn), purpose="receipt")
    if notification_id is None:
        raise HTTPException(404)
    conn.execute(ADD, {"notification_id": notification_id, "status": receipt.status, "now": now})
    return Response(status_code=204)


@router.post("/receipts/{provider}/{secret}")
def take_of_provider(
    provider: str, secret: str, body: dict[str, Any], request: Request, conn: Transaction, now: Now
) -> Response:
    """Keep what it says of one of our channels; anything else it says is heard and forgotten."""
    expected = request.app.state.settings.receipts_secret
    known = provider_receipts.PROVIDERS.get(provider)
    if known is None or expected is None or not _same(secret, expected.get_secret_value()):
        raise HTTPException(404)
    read, kinds = known
    if (said := read(body)) is not None:
        _keep(conn, said, provider=provider, kinds=kinds, now=now)
    return Response(status_code=204)


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _keep(conn: Connection, said: Said, *, provider: str, kinds: tuple[str, ...], now: datetime) -> None:
    rows = conn.execute(CHANNELS, {"kinds": list(kinds)}).fetchall()
    channels = [(int(str(channel_id)), str(url)) for channel_id, url in rows]
    told = {
        "channel_ids": provider_receipts.of_number(said.number, channels),
        "status": said.word,
        "said": f"{provider} {said.message_id} {said.word}",
        "most": 1 if said.word == "delivered" else MOST,
        "now": now,
    }
    conn.execute(MATCH, told)
