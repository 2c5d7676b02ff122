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
                    database.beat(conn, service="ingest", detail=detail())
                    stop.wait(EVERY_SECONDS)
        except psycopg.Error:
            stop.wait(EVERY_SECONDS)  # the main loop says in the log that the database is away
