"""How does one program of ours run in the foreground, and end when it is told to?"""

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from mmap import mmap
from types import FrameType
from typing import TYPE_CHECKING

from deploy.outcome import CommandError
from deploy.processes import workers
from deploy.servers import ports
from schemas.clock import Clock
from schemas.settings import Settings

if TYPE_CHECKING:  # a fast `vigie --help`
    from fastapi import FastAPI

STOP_SECONDS = 10
SWITCH_SECONDS = 0.001


def ingest(settings: Settings, clock: Clock) -> None:
    """Readings from the broker into the database, until a signal.

    Raises:
        CommandError: another ingest has this worker's number.
        PortTakenError: somebody else listens at the metrics' port.
    """
    from ingest import service
    from ingest.worker import seat

    ports.check_metrics(settings)
    stop = threading.Event()
    with stopped_by_signals(stop.set):
        try:
            service.run(settings, clock=clock, stop=stop)
        except seat.TakenError as error:
            raise CommandError(str(error)) from None


def replay_raw(settings: Settings, clock: Clock) -> None:
    """Messages that were refused before, and readings that are stored, read again; prints what was new."""
    from ingest.past import read_again
    from ingest.past import replay_raw as replaying
    from schemas import database

    assert settings.database_url
    url = settings.database_url.get_secret_value()
    messages = stored = quarantined = readings = misread = 0
    with database.connect(url, service="ingest") as conn, database.connect(url, service="ingest") as reading:
        last = None
        while (done := replaying.replay(conn, after=last, now=clock.now(), rate=clock.rate)).last:
            conn.commit()
            messages, stored = messages + done.messages, stored + done.stored
            quarantined, last = quarantined + done.quarantined, done.last
        print(f"{messages} refused messages read again: {stored} readings stored, {quarantined} quarantined")
        for some in read_again.stored_readings(reading):
            readings += len(some)
            misread += read_again.correct(conn, some, now=clock.now(), rate=clock.rate)
            conn.commit()
    print(f"{readings} readings read again: {misread} had been misread, and stand corrected")


def alerts(settings: Settings, clock: Clock) -> None:
    """Detectors, episodes and notifications, until a signal."""
    from alerts import worker
    from deploy import alarm_budget

    stop = threading.Event()
    with stopped_by_signals(stop.set):
        worker.run(settings, clock=clock, stop=stop, simulated=alarm_budget.simulated)


def api(settings: Settings, clock: Clock) -> None:
    """The web application, in one process for each processor, until a signal.

    Raises:
        PortTakenError: somebody else listens there.
    """
    from clinician_api.app import create_app

    port = ports.for_dashboard(settings)
    settings = settings.model_copy(update={"api_port": port})
    app, listener = create_app(settings, clock=clock), ports.bind(settings.api_host, port)
    # A full collection walks all that was loaded while nobody is answered: half of the p99 of eight readers at once. A
    # page makes some ten thousand objects, of which next to none wait for a collection.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    # A request changes threads four times, and each waits for the others' turn at the interpreter: 5 ms unless told.
    sys.setswitchinterval(SWITCH_SECONDS)
    counts = mmap(-1, settings.api_workers)
    if settings.api_workers == 1:
        _serve(app, listener, number=0, counts=counts)
        return
    stop = threading.Event()
    with stopped_by_signals(stop.set):
        workers.run(settings.api_workers, lambda number: _serve(app, listener, number=number, counts=counts), stop=stop)


def webhook(settings: Settings, clock: Clock) -> None:
    """Readings by HTTP into the database, until a signal.

    Raises:
        CommandError: port or secret are not set.
        PortTakenError: somebody else listens there.
    """
    from ingest.web.webhook import create_app

    if settings.webhook_port is None or settings.webhook_secret is None:
        raise CommandError("set VIGIE_WEBHOOK_PORT and VIGIE_WEBHOOK_SECRET (docs/scales.md)")
    ports.check_webhook(settings)
    listener = ports.bind(settings.webhook_host, settings.webhook_port)
    _serve(create_app(settings, clock=clock), listener, number=0, counts=mmap(-1, 1))


def _serve(app: "FastAPI", listener: socket.socket, *, number: int, counts: mmap) -> None:
    import uvicorn

    from deploy.processes import shared_port

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # anyone could write them; who stands before us is the operator's to say
        h11_max_incomplete_event_size=32_768,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,  # a dashboard's event stream never ends by itself
    )
    server = shared_port.Server(config, listener=listener, number=number, counts=counts)
    # uvicorn's own handling repeats the signal when it has shut down, which would kill us before our servers are ended.
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    with stopped_by_signals(lambda: setattr(server, "should_exit", True)):
        server.run(sockets=[listener])


@contextmanager
def stopped_by_signals(stop: Callable[[], None], *, limit_seconds: float = STOP_SECONDS) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP asks; the second, or the limit, ends at once: no line of ours minds that.

    Who was started by `nohup` stays when its terminal goes.
    """
    limit = threading.Timer(limit_seconds, os._exit, (1,))
    limit.daemon = True

    def on_signal(number: int, frame: FrameType | None) -> None:
        if limit.ident is not None:
            os._exit(1)
        limit.start()
        stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        limit.cancel()
