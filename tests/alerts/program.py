"""The alerts program, in this process or in one that can be killed; and a mailbox that really speaks SMTP."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from pydantic import SecretStr
from pydantic.networks import AnyUrl

from alerts import worker
from deploy import alarm_budget
from deploy.servers.embedded_broker import free_port
from schemas.clock import Clock
from schemas.settings import AlertsSettings, Settings


def settings(database_url: str, *, fallback_seconds: float = 120) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        public_url=AnyUrl("https://vigie.example"),
        alerts=AlertsSettings(fallback_seconds=fallback_seconds),
    )


@contextlib.contextmanager
def running(database_url: str, *, start: datetime, fallback_seconds: float = 120) -> Iterator[Clock]:
    """The worker in threads of this process, its clock beginning at `start`."""
    stop, clock = threading.Event(), Clock(start=start)
    thread = threading.Thread(
        target=worker.run,
        args=(settings(database_url, fallback_seconds=fallback_seconds),),
        kwargs={"clock": clock, "stop": stop, "simulated": alarm_budget.simulated},
    )
    thread.start()
    try:
        yield clock
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


@contextlib.contextmanager
def killable(database_url: str, *, start: datetime) -> Iterator["subprocess.Popen[bytes]"]:
    """The worker in a process of its own."""
    command = [sys.executable, "-m", "tests.alerts.program", database_url, start.isoformat()]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


def eventually(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    """The first true answer; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Mailbox:
    """A real SMTP server on 127.0.0.1 that keeps what it gets."""

    def __init__(self, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.messages: list[EmailMessage] = []
        self.on_greeting: Callable[[], None] = lambda: None
        self.on_message: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=vigie@vigie.example&to=garde@vigie.example&mode=insecure"

    @contextlib.contextmanager
    def open(self) -> Iterator["Mailbox"]:
        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()

    async def handle_EHLO(  # noqa: N802 aiosmtpd's name and arguments
        self,
        server: Any,  # noqa: ARG002
        session: Any,
        envelope: Any,  # noqa: ARG002
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        self.on_greeting()
        return responses

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.on_message()
        return "250 OK"


def text(message: EmailMessage) -> str:
    """Everything a provider could read, but for the random digits of the message's own number."""
    whole = message.as_bytes().decode().replace(message["Message-ID"].strip(), "")
    return "\n".join([message["subject"], whole, *said(message)])


def said(message: EmailMessage) -> list[str]:
    """The e-mail's forms: text, HTML."""
    return [str(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"]


if __name__ == "__main__":
    worker.run(
        settings(sys.argv[1]),
        clock=Clock(start=datetime.fromisoformat(sys.argv[2])),
        stop=threading.Event(),
        simulated=alarm_budget.simulated,
    )
