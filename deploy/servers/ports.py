"""Which port do we take, and who holds the one we wanted?"""

import socket
import sys

import psutil

from schemas.settings import Settings


class PortTakenError(Exception):
    """The port that was asked for is held by another program; the message names it where the kernel tells us."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortTakenError: another program holds it, or this address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise PortTakenError(f"cannot listen on {host}, port {port}: {holder(port) or error.strerror}") from None
    # asyncio does this for its own sockets only; without it an answer in two packets waits 40 ms for a receipt.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def is_free(host: str, port: int) -> bool:
    """Whether `bind` would succeed now."""
    try:
        bind(host, port).close()
    except PortTakenError:
        return False
    return True


def check_metrics(settings: Settings) -> None:
    """Whether ingest's numbers can be served where they are asked for, before anything begins.

    Raises:
        PortTakenError: somebody else listens there; the setting is named.
    """
    _check("127.0.0.1", settings.metrics_port, setting="VIGIE_METRICS_PORT")


def check_webhook(settings: Settings) -> None:
    """The same of the receiver of webhooks, and of its numbers.

    Raises:
        PortTakenError: as `check_metrics`.
    """
    if settings.webhook_port:
        _check(settings.webhook_host, settings.webhook_port, setting="VIGIE_WEBHOOK_PORT")
        _check("127.0.0.1", settings.webhook_metrics_port, setting="VIGIE_WEBHOOK_METRICS_PORT")


def _check(host: str, port: int | None, *, setting: str) -> None:
    try:
        if port:
            bind(host, port).close()
    except PortTakenError as error:
        raise PortTakenError(f"{setting}: {error}") from None


def for_dashboard(settings: Settings) -> int:
    """The port for the dashboard: the one that was asked for, or a free one if nobody asked.

    Raises:
        PortTakenError: it was asked for, and is held by somebody else.
    """
    if "api_port" in settings.model_fields_set and settings.api_port:
        bind(settings.api_host, settings.api_port).close()
        return settings.api_port
    return preferred(settings)


def preferred(settings: Settings) -> int:
    """The dashboard's port if it is free, else another, saying why."""
    if settings.api_port and is_free(settings.api_host, settings.api_port):
        return settings.api_port
    with bind(settings.api_host, 0) as free:
        port: int = free.getsockname()[1]
    if settings.api_port:
        reason = holder(settings.api_port) or "it is taken"
        print(f"dashboard: not on port {settings.api_port} ({reason}), so on port {port}", file=sys.stderr)
    return port


def holder(port: int) -> str | None:
    """A sentence such as `mosquitto (process 812) has it`, or None if the kernel does not tell us."""
    try:
        listening = [
            found
            for found in psutil.net_connections(kind="tcp")
            if found.laddr and found.laddr.port == port and found.status == psutil.CONN_LISTEN
        ]
    except psutil.AccessDenied:
        return None
    for found in listening:
        if found.pid is not None:
            try:
                return f"{psutil.Process(found.pid).name()} (process {found.pid}) has it"
            except psutil.NoSuchProcess:
                continue
    return "another user's program has it" if listening else None
