"""What surrounds every request? Forms from elsewhere are refused, answers carry headers that make browsers strict."""

import time
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinician_api import dependencies

# A note of 10,000 characters takes up to 120,000 bytes in a form (four bytes each, three characters a byte).
FORM_BYTES = 160 * 1024
POLICY = (
    b"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    b"frame-ancestors 'none'"
)  # data: the arrows within Bootstrap's stylesheet
HEADERS = {
    b"content-security-policy": POLICY,
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}
PAGE_HEADERS = HEADERS | {b"cache-control": b"no-store"}
HSTS = b"max-age=31536000"


class Guard:
    """Middleware: refuse what another site sends in our users' name; add the headers, and how long we took."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request = Request(scope)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(request, message, took=time.perf_counter() - began)
            await send(message)

        if request.method not in {"GET", "HEAD"} and _from_elsewhere(request):
            refusal = PlainTextResponse("This form was sent from another site.\n", status_code=403)
            await refusal(scope, receive, send_on)
        else:
            await self._app(scope, receive, send_on)


def _add_headers(request: Request, message: Message, *, took: float) -> None:
    """`Server-Timing` is what `vigie bench api` calls server time."""
    headers = MutableHeaders(raw=message["headers"])
    make_strict(request, headers)
    if not request.url.path.startswith("/static/"):
        headers["Server-Timing"] = f"app;dur={1000 * took:.1f}"


def make_strict(request: Request, headers: MutableHeaders) -> None:
    """Add what the answer has not of its own; the page of a breakdown is written outside of us, and asks for it."""
    wanted = HEADERS if request.url.path.startswith("/static/") else PAGE_HEADERS
    if dependencies.is_https(request):
        wanted = wanted | {b"strict-transport-security": HSTS}
    given = {name for name, _ in headers.raw}
    headers.raw.extend((name, value) for name, value in wanted.items() if name not in given)


def _from_elsewhere(request: Request) -> bool:
    """By `Sec-Fetch-Site`, which no script can forge, and `Origin` for older browsers; the form's token comes after."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    own = {request.headers.get("host", ""), urlsplit(request.app.state.settings.screens_url).netloc}
    return origin is not None and urlsplit(origin).netloc not in own
