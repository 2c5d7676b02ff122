"""Is ingest alive, and what is wrong with it? A row every two seconds, whatever the other threads wait for."""

import threading
from collections.abc import Callable

import psycopg

from schemas import database

EVERY_SECONDS = 2.0


def start(url: str, *, detail: Callable[[], str], stop: threading.Event) -> threading.Thread:
    """Beat from now until `stop`, on a connection of its own; an outage of the database is waited out."""
    thread = threading.Thread(target=_beat, args=(url, detail, stop), name="heartbeat", daemon=True)
    thread.start()
    return thread


def _beat(url: str, detail: Callable[[], str], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with database.connect(url, service="ingest", autocommit=True) as conn:
                while not stop.is_set():
                    said = detail()
                    database.beat(conn, service="ingest", detail=said)
                    _wait_for_news(said, detail, stop)
        except psycopg.Error:
            stop.wait(EVERY_SECONDS)  # the main loop says in the log that the database is away


def _wait_for_news(said: str, detail: Callable[[], str], stop: threading.Event) -> None:
    """Two seconds, or less if there is something else to say."""
    for _ in range(int(EVERY_SECONDS / 0.1)):
        if stop.wait(0.1) or detail() != said:
            return
