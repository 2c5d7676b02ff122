"""What does `vigie up` do? Servers, migrations, programs, and the address once it answers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.processes.program import stopped_by_signals
from deploy.processes.supervisor import Child, Supervisor, services
from deploy.servers import ports, stack
from schemas import database, logs, migrate
from schemas.clock import Clock, ClockSetting, open_clock
from schemas.settings import Settings

START_SECONDS = 60
STOP_SECONDS = 40  # the programs' twelve, and the servers' last writes


def run(given: Settings) -> None:
    """Everything until a signal; see `vigie up --help`.

    Raises:
        PortTakenError: a port that was asked for is held by somebody else.
        psycopg.Error, BrokerError, PostgresError, MigrationError: it could not start.
    """
    ports.check_metrics(given)
    ports.check_webhook(given)
    with running_servers(given, port=ports.for_dashboard(given)) as settings:
        clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
        ready = for_children(settings, clock)
        run_programs(services(ready), ready, announce=f"Vigie answers on {ready.screens_url}")


@contextmanager
def running_servers(given: Settings, *, port: int) -> Iterator[Settings]:
    """Database, migrated, and broker; both then stand in the settings, and the web application's port."""
    logs.configure(service="up", log_format=given.log_format)
    with stack.servers(given) as settings:
        with database.connect(stack.url(settings)) as conn:
            for name in migrate.migrate(conn):
                print(f"migrated: {name}", flush=True)
        yield settings.model_copy(update={"api_port": port})


def for_children(settings: Settings, clock: Clock) -> Settings:
    """These settings with the clock's anchor written out, so that every program shows the same time."""
    return settings.model_copy(update={"clock": str(clock.setting)})


def run_programs(children: list[Child], settings: Settings, *, announce: str) -> None:
    """Run `children` until a signal; print `announce` once the web application listens."""
    stop = threading.Event()
    with stopped_by_signals(stop.set, limit_seconds=STOP_SECONDS), Supervisor(children) as supervisor:
        threading.Thread(target=_announce, args=(settings, announce, stop), daemon=True).start()
        supervisor.run(stop)


def _announce(settings: Settings, sentence: str, stop: threading.Event) -> None:
    until = time.monotonic() + START_SECONDS
    while not stop.wait(0.1) and time.monotonic() < until:
        try:
            socket.create_connection((settings.api_host, settings.api_port), timeout=1).close()
        except OSError:
            continue
        print(sentence, flush=True)
        return
