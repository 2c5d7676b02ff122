"""What does my account's page show and take? Plain forms about one's own channels, nobody else's."""

from datetime import time
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.account import addresses, channels
from clinician_api.account.channels import Preference
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from schemas.database import Connection

router = APIRouter()
BAD_HOURS = message("Give both quiet hours or none, as 22:00.")
TOO_MANY = message("Six channels are enough: remove one first.")
WRONG_CODE = message("This is not the code, or it is older than 15 minutes. Have a new one sent.")
ASKED_OFTEN = message("Five messages in an hour are enough: try again later.")


def _page(conn: Connection, page: Page, user: SignedIn, *, problem: str = "", status: int = 200) -> Response:
    return page.answer(
        "account.html",
        status=status,
        channels=channels.mine(conn, user.user_id),
        preference=channels.preference(conn, user.user_id),
        problem=page.words.text(problem) if problem else "",
    )


BACK = RedirectResponse("/account", status_code=303)


@router.get("/account")
def show(conn: Transaction, user: SignedIn, page: ThePage) -> Response:
    """My channels."""
    return _page(conn, page, user)


@router.post("/account/channels", dependencies=[OwnForm])
def add(
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, url: Annotated[str, Form()],
    quiet_from: Annotated[str, Form()] = "", quiet_until: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """One more, to which its code is sent at once."""
    url = url.strip()
    if refused := addresses.refusal(url, kinds=page.request.app.state.settings.kinds_of_channels):
        return _page(conn, page, user, problem=refused, status=422)
    try:
        quiet = (time.fromisoformat(quiet_from), time.fromisoformat(quiet_until)) if quiet_from + quiet_until else None
    except ValueError:
        return _page(conn, page, user, problem=BAD_HOURS, status=422)
    channel_id = channels.add(conn, user.user_id, url, quiet=quiet, now=now)
    if channel_id is None:
        return _page(conn, page, user, problem=TOO_MANY, status=422)
    channels.ask(conn, user.user_id, channel_id, for_code=True)
    audit.write(conn, "channel.change", of=f"{channel_id} added", by=user.user_id, at=now)
    return BACK


@router.post("/account/channels/{channel_id}/change", dependencies=[OwnForm])
def change(
    channel_id: int,
    conn: Transaction,
    user: SignedIn,
    now: Now,
    to: Annotated[Literal["removed", "first", "renewed"], Form()],
) -> Response:
    """Remove it, try it first, or use it again."""
    if channel_id >= 2**63 or not channels.change(conn, user.user_id, channel_id, to=to, now=now):
        raise HTTPException(404)
    audit.write(conn, "channel.change", of=f"{channel_id} {to}", by=user.user_id, at=now)
    return BACK


@router.post("/account/channels/{channel_id}/ask", dependencies=[OwnForm])
def ask(
    channel_id: int,
    conn: Transaction,
    user: SignedIn,
    page: ThePage,
    for_what: Annotated[Literal["test", "code"], Form()],
) -> Response:
    """Have a test or a code sent."""
    if channel_id >= 2**63 or not channels.ask(conn, user.user_id, channel_id, for_code=for_what == "code"):
        return _page(conn, page, user, problem=ASKED_OFTEN, status=429)
    return BACK


@router.post("/account/channels/{channel_id}/verify", dependencies=[OwnForm])
def verify(
    channel_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, code: Annotated[str, Form()]
) -> Response:
    """The code that came by it."""
    if channel_id >= 2**63 or not channels.verify(conn, user.user_id, channel_id, code, now=now):
        return _page(conn, page, user, problem=WRONG_CODE, status=422)
    audit.write(conn, "channel.change", of=f"{channel_id} verified", by=user.user_id, at=now)
    return BACK


@router.post("/account/preferences", dependencies=[OwnForm])
def prefer(
    conn: Transaction,
    user: SignedIn,
    page: ThePage,
    bundle: Annotated[Literal["yes", ""], Form()] = "",
    digest_at: Annotated[str, Form()] = "",
) -> Response:
    """Bundles, and the daily count."""
    try:
        at = time.fromisoformat(digest_at) if digest_at else None
    except ValueError:
        return _page(conn, page, user, problem=BAD_HOURS, status=422)
    channels.prefer(conn, user.user_id, Preference(bundle=bool(bundle), digest_at=at))
    return BACK
