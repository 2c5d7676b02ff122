"""Are the programs running? Start them, start again one that died, end them all; none survives us."""

import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from deploy.servers import unprivileged
from schemas.settings import Settings, environment

STOP_SECONDS = 12
CALM_SECONDS = 30  # a program that ran this long starts again without a pause
LONGEST_PAUSE_SECONDS = 30

log = structlog.get_logger()


class Child:
    """One `vigie` command as a process of ours, in a session of its own: Ctrl-C on the terminal reaches only us.

    What it says goes to `log`, else to where we write ourselves.
    """

    def __init__(self, name: str, arguments: list[str], settings: Settings, *, log: Path | None = None) -> None:
        self.name = name
        self._arguments = arguments
        self._settings = settings
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause_seconds = 0.0
        self._not_before = 0.0

    def start(self) -> None:
        """Start it. From the main thread: the kernel interrupts it when that ends (see `unprivileged`)."""
        self._started = time.monotonic()
        with self._log.open("ab") if self._log else nullcontext() as output:
            self._process = subprocess.Popen(
                [*unprivileged.command_prefix(None), sys.executable, "-m", "deploy.cli", *self._arguments],
                env=environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def look_after(self) -> None:
        """Start it again if it died, at once the first time, then more and more slowly."""
        now = time.monotonic()
        if self._process is not None and (status := self._process.poll()) is not None:
            self._process = None
            calm = now - self._started > CALM_SECONDS
            self._pause_seconds = 0.0 if calm else min(LONGEST_PAUSE_SECONDS, 2 * self._pause_seconds + 1)
            self._not_before = now + self._pause_seconds
            log.warning("program_died", program=self.name, status=status, again_in_s=self._pause_seconds)
        if self._process is None and now >= self._not_before:
            self.start()

    def terminate(self) -> None:
        if self._process:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Until it has ended; by force after `seconds`."""
        if self._process:
            try:
                self._process.wait(max(0.0, seconds))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


class Supervisor:
    """A context manager around the running programs; from the main thread."""

    def __init__(self, children: list[Child]) -> None:
        self.children = children

    def __enter__(self) -> Self:
        for child in self.children:
            child.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            child.terminate()
        until = time.monotonic() + STOP_SECONDS
        for child in self.children:
            child.wait(until - time.monotonic())

    def run(self, stop: threading.Event) -> None:
        """Look after the programs until `stop`."""
        while not stop.wait(0.2):
            for child in self.children:
                child.look_after()


def services(settings: Settings, *, log: Path | None = None) -> list[Child]:
    """Ingest, alerts and the web application; webhooks' receiver if it has a port, the canary if it has an address."""
    webhook = ("webhook",) if settings.webhook_port else ()
    canary = ("canary",) if settings.canary_url else ()
    return [Child(name, [name], settings, log=log) for name in ("ingest", *webhook, "alerts", "api", *canary)]
