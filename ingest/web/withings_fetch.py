"""What did Withings want to tell us? Its notices are rows; each is fetched from its row until it has been.

A row is taken for some minutes, and who dies with it leaves it to the next. A notice that comes meanwhile is one more.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import structlog
from psycopg.rows import class_row

from ingest.adapters.withings import Notice
from ingest.message import Message
from ingest.web import withings_api
from ingest.web.withings_api import NotAcceptedError, WithingsError
from schemas import database
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import WithingsSettings

LOOK_SECONDS = 2.0
TAKEN = timedelta(minutes=5)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
MARGIN = timedelta(minutes=1)  # a token that ends sooner is renewed

NOTE: LiteralString = """
INSERT INTO withings_account AS known (user_id, since, told, due_at) VALUES (%(user_id)s, %(since)s, 1, %(now)s)
ON CONFLICT (user_id) DO UPDATE SET
    told = known.told + 1,
    since = CASE WHEN known.fetched = 0 THEN least(known.since, excluded.since) ELSE known.since END
"""
CONSENT: LiteralString = """
INSERT INTO withings_account (user_id, since, told, due_at, refresh_token)
VALUES (%(user_id)s, 0, 1, %(now)s, %(token)s)
ON CONFLICT (user_id) DO UPDATE SET refresh_token = excluded.refresh_token, access_token = NULL, expires_at = NULL,
    told = withings_account.told + 1, due_at = excluded.due_at, attempts = 0, problem = NULL
"""
TAKE: LiteralString = """
UPDATE withings_account SET due_at = %(until)s, attempts = attempts + 1 WHERE user_id = (
    SELECT user_id FROM withings_account WHERE told > fetched AND refresh_token IS NOT NULL AND due_at <= %(now)s
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING user_id, since, told, attempts, refresh_token, access_token, expires_at
"""
RENEWED: LiteralString = """
UPDATE withings_account SET access_token = %(access)s, refresh_token = %(refresh)s, expires_at = %(expires_at)s
WHERE user_id = %(user_id)s
"""
DONE: LiteralString = """
UPDATE withings_account SET fetched = %(told)s, since = %(since)s, due_at = %(now)s, attempts = 0, problem = NULL
WHERE user_id = %(user_id)s
"""
POSTPONE: LiteralString = """
UPDATE withings_account
SET due_at = %(due_at)s, problem = %(problem)s, expires_at = CASE WHEN NOT %(stale)s THEN expires_at END
WHERE user_id = %(user_id)s
"""

log = structlog.get_logger()

Store = Callable[[Connection, Message], object]
"""Stores what a message says, and commits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A patient's account with Withings, taken to be fetched."""

    user_id: str
    since: int
    told: int
    attempts: int
    refresh_token: str
    access_token: str | None
    expires_at: datetime | None


def note(conn: Connection, notice: Notice, *, now: datetime) -> None:
    """Count a notice; does not commit."""
    conn.execute(NOTE, {"user_id": notice.user_id, "since": notice.since, "now": now})


def consent(conn: Connection, user_id: str, *, refresh_token: str, now: datetime) -> None:
    """Keep a patient's consent, and fetch all that Withings has of him; does not commit."""
    conn.execute(CONSENT, {"user_id": user_id, "token": refresh_token, "now": now})


@contextmanager
def fetching(
    url: str, settings: WithingsSettings, *, clock: Clock, store: Store, news: threading.Event
) -> Iterator[None]:
    """Fetch in a thread whatever is due, at once when `news` is set; an outage of the database is waited out."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                with database.connect(url, service="ingest") as conn:
                    while not stop.is_set():
                        if not fetch_next(conn, settings, clock=clock, store=store):
                            news.wait(LOOK_SECONDS)
                            news.clear()
            except Exception as error:  # noqa: BLE001 what was taken is left until it is due again
                log.error("withings", error=type(error).__name__)  # noqa: TRY400 the text may repeat a token
                stop.wait(LOOK_SECONDS)

    thread = threading.Thread(target=run, name="withings", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        news.set()
        thread.join(2)


def fetch_next(conn: Connection, settings: WithingsSettings, *, clock: Clock, store: Store) -> bool:
    """Fetch for the account that has been due the longest; False if none is."""
    now = clock.now()
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        account = cursor.execute(TAKE, {"now": now, "until": now + TAKEN}).fetchone()
    conn.commit()
    if account is None:
        return False
    try:
        token = _token(conn, settings, account, now=now)
        pages, since = 0, account.since
        for page in withings_api.measures(settings, token, since=account.since):
            message = Message(
                topic=f"webhook/withings/{account.user_id}",
                payload=page.payload,
                received_at=clock.now(),
                may_have_waited=True,
            )
            store(conn, message)
            since = page.updated if pages == 0 else min(since, page.updated)
            pages += 1
    except WithingsError as error:
        _postpone(conn, account, error, now=clock.now())
        return True
    conn.execute(DONE, {"user_id": account.user_id, "told": account.told, "since": since, "now": clock.now()})
    conn.commit()
    log.info("withings", pages=pages)
    return True


def _token(conn: Connection, settings: WithingsSettings, account: Account, *, now: datetime) -> str:
    if account.access_token and account.expires_at and account.expires_at > now + MARGIN:
        return account.access_token
    tokens = withings_api.renew(settings, account.refresh_token)
    renewed = {"user_id": account.user_id, "access": tokens.access, "refresh": tokens.refresh}
    conn.execute(RENEWED, renewed | {"expires_at": now + timedelta(seconds=tokens.seconds)})
    conn.commit()
    return tokens.access


def _postpone(conn: Connection, account: Account, error: WithingsError, *, now: datetime) -> None:
    """Later, and later each time; a token that was not accepted is renewed once at once."""
    stale = isinstance(error, NotAcceptedError)
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(account.attempts - 1, 10))
    due_at = now if stale and account.attempts == 1 else now + wait
    postponed = {"user_id": account.user_id, "due_at": due_at, "problem": f"Withings {error}", "stale": stale}
    conn.execute(POSTPONE, postponed)
    conn.commit()
    log.warning("withings", problem=str(error), attempts=account.attempts)
