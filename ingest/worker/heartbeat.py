"""Is ingest alive, and what is wrong with it? A row every two seconds, whatever the other threads wait for.

Each worker has its own. One that ends in order says so, and is missed by nobody: a clinic may do with fewer. Not the
first, without which nothing of the other dialects comes in.
"""

import threading
from collections.abc import Callable

import psycopg

from ingest.worker import seat
from schemas import database
from schemas.database import Connection
from schemas.heartbeat import ENDED, WORKER

EVERY_SECONDS = 2.0


def start(
    url: str, *, seated: Connection | None, worker: int, detail: Callable[[], str], stop: threading.Event
) -> threading.Thread:
    """Beat from now until `stop`, on the connection that holds our seat; an outage of the database is waited out."""
    thread = threading.Thread(target=_beat, args=(url, seated, worker, detail, stop), name="heartbeat", daemon=True)
    thread.start()
    return thread


def _beat(url: str, seated: Connection | None, worker: int, detail: Callable[[], str], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with seated or database.connect(url, service="ingest", autocommit=True) as conn:
                seat.holds(conn, worker=worker)  # on the connection before an outage it was ours
                while not stop.is_set():
                    said = detail()
                    database.beat(conn, program=_name(worker), detail=said)
                    _wait_for_news(said, detail, stop)
                if worker > 1:
                    database.beat(conn, program=_name(worker), detail=ENDED)
        except psycopg.Error:
            stop.wait(EVERY_SECONDS)  # the main loop says in the log that the database is away
        seated = None


def _name(worker: int) -> str:
    return f"{WORKER}{worker}" if worker > 1 else "ingest"


def _wait_for_news(said: str, detail: Callable[[], str], stop: threading.Event) -> None:
    """Two seconds, or less if there is something else to say."""
    for _ in range(int(EVERY_SECONDS / 0.1)):
        if stop.wait(0.1) or detail() != said:
            return
