"""Who notices when nobody is left to notice? A service elsewhere, which this tells every minute that all is well.

`VIGIE_ALERTS__PING_URL` is a check of healthchecks or of what speaks like it: the address itself for success, `/start`
when we begin, `/fail` with the reason while something is wrong.
"""

import httpx2
import structlog

log = structlog.get_logger()

ANSWER_SECONDS = 10.0


def ping(url: str, *, kind: str = "", said: str = "") -> bool:
    """Tell it; whether it took it. Its address holds the check's secret, so it is in no log."""
    address = url.rstrip("/") + (f"/{kind}" if kind else "")
    try:
        answer = httpx2.post(address, content=said.encode(), timeout=ANSWER_SECONDS)
    except httpx2.HTTPError as error:
        log.warning("ping_failed", problem=type(error).__name__)
        return False
    if answer.is_error:
        log.warning("ping_failed", problem=answer.status_code)
    return not answer.is_error
