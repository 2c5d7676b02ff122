"""How does a program reach the database? Connections with timeouts, and only the rights its service has."""

import select
from collections.abc import Callable, Mapping
from typing import Literal, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

Service = Literal["ingest", "alerts", "api"]
Connection = psycopg.Connection[tuple[object, ...]]
T = TypeVar("T")

CAN_TAKE_ROLE: LiteralString = """
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s)
   AND pg_has_role(current_user, (SELECT oid FROM pg_roles WHERE rolname = %(role)s), 'MEMBER')
"""
BEAT: LiteralString = """
INSERT INTO heartbeat (service, at, detail) VALUES (%(service)s, now(), %(detail)s)
ON CONFLICT (service) DO UPDATE SET at = excluded.at, detail = excluded.detail
"""


def connect(url: str, *, service: Service | None = None, autocommit: bool = False) -> Connection:
    """One connection, with the service's rights where the database has the role (see 0004_roles.sql).

    Raises:
        psycopg.OperationalError: the server cannot be reached or refuses us.
    """
    conn = psycopg.connect(url, connect_timeout=10, application_name=f"vigie-{service or 'deploy'}")
    if service:
        take_role(service)(conn)
    conn.autocommit = autocommit
    return conn


def take_role(service: Service) -> Callable[[Connection], None]:
    """A pool's `configure`: become `vigie_ingest`, `vigie_alerts` or `vigie_api` where the login may."""
    role = f"vigie_{service}"

    def configure(conn: Connection) -> None:
        if conn.execute(CAN_TAKE_ROLE, {"role": role}).fetchone() == (True,):
            conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        conn.execute("SET TIME ZONE 'UTC'")
        conn.commit()

    return configure


def _check(conn: Connection) -> None:
    """A server that has ended, or let go of us, closed the socket: only where something is to be read is it asked.

    Asking each time is a round trip more for every request.

    Raises:
        psycopg.Error: the connection is lost.
    """
    asked = select.poll()  # and not select(), which knows 1024 files
    asked.register(conn, select.POLLIN)
    if asked.poll(0):
        ConnectionPool.check_connection(conn)


def open_pool(url: str, *, service: Service, max_size: int = 4) -> ConnectionPool[Connection]:
    """A pool whose connections are checked before use, so that a restarted server costs one retry, not an error."""
    return ConnectionPool(
        url,
        min_size=1,
        max_size=max_size,
        configure=take_role(service),
        check=_check,
        kwargs={"connect_timeout": 10, "application_name": f"vigie-{service}"},
        timeout=30,
        open=True,
    )


def ask(
    conn: Connection, row: type[T], query: LiteralString, values: Mapping[str, object] | None = None
) -> psycopg.Cursor[T]:
    """Rows of a class, to be fetched later: in a pipeline nothing is waited for until then."""
    return conn.cursor(row_factory=class_row(row)).execute(query, values)


def beat(conn: Connection, *, program: str, detail: str) -> None:
    """Say that `program` is alive; `detail` is `ok` or what is wrong, for `/healthz`. The caller commits."""
    conn.execute(BEAT, {"service": program, "detail": detail})
