"""What does a gateway say later of a message it took? One documented format, for `json://` and `form://` gateways.

    POST /receipts   {"reference": "…", "status": "delivered"}   or "failed"

`reference` is what the gateway got with the message: signed, so it is the secret too. Other providers have formats of
their own, which we could not try: their messages count as delivered once they are taken.
"""

from typing import Literal, LiteralString

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
from starlette.responses import Response

from clinician_api.account.one_tap import signing_key
from clinician_api.dependencies import Now, Transaction
from schemas import one_tap

router = APIRouter()

ADD: LiteralString = """
INSERT INTO delivery_receipt (notification_id, status, at)
SELECT notification_id, %(status)s, %(now)s FROM notification WHERE notification_id = %(notification_id)s
ON CONFLICT DO NOTHING
"""


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
