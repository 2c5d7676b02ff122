"""What can be done without leaving the list? Take, put off, close, mark as reviewed, undo, filter."""

from datetime import datetime
from typing import Annotated, Literal, LiteralString, get_args
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import episodes
from clinician_api.patient.episodes import Act
from clinician_api.worklist import filters, reviews, worklist
from clinician_api.worklist.filters import Filter
from clinician_api.worklist.worklist import Asked
from schemas.alert import Outcome

router = APIRouter()
GONE = message("This patient is not in the register any more. Nothing was recorded.")
MOST_AT_ONCE = 1000
LONGEST = {"follow_up": episodes.LONGEST_FOLLOW_UP, "snooze": episodes.LONGEST_SNOOZE}


def _to_list(open_: str | None = None, *, done: UUID | None = None) -> Response:
    said = {name: str(value) for name, value in (("done", done), ("open", open_)) if value}
    return RedirectResponse("/" + (f"?{urlencode(said)}" if said else ""), status_code=303)


@router.post("/worklist/reviewed", dependencies=[OwnForm])
def reviewed(  # noqa: PLR0913, PLR0917 a form's fields
    conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()],
    patient_id: Annotated[list[str], Form(max_length=MOST_AT_ONCE)],
    undo: Annotated[bool, Form()] = False,  # noqa: FBT002 a form's field
    then: Annotated[Literal["list", "next"], Form()] = "list",
) -> Response:  # fmt: skip
    """I have looked at them; or: I have not, that was a slip."""
    after = worklist.following(conn, page, user, patient_id[0]) if then == "next" else None
    looked_at = reviews.review(conn, patient_id, request_id=request_id, is_undo=undo, author=user.user_id, at=now)
    for one in looked_at:
        audit.write(conn, "patient.unreview" if undo else "patient.review", of=one, by=user.user_id, at=now)
    for ended in reviews.ended(conn, looked_at, author=user.user_id, at=now):
        audit.write(conn, "episode.close", of=str(ended), by=user.user_id, at=now)
    if reviews.of_request(conn, request_id) is None:
        return worklist.answer(conn, page, user, Asked(problem=page.words.text(GONE)), status=410)
    return _to_list(after, done=request_id)


@router.post("/worklist/filter", dependencies=[OwnForm])
def choose(
    conn: Transaction, user: SignedIn,
    severity: Annotated[str, Form()] = "",
    owner: Annotated[str, Form()] = "",
    weighed: Annotated[str, Form()] = "",
    tag: Annotated[str, Form()] = "",
    team: Annotated[str, Form()] = "0",
) -> Response:  # fmt: skip
    """Show these patients, and next time too."""
    given = {"severity": severity, "owner": owner, "weighed": weighed, "tag": tag, "team": team}
    try:
        filters.keep(conn, Filter.model_validate(given), user_id=user.user_id)
    except ValidationError:
        raise HTTPException(422) from None
    return _to_list()


# Who has two alerts is finished with before the next patient: one chart, one call.
WAITS_TOO: LiteralString = """
SELECT FROM episode WHERE patient_id = %(patient_id)s AND episode_id <> %(but)s AND closed_at IS NULL
  AND severity <> 'watch' AND state = 'new' AND snoozed_until IS NULL LIMIT 1
"""


@router.post("/worklist/act", dependencies=[OwnForm])
def act(  # noqa: PLR0913, PLR0917 a form's fields
    conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    request_id: Annotated[UUID, Form()],
    patient_id: Annotated[str, Form(max_length=64)],
    episode_id: Annotated[int, Form(gt=0, lt=2**63)],
    action: Annotated[Literal["take", "follow_up", "snooze", "close"], Form()],
    outcome: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
    day: Annotated[str, Form()] = "",
    then: Annotated[Literal["stay", "next"], Form()] = "stay",
) -> Response:  # fmt: skip
    """Take an episode, put it off or close it in the drawer; then the same patient, or what waits next."""
    said = Act(
        request_id=request_id, episode_id=episode_id, action=action, note=episodes.typed(note), author=user.user_id,
        at=now, until=_until(action, day, now=now),
        outcome=next((known for known in get_args(Outcome) if known == outcome), None) if action == "close" else None,
    )  # fmt: skip
    kept = {"episode_id": str(episode_id), "action": action, "note": said.note, "outcome": outcome, "day": day[:10]}
    if problem := _refused(page, said):
        return worklist.answer(conn, page, user, Asked(open=patient_id, problem=problem, kept=kept), status=422)
    if not episodes.is_of(conn, episode_id, patient_id):
        return worklist.answer(conn, page, user, Asked(problem=page.words.text(GONE), kept=kept), status=410)
    after: str | None = patient_id
    if then == "next" and conn.execute(WAITS_TOO, {"patient_id": patient_id, "but": episode_id}).fetchone() is None:
        after = worklist.following(conn, page, user, patient_id)
    if not episodes.do(conn, said):
        problem = episodes.closed_meanwhile(conn, page, episode_id)
        return worklist.answer(conn, page, user, Asked(open=patient_id, problem=problem, kept=kept), status=409)
    return _to_list(after)


def _until(action: str, day: str, *, now: datetime) -> datetime | None:
    if action == "take":
        return now + episodes.FORGOTTEN
    return episodes.morning_of(day, now=now, longest=LONGEST[action]) if action in LONGEST else None


def _refused(page: Page, said: Act) -> str | None:
    """Why this form cannot be accepted, in a sentence; what was typed is shown again."""
    if said.action == "close" and said.outcome is None:
        return page.words.text(episodes.NO_OUTCOME)
    if said.action in LONGEST and said.until is None:
        return page.words.text(episodes.BAD_DAY) % {"last": page.words.day(said.at + LONGEST[said.action])}
    if said.action == "snooze" and not said.note.strip():
        return page.words.text(episodes.NO_REASON)
    return episodes.too_long(page, said.note) if len(said.note) > episodes.LONGEST_NOTE else None
