"""How do readings come in by HTTP? One address for each sender that cannot speak MQTT; 200 only after the commit.

The same adapters, store and tables as for messages. Whoever gets no 200 sends again, which is harmless. A sender proves
that it knows the secret: in a header, by an HMAC-SHA256 of the body, or, if all it can be given is an address, in that.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Annotated

import psycopg
import structlog
from fastapi import Depends, FastAPI, HTTPException, Request
from psycopg_pool import PoolTimeout
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from ingest import service
from ingest.adapters import arrival, dialects, withings
from ingest.adapters.strict_json import MESSAGE_BYTES
from ingest.message import Message
from ingest.service import Batch
from ingest.storage.store import Outcome
from ingest.web import withings_fetch
from ingest.worker import metrics
from schemas import database, heartbeat
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import Settings

WAIT_SECONDS = 5.0  # Withings gives up soon; better a 503 that it repeats

log = structlog.get_logger()


def create_app(settings: Settings, *, clock: Clock) -> FastAPI:
    """The receiver; `settings.database_url` and `settings.webhook_secret` must be set."""
    assert settings.database_url
    assert settings.webhook_secret
    url = settings.database_url.get_secret_value()

    if settings.webhook_metrics_port:
        metrics.serve(settings.webhook_metrics_port)

    news = threading.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            app.state.pool = stack.enter_context(database.open_pool(url, service="ingest"))
            stack.enter_context(heartbeat.beating(url, service="ingest", program="webhook"))
            if settings.withings.client_id and settings.withings.client_secret:
                storing = partial(store, clock=clock)
                fetching = withings_fetch.fetching(url, settings.withings, clock=clock, store=storing, news=news)
                stack.enter_context(fetching)
            yield

    app = FastAPI(title="Vigie webhooks", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.clock, app.state.news = clock, news
    app.state.secret = settings.webhook_secret.get_secret_value().encode()
    app.add_api_route("/webhook/{path:path}", look, methods=["HEAD"])
    app.add_api_route("/webhook/{path:path}", receive, methods=["POST"])
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MESSAGE_BYTES)
    return app


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


def look(path: str) -> None:
    """Withings asks so whether anybody is there, before it says who it is."""


def receive(path: str, request: Request, body: Body) -> dict[str, int]:
    """Store what the body says; what is no reading is kept as a refusal, which is an answer too."""
    if not knows_secret(request, body, request.app.state.secret):
        metrics.REJECTED.labels("webhook", "secret").inc()
        raise HTTPException(401, "the secret is missing or another")
    topic = f"webhook/{path}"
    if dialects.reader_of(topic) is None:
        metrics.REJECTED.labels("webhook", "address").inc()
        raise HTTPException(404, "nobody reads this address")
    state, now = request.app.state, request.app.state.clock.now()
    notice = withings.notice(body) if path.startswith(withings.NAME) else None
    with _connection(request) as conn:
        if notice:
            withings_fetch.note(conn, notice, now=now)
            conn.commit()
            state.news.set()
            return {"stored": 0, "quarantined": 0, "refused": 0}
        outcome = store(conn, Message(topic=topic, payload=body, received_at=now), clock=state.clock)
    counts = {"stored": outcome.stored, "quarantined": outcome.quarantined, "refused": outcome.refused}
    log.info("webhook", dialect=path.split("/", 1)[0], **counts)
    return counts


def knows_secret(request: Request, body: bytes, secret: bytes) -> bool:
    """`Authorization: Bearer SECRET`, `X-Vigie-Signature: sha256=HEX` or `?secret=SECRET`, in constant time."""
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    bearer = request.headers.get("authorization", "").partition("Bearer ")[2]
    return (
        hmac.compare_digest(bearer.encode(), secret)
        or hmac.compare_digest(request.headers.get("x-vigie-signature", "").encode(), signature.encode())
        or hmac.compare_digest(request.query_params.get("secret", "").encode(), secret)
    )


@contextmanager
def _connection(request: Request) -> Iterator[Connection]:
    """Of the pool; an outage of the database is answered so that the sender sends again."""
    try:
        with request.app.state.pool.connection(timeout=WAIT_SECONDS) as conn:
            yield conn
    except (psycopg.OperationalError, PoolTimeout) as error:
        log.error("database", error=type(error).__name__)  # noqa: TRY400 the database's text may repeat the weight
        raise HTTPException(503, "the database does not take readings now; send again") from None


def store(conn: Connection, message: Message, *, clock: Clock) -> Outcome:
    """Store what a message says, and commit."""
    batch = Batch(arrivals=list(arrival.arrivals(message)), sightings=[])
    began = time.perf_counter()
    try:
        outcome = service.store_batch(conn, batch, now=clock.now(), rate=clock.rate)
    except (psycopg.DataError, psycopg.IntegrityError):
        conn.rollback()
        outcome = service.store_one_by_one(conn, batch, now=clock.now(), rate=clock.rate)
    metrics.count(batch.arrivals, outcome, seconds=time.perf_counter() - began)
    return outcome
