"""Where do the demonstration's e-mails go? An SMTP server and a page that shows them, both on 127.0.0.1."""

import html
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast
from urllib.parse import quote

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.servers.embedded_broker import free_port
from schemas.clock import real_now

HOST = "127.0.0.1"
KEPT = 200
MAX_BYTES = 1024 * 1024
PAGE = """<!doctype html>
<html lang="fr"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>Vigie : boîte aux lettres de démonstration</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733 }}
article {{ border: 1px solid #c9d2dc; border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0 }}
h2 {{ font-size: 1rem; margin: 0 }} pre {{ white-space: pre-wrap; font: inherit; margin: .5rem 0 0 }}
small {{ color: #51606f }}
</style>
<h1>Boîte aux lettres</h1>
<p>Les courriels que Vigie envoie dans cette démonstration, le plus récent d’abord. Aucun ne quitte cette machine.</p>
{mails}</html>
"""
MAIL = "<article><h2>{subject}</h2><small>{to} · {at:%H:%M:%S} UTC</small><pre>{text}</pre></article>"


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One e-mail as it is shown; `at` is the machine's time of arrival."""

    at: datetime
    to: str
    subject: str
    text: str


class Inbox:
    """The mailbox; a context manager. `smtp_port` and `page_url` say where it is."""

    def __init__(self, *, smtp_port: int | None = None, page_port: int = 0) -> None:
        self.mails: deque[Mail] = deque(maxlen=KEPT)
        self.smtp_port = smtp_port or free_port()
        self._smtp = Controller(self, hostname=HOST, port=self.smtp_port, data_size_limit=MAX_BYTES)
        self._page = ThreadingHTTPServer((HOST, page_port), self._handler())
        self._page.daemon_threads = True

    @property
    def page_url(self) -> str:
        return f"http://{HOST}:{self._page.server_port}"

    def notify_url(self, email: str) -> str:
        """The apprise address that brings a message for `email` here: plain SMTP, which never leaves the machine."""
        return f"mailto://{HOST}:{self.smtp_port}?from=vigie%40vigie.example&to={quote(email, safe='')}&mode=insecure"

    def __enter__(self) -> Self:
        self._smtp.start()
        threading.Thread(target=self._page.serve_forever, name="inbox", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._page.shutdown()
        self._page.server_close()
        self._smtp.stop()

    async def handle_DATA(  # noqa: N802 aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 aiosmtpd hands it over
        session: Session,  # noqa: ARG002
        envelope: Envelope,
    ) -> str:
        """Take one e-mail, as aiosmtpd hands it over."""
        message = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
        body = message.get_body(preferencelist=("plain", "html"))
        self.mails.appendleft(
            Mail(
                at=real_now().astimezone(UTC),
                to=", ".join(envelope.rcpt_tos),
                subject=str(message["subject"] or ""),
                text=body.get_content() if body else "",
            )
        )
        return "250 OK"

    def page(self) -> str:
        """The page, newest first; whatever a mail holds is text."""
        shown = [
            MAIL.format(to=html.escape(m.to), at=m.at, subject=html.escape(m.subject), text=html.escape(m.text.strip()))
            for m in list(self.mails)
        ]
        return PAGE.format(mails="\n".join(shown) or "<p>Rien pour l’instant.</p>")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path in ("/", "/?")
                body = inbox.page().encode() if known else b""
                self.send_response(HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
                """A page that refreshes itself is not worth a line."""

        return Handler
