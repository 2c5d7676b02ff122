"""Which of several processes takes a connection? The one with the fewest, so that nobody waits behind five others.

A browser keeps its connection. Left to chance, which process wakes first and takes all that wait, of eight readers six
came to one of two processes, and waited three times as long as the other two.
"""

import asyncio
import socket
from collections.abc import Callable
from mmap import mmap
from typing import Any

import uvicorn

PATIENCE_SECONDS = 0.01
"""So long a connection is left to a process with fewer, which may be busy, or dead; then whoever sees it takes it."""


class _Connections(set[Any]):
    """uvicorn's own set, which tells of each that comes or goes."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed

    def add(self, one: object) -> None:
        super().add(one)
        self._changed()

    def discard(self, one: object) -> None:
        super().discard(one)
        self._changed()


class Server(uvicorn.Server):
    """Serves one listening socket beside others like it.

    `counts`: how many connections each has, in memory that all share; a byte each is enough to compare. `number`: ours.
    """

    def __init__(self, config: uvicorn.Config, *, listener: socket.socket, number: int, counts: mmap) -> None:
        super().__init__(config)
        self._listener, self._number, self._counts = listener, number, counts
        self._coming: set[asyncio.Task[object]] = set()
        self.server_state.connections = _Connections(self._tell)
        self._tell()

    def _tell(self) -> None:
        self._counts[self._number] = min(255, len(self.server_state.connections) + len(self._coming))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 uvicorn's own argument
        await super().startup(sockets=[])
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._look)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        await super().shutdown(sockets)

    def _look(self) -> None:
        """A connection waits, for all of us."""
        if self._counts[self._number] <= min(self._counts[:]):
            self._take()
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        loop.call_later(PATIENCE_SECONDS, self._take_what_is_left)

    def _take_what_is_left(self) -> None:
        if not self.should_exit:
            self._take()
            asyncio.get_running_loop().add_reader(self._listener, self._look)

    def _take(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # another process was faster, or the caller has gone
            return
        coming = asyncio.get_running_loop().create_task(self._serve_one(connection))
        self._coming.add(coming)
        self._tell()
        coming.add_done_callback(self._has_come)

    def _has_come(self, coming: asyncio.Task[object]) -> None:
        """From now on uvicorn counts it."""
        self._coming.discard(coming)
        self._tell()

    async def _serve_one(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            ),
            connection,
        )
