"""What may an endpoint ask for? A transaction, the time, the signed-in user, a form that is really theirs."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Annotated, LiteralString
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Form, HTTPException, Request
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from psycopg_pool import PoolTimeout
from starlette.responses import Response

from clinician_api import pages, sent_forms
from clinician_api.access import sessions
from clinician_api.language import Words, preferred
from schemas.database import Connection

PATIENCE_SECONDS = 5.0  # a clinician is told that the database is away, not left waiting
LIVE_HEADER = "x-vigie-live"  # a screen refreshing itself: nobody need be there, so it keeps no session alive


class SignInNeededError(Exception):
    """Nobody is signed in, or no longer; the handler leads through the sign-in page and back."""


class NotYourFormError(HTTPException):
    """The form was not sent from our page in this session."""

    def __init__(self) -> None:
        super().__init__(403)


async def transaction(request: Request) -> AsyncIterator[Connection]:
    """One transaction, committed before the answer leaves (`scope="function"`), rolled back by an exception."""
    async with _turn(request.app.state.turns), contextmanager_in_threadpool(_begun(request)) as conn:
        yield conn


@contextmanager
def _begun(request: Request) -> Iterator[Connection]:
    """In the thread that waits for the connection it is asked who is there: another for it would cost as much."""
    with request.app.state.pool.connection(timeout=PATIENCE_SECONDS) as conn:
        token = request.cookies.get(cookie_name(request), "")
        request.state.who = sessions.find(conn, token) if token else None
        yield conn


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    """First come, first served.

    Raises:
        PoolTimeout: those before us have not ended; the database is too slow, or away.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await turns.acquire()
    except TimeoutError:
        raise PoolTimeout(f"no turn within {PATIENCE_SECONDS} s") from None
    try:
        yield
    finally:
        turns.release()


Transaction = Annotated[Connection, Depends(transaction, scope="function")]


async def _now(request: Request) -> datetime:
    now: datetime = request.app.state.clock.now()
    return now


# What asks nobody is async: a thread for it would cost more than it does.
Now = Annotated[datetime, Depends(_now)]


def cookie_name(request: Request) -> str:
    """`__Host-` binds the cookie to this host and to https; plain http (this machine, a demo) cannot have it."""
    return "__Host-vigie" if is_https(request) else "vigie"


def is_https(request: Request) -> bool:
    """Whether browsers reach us by https, directly or through a proxy that `VIGIE_PUBLIC_URL` tells of."""
    return "https" in (request.url.scheme, urlsplit(request.app.state.settings.screens_url).scheme)


class MergedError(Exception):
    """The form is about a record that was merged into another meanwhile."""

    def __init__(self, old: str, *, new: str) -> None:
        super().__init__(f"{old} was merged into {new}")
        self.old, self.new = old, new


INTO: LiteralString = "SELECT into_patient FROM departed WHERE patient_id = %(patient_id)s AND status = 'merged'"
UNDOES = "/status"
"""What may be sent of a merged record: that it is none."""


def _refuse_merged(request: Request, conn: Connection) -> None:
    patient_id = request.path_params.get("patient_id", "").replace("\0", "")
    if not patient_id or request.url.path.endswith(UNDOES):
        return
    row = conn.execute(INTO, {"patient_id": patient_id}).fetchone()
    if row is not None:
        raise MergedError(patient_id, new=str(row[0]))


async def signed_in(request: Request, conn: Transaction) -> sessions.User:
    """The user of this session.

    Raises:
        SignInNeededError: there is none.
        MergedError: it is a form about a record that is no more.
    """
    user: sessions.User | None = request.state.who
    if user is None:
        raise SignInNeededError
    if user.seems_away and LIVE_HEADER not in request.headers:
        await run_in_threadpool(sessions.touch, conn, request.cookies[cookie_name(request)])
    request.state.user = user
    if request.method == "POST" and "patient_id" in request.path_params:
        await run_in_threadpool(_refuse_merged, request, conn)
    return user


SignedIn = Annotated[sessions.User, Depends(signed_in, scope="function")]


async def _own_form(
    request: Request, conn: Transaction, user: SignedIn, csrf: Annotated[str, Form()] = ""
) -> AsyncIterator[None]:
    """The form is of this session, and was not recorded before with other words.

    Raises:
        NotYourFormError: it is another's.
        SentBeforeError: it was.
    """
    if not secrets.compare_digest(csrf.encode(), user.csrf_token.encode()):
        raise NotYourFormError
    fields = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    request_id = _request_id(dict(fields))
    is_new = bool(request_id) and await run_in_threadpool(sent_forms.claim, conn, request_id, fields)
    yield
    if is_new and getattr(request.state, "is_page", False):  # refused or asked back: what is recorded leads elsewhere
        await run_in_threadpool(sent_forms.release, conn, request_id)


def _request_id(fields: dict[str, str]) -> str:
    try:
        return str(UUID(fields.get("request_id", "")))
    except ValueError:
        return ""  # a form without a number, or none that an endpoint takes


OwnForm = Depends(_own_form, scope="function")


def words_of(request: Request) -> Words:
    """The language of the user, or of the browser while nobody is signed in."""
    user: sessions.User | None = getattr(request.state, "user", None)
    return Words(language=user.language if user else preferred(request.headers.get("accept-language", "")))


class Page:
    """Answers with a template, in the reader's language."""

    def __init__(self, request: Request, now: datetime) -> None:
        self.request = request
        self.now = now

    @property
    def words(self) -> Words:
        return words_of(self.request)

    @property
    def address(self) -> str:
        """Where this page can be had again: what a form was answered with, where the form is."""
        is_read = self.request.method in {"GET", "HEAD"}
        parts = urlsplit(str(self.request.url) if is_read else self.request.headers.get("referer", "/"))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def answer(self, template: str, *, status: int = 200, zone: str | None = None, **content: object) -> Response:
        """A page; `zone` is the patient's, if the page is one patient's."""
        words = Words(language=self.words.language, zone=zone) if zone else self.words
        self.request.state.is_page = True
        return pages.answer(
            template,
            words=words,
            status=status,
            content={
                "user": getattr(self.request.state, "user", None),
                "now": self.now,
                "here": self.request.url.path,
                "again": self.address,
            }
            | content,
        )


async def _page(request: Request, now: Now) -> Page:
    return Page(request, now)


ThePage = Annotated[Page, Depends(_page)]
