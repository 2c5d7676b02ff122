"""How does a screen learn that something changed? One listening connection, told on to every open screen.

What is told is a patient's pseudonym and a kind, never a value: the screen asks for what it may see.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import psycopg
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from psycopg import Notify
from starlette.concurrency import run_in_threadpool

from clinician_api.access import sessions
from clinician_api.dependencies import cookie_name
from schemas import database

router = APIRouter()
CHANNELS = {"vigie_reading": "reading", "vigie_episode": "episode"}
LONGEST_SECONDS = 300  # then the browser comes back by itself and is asked again who it is
WAITING = 100
AGAIN_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class News:
    """Something about this patient changed; `*`: about any."""

    kind: Literal["reading", "episode"]
    patient_id: str


class Feed:
    """Listens in a thread, across outages of the database, and tells every subscriber."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._screens: set[asyncio.Queue[News | None]] = set()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Begin listening; call it in the event loop whose subscribers are told."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End every stream, and the thread."""
        self._stop.set()
        for screen in self._screens:
            _put(screen, None)
        self._thread.join(5)

    def subscribe(self) -> asyncio.Queue[News | None]:
        """A queue of news; None ends it."""
        screen: asyncio.Queue[News | None] = asyncio.Queue(WAITING)
        self._screens.add(screen)
        return screen

    def unsubscribe(self, screen: asyncio.Queue[News | None]) -> None:
        self._screens.discard(screen)

    def _run(self) -> None:
        first = True
        while not self._stop.is_set():
            try:
                self._listen(catch_up=not first)
            except psycopg.Error:
                self._stop.wait(AGAIN_SECONDS)
            first = False

    def _listen(self, *, catch_up: bool) -> None:
        with database.connect(self._url, service="api", autocommit=True) as conn:
            for channel in CHANNELS:
                conn.execute(f"LISTEN {channel}".encode())
            if catch_up:  # what was told during the outage is lost: everyone looks again
                self._tell(News(kind="episode", patient_id="*"))
            while not self._stop.is_set():
                for notify in conn.notifies(timeout=0.2):
                    self._tell(_news(notify))

    def _tell(self, news: News) -> None:
        assert self._loop
        self._loop.call_soon_threadsafe(self._tell_in_loop, news)

    def _tell_in_loop(self, news: News) -> None:
        for screen in self._screens:
            _put(screen, news)


def _news(notify: Notify) -> News:
    kind: Literal["reading", "episode"] = "reading" if notify.channel == "vigie_reading" else "episode"
    return News(kind=kind, patient_id=notify.payload)


def _put(screen: asyncio.Queue[News | None], news: News | None) -> None:
    """A screen that cannot keep up loses its backlog, and is told to look at everything."""
    if screen.full():
        while not screen.empty():
            screen.get_nowait()
        screen.put_nowait(News(kind="episode", patient_id="*"))
    screen.put_nowait(news)


async def _signed_in(request: Request) -> None:
    """Asked without holding a transaction for the minutes that a stream lives."""

    def ask() -> bool:
        with request.app.state.pool.connection() as conn:
            return sessions.find(conn, request.cookies.get(cookie_name(request), "")) is not None

    if not await run_in_threadpool(ask):
        raise HTTPException(401)


@router.get("/live", response_class=EventSourceResponse, dependencies=[Depends(_signed_in)])
async def live(request: Request) -> AsyncIterator[ServerSentEvent]:
    """News until the feed ends or five minutes have passed."""
    feed: Feed = request.app.state.feed
    screen = feed.subscribe()
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_SECONDS
    try:
        yield ServerSentEvent(event="hello", data={}, retry=2000)
        while (news := await asyncio.wait_for(screen.get(), until - loop.time())) is not None:
            yield ServerSentEvent(event="news", data=vars(news))
    except TimeoutError:
        return
    finally:
        feed.unsubscribe(screen)
