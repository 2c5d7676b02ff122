"""Is this worker's place free? Each number is one program's; a second one says so and ends.

Two with one number would take turns at hanging up on each other, for a broker knows one session by a name. The place is
a lock of the database, which lasts as long as the connection that took it.
"""

import threading
import time
from typing import LiteralString

import psycopg

from schemas import database
from schemas.database import Connection

PATIENCE_SECONDS = 5.0  # a predecessor that was killed is let go of when the server sees its connection closed
TAKE: LiteralString = "SELECT pg_try_advisory_lock(57, %(worker)s)"


class TakenError(Exception):
    """Another ingest has this number; the message says what to do."""


def take(url: str, *, worker: int, stop: threading.Event) -> Connection | None:
    """A connection that holds the place; None if the database cannot be asked now, which is no reason not to begin.

    Raises:
        TakenError: it is another's, and has been for some seconds.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        conn = database.connect(url, service="ingest", autocommit=True)
        while not holds(conn, worker=worker):
            if time.monotonic() > until or stop.wait(0.1):
                conn.close()
                raise TakenError(
                    f"another ingest is at work as worker {worker} on this database:"
                    " end it, or give each its own number (`vigie ingest --worker 2`)"
                )
    except psycopg.Error:
        return None
    return conn


def holds(conn: Connection, *, worker: int) -> bool:
    """Take the place on this connection if it is free; whether it is ours then."""
    return conn.execute(TAKE, {"worker": worker}).fetchone() == (True,)
