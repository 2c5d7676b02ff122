"""Does this program live? A row every ten seconds; who ends in order says so, and is missed by nobody."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from schemas import database
from schemas.database import Service

EVERY_SECONDS = 10.0
ENDED = "ended"
WORKER = "ingest-"
"""Before the number of each ingest worker but the first, which beats as `ingest`."""


@contextmanager
def beating(url: str, *, service: Service, program: str) -> Iterator[None]:
    """Beat as `program`, with the rights of `service`, in a thread; an outage of the database is waited out."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(url, service, program, stop), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2)


def _beat(url: str, service: Service, program: str, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with database.connect(url, service=service, autocommit=True) as conn:
                while not stop.is_set():
                    database.beat(conn, program=program, detail="ok")
                    stop.wait(EVERY_SECONDS)
                database.beat(conn, program=program, detail=ENDED)
        except psycopg.Error:
            stop.wait(EVERY_SECONDS)
