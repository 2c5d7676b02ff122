"""What does Withings' API answer? Tokens renewed, and measures page by page; a failure says why, without secrets.

developer.withings.com, OAuth 2 and Measure - Getmeas. The real status is in the body: 0 is success, 401 a token that is
not accepted, 601 too many requests.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import httpx2

from ingest.adapters import strict_json
from ingest.adapters.strict_json import FaultError, Json
from schemas.settings import WithingsSettings

ANSWER_SECONDS = 20.0
MOST_PAGES = 1000
NOT_ACCEPTED, TOO_MANY = 401, 601


class WithingsError(Exception):
    """It did not work now; the message says why."""


class NotAcceptedError(WithingsError):
    """The token is not accepted: renew it, or have the patient consent anew."""


class Tokens(NamedTuple):
    access: str
    refresh: str
    seconds: int


class Page(NamedTuple):
    """An answer as it came, and by Withings' clock until when it is complete."""

    payload: bytes
    updated: int


def renew(settings: WithingsSettings, refresh_token: str) -> Tokens:
    """New tokens for an old one, which is good for nothing soon after.

    Raises:
        NotAcceptedError: the consent has ended.
        WithingsError: try again later.
    """
    assert settings.client_id
    assert settings.client_secret
    body, _ = _ask(
        f"{settings.base}/v2/oauth2",
        {
            "action": "requesttoken",
            "grant_type": "refresh_token",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
            "refresh_token": refresh_token,
        },
    )
    access, refresh, seconds = body.get("access_token"), body.get("refresh_token"), body.get("expires_in")
    if not (isinstance(access, str) and isinstance(refresh, str) and isinstance(seconds, int)):
        raise WithingsError("its answer has no tokens")
    return Tokens(access, refresh, seconds)


def measures(settings: WithingsSettings, access_token: str, *, since: int) -> Iterator[Page]:
    """Everything about weights that changed since then, in as many pages as it takes.

    Raises:
        NotAcceptedError: the token is not accepted.
        WithingsError: try again later.
    """
    asked = {"action": "getmeas", "meastype": "1", "lastupdate": str(since)}
    offset = 0
    for _ in range(MOST_PAGES):
        more = {"offset": str(offset)} if offset else {}
        body, payload = _ask(f"{settings.base}/measure", asked | more, token=access_token)
        yield Page(payload, _integer(body.get("updatetime")) or since)
        following = _integer(body.get("offset"))
        if not body.get("more"):
            return
        if following is None or following <= offset:
            break
        offset = following
    raise WithingsError("its pages have no end")


def _ask(url: str, form: Mapping[str, str], *, token: str | None = None) -> tuple[Json, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx2.post(url, data=form, headers=headers, timeout=ANSWER_SECONDS, follow_redirects=False)
    except httpx2.HTTPError as error:
        raise WithingsError(f"cannot be reached: {type(error).__name__}") from None
    if answer.status_code == NOT_ACCEPTED:
        raise NotAcceptedError("does not accept the token")
    if answer.status_code != httpx2.codes.OK:
        raise WithingsError(f"answers HTTP {answer.status_code}")
    try:
        whole = strict_json.parse_object(answer.content)
    except FaultError as fault:
        raise WithingsError(f"answers no JSON: {fault}") from None
    status, body = whole.get("status"), whole.get("body")
    if status == NOT_ACCEPTED:
        raise NotAcceptedError("does not accept the token")
    if status != 0 or not isinstance(body, dict):
        asks = "asks for fewer requests" if status == TOO_MANY else "answers"
        raise WithingsError(f"{asks}: status {_integer(status)}")
    return body, answer.content


def _integer(value: object) -> int | None:
    """`updatetime` comes as a text in some answers."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:20])
    return value if type(value) is int else None
