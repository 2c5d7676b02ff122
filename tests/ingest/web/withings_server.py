"""A small server that speaks Withings' documented format (payloads.md §9), with a memory and moods."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

CLIENT = {"client_id": ["clinic"], "client_secret": ["s3cret-of-the-clinic"]}


class WithingsServer:
    """`groups` come in pages of two. `moods` are statuses to answer before all is well again; `open` lets pages go."""

    def __init__(self) -> None:
        self.groups: list[dict[str, object]] = []
        self.moods: deque[int] = deque()
        self.updatetime = 1787375600
        self.refresh_token, self.access_token = "refresh-0", ""
        self.renewed = 0
        self.asked: list[dict[str, list[str]]] = []
        self.open = threading.Event()
        self.open.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                answer = server.tokens(form) if self.path == "/v2/oauth2" else server.measures(form, bearer)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()

    def tokens(self, form: dict[str, list[str]]) -> dict[str, object]:
        known = {"action": ["requesttoken"], "grant_type": ["refresh_token"], "refresh_token": [self.refresh_token]}
        if form != known | CLIENT:
            return {"status": 503, "body": {}, "error": "Invalid Params: invalid refresh_token"}
        self.renewed += 1
        self.refresh_token, self.access_token = f"refresh-{self.renewed}", f"access-{self.renewed}"
        tokens = {"access_token": self.access_token, "refresh_token": self.refresh_token, "expires_in": 10800}
        return {"status": 0, "body": {"userid": "12345", "scope": "user.metrics", "token_type": "Bearer", **tokens}}

    def measures(self, form: dict[str, list[str]], bearer: str) -> dict[str, object]:
        if self.moods:
            return {"status": self.moods.popleft(), "body": {}}
        if bearer != self.access_token or form["action"] != ["getmeas"]:
            return {"status": 401, "body": {}, "error": "XRequestID: Not provided invalid_token"}
        offset = int(form.get("offset", ["0"])[0])
        if offset:
            self.open.wait(30)
        self.asked.append(form)
        following = offset + 2
        body: dict[str, object] = {
            "updatetime": str(self.updatetime),
            "timezone": "Europe/Paris",
            "measuregrps": self.groups[offset:following],
        }
        more = following < len(self.groups)
        return {"status": 0, "body": body | ({"more": 1, "offset": following} if more else {"more": 0, "offset": 0})}
