"""How does one program of ours run in the foreground, and end when it is told to?"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

from deploy import ports
from schemas.clock import Clock
from schemas.settings import Settings

STOP_SECONDS = 10


def ingest(settings: Settings, clock: Clock) -> None:
    """Readings from the broker into the database, until a signal."""
    from ingest import service

    stop = threading.Event()
    with stopped_by_signals(stop.set):
        service.run(settings, clock=clock, stop=stop)


def alerts(settings: Settings, clock: Clock) -> None:
    """Detectors, episodes and notifications, until a signal."""
    from alerts import worker

    stop = threading.Event()
    with stopped_by_signals(stop.set):
        worker.run(settings, clock=clock, stop=stop)


def api(settings: Settings, clock: Clock) -> None:
    """The web application, until a signal.

    Raises:
        PortTakenError: somebody else listens there.
    """
    import uvicorn

    from clinician_api.app import create_app

    port = ports.for_dashboard(settings)
    settings = settings.model_copy(update={"api_port": port})
    listener = ports.bind(settings.api_host, port)
    config = uvicorn.Config(
        create_app(settings, clock=clock),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # anyone could write them; who stands before us is the operator's to say
        h11_max_incomplete_event_size=32_768,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,  # a dashboard's event stream never ends by itself
    )
    server = uvicorn.Server(config)
    # uvicorn's own handling repeats the signal when it has shut down, which would kill us before our servers are ended.
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    with stopped_by_signals(lambda: setattr(server, "should_exit", True)):
        server.run(sockets=[listener])


@contextmanager
def stopped_by_signals(stop: Callable[[], None], *, limit_seconds: float = STOP_SECONDS) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks; the second, or the limit, ends at once: no line of ours minds that."""
    limit = threading.Timer(limit_seconds, os._exit, (1,))
    limit.daemon = True

    def on_signal(number: int, frame: FrameType | None) -> None:
        if limit.ident is not None:
            os._exit(1)
        limit.start()
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        limit.cancel()
