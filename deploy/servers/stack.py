"""What must run before a program can? A database and a broker: the ones we were given, else our own in `VIGIE_HOME`."""

import fcntl
import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import SecretStr, TypeAdapter

from deploy.servers import ports
from deploy.servers.embedded_broker import EmbeddedBroker, free_port
from deploy.servers.embedded_postgres import EmbeddedPostgres
from schemas import database, migrate
from schemas.settings import BrokerUrl, Settings

USUAL_PORT = 1883
START_SECONDS = 30


class NotMigratedError(Exception):
    """The database lacks what this program needs; the message says what to do."""


@contextmanager
def database_server(settings: Settings) -> Iterator[Settings]:
    """The same settings with a `database_url`; an embedded PostgreSQL runs at least as long as this block.

    Raises:
        PostgresError, CannotDropRootError: see deploy.servers.embedded_postgres.
    """
    if settings.database_url:
        yield settings
        return
    with EmbeddedPostgres(settings.home / "postgres") as server:
        yield settings.model_copy(update={"database_url": SecretStr(server.url)})


@contextmanager
def broker(settings: Settings) -> Iterator[Settings]:
    """The same settings with a `broker_url`; an embedded broker runs at least as long as this block.

    Several programs with one home share it: the first starts it and writes its address to `home/broker.json`.

    Raises:
        BrokerError: see deploy.servers.embedded_broker.
    """
    if settings.broker_url:
        yield settings
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    address = settings.home / "broker.json"
    with (settings.home / "broker.lock").open("w") as lock:
        if not _become_owner(lock):
            yield _with_broker(settings, _shared_address(address))
            return
        with EmbeddedBroker(settings.home / "broker", port=_broker_port()) as server:
            address.write_text(json.dumps({"url": server.url}))
            try:
                yield _with_broker(settings, server.url)
            finally:
                address.unlink(missing_ok=True)


@contextmanager
def servers(settings: Settings) -> Iterator[Settings]:
    """Database and broker: settings in which both addresses stand."""
    with database_server(settings) as with_database, broker(with_database) as with_both:
        yield with_both


@contextmanager
def ready_servers(settings: Settings) -> Iterator[Settings]:
    """Database, up to date as in `migrated_database`, and broker."""
    with servers(settings) as with_both:
        bring_up_to_date(settings, with_both)
        yield with_both


@contextmanager
def migrated_database(settings: Settings) -> Iterator[Settings]:
    """A database that is up to date: the embedded one is brought so, one that we were given must be so already.

    Raises:
        NotMigratedError: the database is behind.
        psycopg.OperationalError: it cannot be reached.
    """
    with database_server(settings) as with_database:
        bring_up_to_date(settings, with_database)
        yield with_database


def bring_up_to_date(given: Settings, resolved: Settings) -> None:
    """Migrate the embedded database; check the one that we were given.

    Raises:
        NotMigratedError: the database is behind.
    """
    with database.connect(url(resolved)) as conn:
        if given.database_url is None:
            list(migrate.migrate(conn))
        elif behind := migrate.pending(conn):
            raise NotMigratedError(f"the database lacks {behind[0]}: run `vigie migrate` first")


def url(settings: Settings) -> str:
    """The database's address in the clear."""
    assert settings.database_url
    return settings.database_url.get_secret_value()


def _with_broker(settings: Settings, address: str) -> Settings:
    return settings.model_copy(update={"broker_url": TypeAdapter(BrokerUrl).validate_python(address)})


def _become_owner(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _shared_address(file: Path) -> str:
    """The address of the broker that another program with our home is starting, or has started."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            address: str = json.loads(file.read_text())["url"]
            socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=1).close()
        except (OSError, ValueError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return address


def _broker_port() -> int:
    """1883, where scales look for a broker, else a free one, saying why."""
    if ports.is_free("127.0.0.1", USUAL_PORT):
        return USUAL_PORT
    port = free_port()
    reason = ports.holder(USUAL_PORT) or "it is taken"
    print(f"broker: not on port {USUAL_PORT} ({reason}), so on port {port}", file=sys.stderr)
    return port
