"""What is known of Vigie's own detector? Its card: what it was fitted on, finds and costs, and where it is blind."""

from fastapi import APIRouter
from starlette.responses import Response

from clinician_api import audit
from clinician_api.dependencies import Now, SignedIn, ThePage, Transaction
from schemas import detector_card

router = APIRouter()


@router.get("/detection/card")
def show(conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """The card in the reader's language."""
    audit.write(conn, "detection.read", of="card", by=user.user_id, at=now)
    french = page.words.language == "fr"
    rows = [(row.title_fr, row.text_fr) if french else (row.title_en, row.text_en) for row in detector_card.CARD]
    return page.answer("detector_card.html", rows=rows, version=detector_card.VERSION)
