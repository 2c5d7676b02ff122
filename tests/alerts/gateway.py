"""An SMS gateway on 127.0.0.1 that counts, and fails as gateways do."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from deploy.servers.embedded_broker import free_port

Mood = Literal["takes", "hangs", "is_late", "answers_500", "answers_401", "closes_half_way"]


class SmsGateway:
    """Takes what apprise's `json://` posts. A hung request waits until the gateway is closed."""

    def __init__(self, *, mood: Mood = "takes", host: str = "127.0.0.1", late_seconds: float = 5.0) -> None:
        self.mood = mood
        self.host = host
        self.late_seconds = late_seconds
        self.port = free_port()
        self.asked: list[str] = []
        """Every text that somebody tried to send."""
        self.taken: list[str] = []
        """Those that will reach a telephone."""
        self.references: list[str] = []
        self.on_asked: Callable[[], object] = lambda: None
        self.on_taken: Callable[[], None] = lambda: None
        self._ends = threading.Event()

    @property
    def url(self) -> str:
        return f"json://{self.host}:{self.port}/"

    @contextlib.contextmanager
    def open(self) -> Iterator["SmsGateway"]:
        server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            self._ends.set()
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                gateway.asked.append(sent["message"])
                gateway.on_asked()
                mood = gateway.mood
                if mood == "hangs":
                    gateway._ends.wait(60)
                elif mood == "closes_half_way":
                    self.wfile.write(b"HTTP/1.1 2")
                elif mood in ("answers_500", "answers_401"):
                    self.send_error(int(mood[-3:]))
                else:
                    gateway.taken.append(sent["message"])
                    gateway.references.append(sent.get("reference", ""))
                    gateway.on_taken()
                    if mood == "is_late":
                        gateway._ends.wait(gateway.late_seconds)
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
                pass

        return Handler
