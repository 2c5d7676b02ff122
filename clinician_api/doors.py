"""What surrounds every request? Forms from elsewhere are refused, answers carry headers that make browsers strict."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from clinician_api import dependencies

# A note of 10,000 characters takes up to 120,000 bytes in a form (four bytes each, three characters a byte).
FORM_BYTES = 160 * 1024
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)  # data: the arrows within Bootstrap's stylesheet
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"


async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware: refuse what another site sends in our users' name, and add the headers."""
    if request.method not in {"GET", "HEAD"} and _from_elsewhere(request):
        answer: Response = PlainTextResponse("This form was sent from another site.\n", status_code=403)
    else:
        answer = await go_on(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        answer.headers.setdefault("Cache-Control", "no-store")
    if dependencies.is_https(request):
        answer.headers.setdefault("Strict-Transport-Security", HSTS)
    return answer


def _from_elsewhere(request: Request) -> bool:
    """By `Sec-Fetch-Site`, which no script can forge, and `Origin` for older browsers; the form's token comes after."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    own = {request.headers.get("host", ""), urlsplit(request.app.state.settings.screens_url).netloc}
    return origin is not None and urlsplit(origin).netloc not in own
