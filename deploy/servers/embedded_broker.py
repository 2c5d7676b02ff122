"""Where is the broker if nobody gave us one? mosquitto if it is installed, else the one inside the `iotcore` wheel."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.servers import unprivileged

START_SECONDS = 20
MOSQUITTO = """\
# Written by deploy/embedded_broker.py at every start.
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 30
# The defaults (20 in flight, 1,000 queued) throttle and then drop in silence (performance.md 1c).
max_inflight_messages 1000
max_queued_messages 0
max_queued_bytes 268435456
persistent_client_expiration 14d
message_size_limit 2097152
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
"""


class BrokerError(Exception):
    """The embedded broker did not start; the message says what to do."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def mosquitto_program() -> str | None:
    """The path of mosquitto; Debian keeps it where an ordinary user's PATH does not look."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")  # noqa: TID251 the PATH is not a setting of ours


class EmbeddedBroker:
    """An MQTT broker on 127.0.0.1, its state in `folder`; a context manager, or `start()` and `stop()`."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.log = self.folder / "broker.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> str:
        """Start the broker; returns its address once it answers. From the main thread (see `unprivileged`).

        Raises:
            BrokerError: it ended, or did not answer in time.
        """
        program = mosquitto_program()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._mosquitto(program) if program else self._iotcore(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End the broker; mosquitto saves its queues first."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _mosquitto(self, program: str) -> list[str]:
        state = self.folder / "mosquitto"
        user = unprivileged.service_user(state)
        unprivileged.give(state, user)
        config = self.folder / "mosquitto.conf"
        config.write_text(MOSQUITTO.format(port=self.port, folder=state))
        return [*unprivileged.command_prefix(user), program, "-c", str(config)]

    def _iotcore(self) -> list[str]:
        ours = [sys.executable, "-m", "deploy.servers.iotcore_broker", str(self.port)]
        return [*unprivileged.command_prefix(None), *ours]

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                raise BrokerError(f"the broker ended at once: see {self.log}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise BrokerError(f"the broker does not answer: see {self.log}")
