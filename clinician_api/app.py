"""What does the web application consist of? Every page, what surrounds them, and what lives as long as it does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from clinician_api import compressed, doors, health, live
from clinician_api.access import sign_in
from clinician_api.account import account, one_tap, receipts
from clinician_api.dependencies import LIVE_HEADER, MergedError, Page, SignInNeededError
from clinician_api.detection import card, shadow, signing, trial_csv, trials
from clinician_api.duty import calendar, upkeep
from clinician_api.enrol import departure, joining, patient_import
from clinician_api.patient import (
    dry_weight,
    episodes,
    export,
    given_weight,
    household_act,
    journal,
    patient_list,
    patients,
    pauses,
    phone,
    plan_page,
    reading_review,
    reassign,
    tags,
    weighing_reminder,
)
from clinician_api.programme import programme
from clinician_api.scales import scale_stock, unknown_scales
from clinician_api.sent_forms import SentBeforeError
from clinician_api.worklist import acts, closure, time_machine, worklist
from schemas import database, heartbeat
from schemas.clock import Clock
from schemas.settings import Settings

# An address is compared with one after another: what is asked for most stands first.
ROUTERS = (
    worklist.router,
    patients.router,
    patient_list.router,
    live.router,
    health.router,
    sign_in.router,
    acts.router,
    closure.router,
    time_machine.router,
    unknown_scales.router,
    scale_stock.router,
    joining.router,
    patient_import.router,
    pauses.router,
    departure.router,
    dry_weight.router,
    given_weight.router,
    journal.router,
    plan_page.router,
    phone.router,
    weighing_reminder.router,
    tags.router,
    export.router,
    reassign.router,
    reading_review.router,
    household_act.router,
    episodes.router,
    account.router,
    one_tap.router,
    receipts.router,
    programme.router,
    trials.router,
    trial_csv.router,
    signing.router,
    calendar.router,
    upkeep.router,
    shadow.router,
    card.router,
)
AT_ONCE = 4
"""So many requests with the database, in each process; the others wait for their turn, first come first served. More
would only take turns at one interpreter, and every answer would be as late as the last."""


def create_app(settings: Settings, *, clock: Clock) -> FastAPI:
    """The dashboard. `settings.database_url` must be set; a database that is away is waited for."""
    assert settings.database_url
    url = settings.database_url.get_secret_value()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.feed = live.Feed(url)
        app.state.feed.start()
        app.state.turns = asyncio.Semaphore(AT_ONCE)
        with (
            database.open_pool(url, service="api", max_size=AT_ONCE) as app.state.pool,
            heartbeat.beating(url, service="api", program="api"),
        ):
            yield
        app.state.feed.stop()

    app = FastAPI(title="Vigie", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.clock = settings, clock
    app.router.routes.append(Route("/static/{name}", compressed.answer))
    for router in ROUTERS:
        app.include_router(router)
    _answer_errors(app)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=doors.FORM_BYTES)
    app.add_middleware(doors.Guard)
    return app


def _answer_errors(app: FastAPI) -> None:
    """Every error has a page in the reader's language, and a way on."""
    app.add_exception_handler(SignInNeededError, _to_sign_in)
    app.add_exception_handler(MergedError, _merged)
    app.add_exception_handler(SentBeforeError, _sent_before)
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(psycopg.DataError, _refused)  # what no row could hold: NUL, a number beyond its type
    app.add_exception_handler(PoolTimeout, _database_away)
    app.add_exception_handler(psycopg.OperationalError, _database_away)
    app.add_exception_handler(500, _broken)


def _to_sign_in(request: Request, error: Exception) -> Response:
    address = sign_in.sign_in_address(request)
    if LIVE_HEADER in request.headers or "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)


WRITTEN = {"note", "reason", "dose", "weight", "number", "whose", "tag"}
"""The fields of a patient's forms that are written; what is chosen is a click."""


async def _merged(request: Request, error: Exception) -> Response:
    """Say into which record, lead there, and lose nothing that was typed."""
    assert isinstance(error, MergedError)
    form = await request.form()  # parsed before
    kept = [value for name, value in form.multi_items() if name in WRITTEN and isinstance(value, str) and value.strip()]
    page = Page(request, request.app.state.clock.now())
    return page.answer("merged.html", status=409, old=error.old, new=error.new, kept=kept)


def _sent_before(request: Request, error: Exception) -> Response:
    """Say so, and offer what it says now in a form of its own."""
    assert isinstance(error, SentBeforeError)
    said = [(name, value) for name, value in error.fields if name not in {"csrf", "request_id"}]
    return Page(request, request.app.state.clock.now()).answer(
        "sent_before.html",
        status=409,
        hidden=[(name, value) for name, value in said if name not in WRITTEN],
        written=[(name, value) for name, value in said if name in WRITTEN],
        request_id=uuid4(),
    )


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_page(request, error.status_code)


def _refused(request: Request, error: Exception) -> Response:
    return _error_page(request, 422)


def _database_away(request: Request, error: Exception) -> Response:
    return _error_page(request, 503)


def _broken(request: Request, error: Exception) -> Response:
    page = _error_page(request, 500)
    doors.make_strict(request, page.headers)
    return page


def _error_page(request: Request, status: int) -> Response:
    return Page(request, request.app.state.clock.now()).answer("error.html", status=status, code=status)
