"""How do clinicians come in and go out? The sign-in page, throttled for each account, and the choice of language."""

from typing import Annotated, Literal, LiteralString
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from clinician_api import audit, sent_forms
from clinician_api.access import passwords, sessions
from clinician_api.dependencies import Now, OwnForm, SignedIn, ThePage, Transaction, cookie_name, is_https
from clinician_api.language import message
from schemas.database import Connection

router = APIRouter()
TRIES = 5
LONGEST_PASSWORD = 1000
WRONG = message("E-mail address or password is not right.")
THROTTLED = message("Too many failed sign-ins for this address. Wait 15 minutes, or ask a colleague for help.")

ENDED = message("The session has ended. Sign in to go on where you were; a note you were typing is still in this tab.")


def safe_next(target: str) -> str:
    """A path of ours, or the worklist: a link to the sign-in page must not lead to another site."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    plain = "\\" not in target and target.isprintable()
    return target if ours and plain and not parts.path.startswith("/sign-") else "/"


def sign_in_address(request: Request) -> str:
    """The sign-in page that leads back to where this request wanted to go."""
    if request.method != "GET" or "hx-request" in request.headers or "x-vigie-live" in request.headers:
        shown = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer", ""))
    else:
        shown = urlsplit(str(request.url))
    wanted = safe_next(shown.path + (f"?{shown.query}" if shown.query else ""))
    return "/sign-in" + (f"?{urlencode({'next': wanted})}" if wanted != "/" else "")


@router.get("/sign-in")
def show(request: Request, page: ThePage, next: str = "/") -> Response:  # noqa: A002 the name in the address
    """The form; whose browser still has a session's cookie is told that the session has ended."""
    problem = ENDED if cookie_name(request) in request.cookies else None
    return page.answer("sign_in.html", next=safe_next(next), email="", problem=problem)


ACCOUNT: LiteralString = "SELECT user_id, password_hash FROM app_user WHERE email = %(email)s AND disabled_at IS NULL"


@router.post("/sign-in")
def sign_in(
    request: Request,
    conn: Transaction,
    now: Now,
    page: ThePage,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    email = email.strip().lower().replace("\0", "")[:254]
    if is_throttled(conn, email):
        return page.answer("sign_in.html", status=429, next=safe_next(next), email=email, problem=THROTTLED)
    account = conn.execute(ACCOUNT, {"email": email}).fetchone()
    stored = str(account[1]) if account else None
    right = len(password) <= LONGEST_PASSWORD and passwords.is_right(password, password_hash=stored)
    conn.execute(REMEMBER, {"email": email, "ok": right})
    if account is None or not right:
        return page.answer("sign_in.html", status=401, next=safe_next(next), email=email, problem=WRONG)
    if old := request.cookies.get(cookie_name(request)):
        sessions.end(conn, old)
    user_id = int(str(account[0]))
    audit.write(conn, "sign_in", of=str(user_id), by=user_id, at=now)
    sent_forms.sweep(conn)
    answer = RedirectResponse(safe_next(next), status_code=303)
    answer.set_cookie(
        cookie_name(request),
        sessions.start(conn, user_id),
        httponly=True,
        samesite="lax",
        secure=is_https(request),
        path="/",
    )
    return answer


# By the machine's time, like sessions. A success clears the count; unknown addresses are throttled just the same. The
# lock makes tries for one address queue, so that a hundred at once are not all the first.
LOCK_ADDRESS: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%(email)s, 7))"
FAILURES: LiteralString = """
SELECT count(*) FROM sign_in_attempt
WHERE email = %(email)s AND NOT ok AND at > now() - interval '15 minutes'
  AND at > coalesce((SELECT max(at) FROM sign_in_attempt WHERE email = %(email)s AND ok), '-infinity')
"""
REMEMBER: LiteralString = "INSERT INTO sign_in_attempt (email, at, ok) VALUES (%(email)s, now(), %(ok)s)"


def is_throttled(conn: Connection, email: str) -> bool:
    conn.execute(LOCK_ADDRESS, {"email": email})
    [failures] = conn.execute(FAILURES, {"email": email}).fetchone() or (0,)
    return int(str(failures)) >= TRIES


@router.post("/sign-out", dependencies=[OwnForm])
def sign_out(request: Request, conn: Transaction, user: SignedIn, now: Now) -> Response:
    sessions.end(conn, request.cookies.get(cookie_name(request), ""))
    audit.write(conn, "sign_out", of=str(user.user_id), by=user.user_id, at=now)
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(cookie_name(request), httponly=True, samesite="lax", secure=is_https(request), path="/")
    return answer


SET_LANGUAGE: LiteralString = "UPDATE app_user SET language = %(language)s WHERE user_id = %(user_id)s"


@router.post("/language", dependencies=[OwnForm])
def choose_language(
    conn: Transaction,
    user: SignedIn,
    language: Annotated[Literal["fr", "en"], Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    conn.execute(SET_LANGUAGE, {"language": language, "user_id": user.user_id})
    return RedirectResponse(safe_next(next), status_code=303)
