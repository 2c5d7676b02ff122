"""How does a message reach one address? The only apprise: one address, one message, one answer.

`instantiate(…).notify(…)` runs in the caller's thread. apprise's own pool is shared by the whole process, so there one
hung gateway delays every other (ecosystem.md §0). It answers with a bool; what the gateway said it only logs, with
hosts and recipients: so its log goes to an ear that keeps one number and drops the rest.
"""

import logging
import re
import threading
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from apprise import Apprise, AppriseAsset

from alerts.delivery.texts import Message

CONNECT_SECONDS = 5
ANSWER_SECONDS = 15
"""apprise's 4 s reports a slow gateway as failed though it accepted the message (ecosystem.md §0)."""
MAIL_SCHEMES = frozenset({"mailto", "mailtos"})
HOSTED_SCHEMES = MAIL_SCHEMES | {"json", "jsons", "form", "forms", "xml", "xmls", "smpp", "smpps"}
"""Addresses with a real host in its place; many others keep a token there."""
REFERRING_SCHEMES = frozenset({"json", "jsons", "form", "forms"})
"""Gateways of one's own, which are told a reference, so that they can send a receipt for it."""
FOR_GOOD = frozenset({401, 403, 404, 410, 535, 550, 551, 553})
"""HTTP: no longer authorised, or gone; SMTP: the password, or the mailbox, is wrong."""
ANSWER = re.compile(r"error=([45]\d\d)\b|was refused: ([45]\d\d) |Socket Exception: \(([45]\d\d), ")


class DeliveryError(Exception):
    """The message was not delivered, as far as we know; `permanent`: the same address will not do better tomorrow."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class UselessAddressError(DeliveryError):
    """No gateway can be told from the address."""

    def __init__(self, url: str) -> None:
        super().__init__(f"the address {gateway(url)}… is not usable: correct it", permanent=True)


class _Ear(logging.Handler):
    """Keeps the last answer code of each thread's gateway."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        if found := ANSWER.search(record.getMessage()):
            self.heard.code = int(next(code for code in found.groups() if code))


_EAR = _Ear()
_log = logging.getLogger("apprise")
_log.handlers, _log.propagate = [_EAR], False
_log.setLevel(logging.DEBUG)


def gateway(url: str) -> str:
    """Scheme and host of an address, without its secrets: what fails together."""
    scheme, _, rest = url.lower().partition("://")
    credentials, at, place = rest.split("?", 1)[0].rpartition("@")
    # A slash before the @ is a password that was not quoted.
    if scheme not in HOSTED_SCHEMES or (at and "/" in credentials):
        return f"{scheme}://"
    return f"{scheme}://{place.split('/', 1)[0]}"


def send(message: Message, *, url: str) -> None:
    """Tell one address, within about 20 s.

    Raises:
        UselessAddressError: it is none.
        DeliveryError: the gateway refused or did not answer.
    """
    try:
        _send(message, url)
    except DeliveryError:
        raise
    except Exception as error:  # noqa: BLE001 173 plugins of other people: one broken channel stops no other
        raise DeliveryError(f"the channel failed: {type(error).__name__}", permanent=False) from None


def _send(message: Message, url: str) -> None:
    scheme = url.partition("://")[0].lower()
    plugin = Apprise.instantiate(_with_settings(url, message, scheme=scheme), asset=_asset())
    if plugin is None:
        raise UselessAddressError(url)
    _EAR.heard.code = None
    if scheme in MAIL_SCHEMES:
        sent = plugin.notify(title=message.subject, body=message.html, body_format="html")
    else:
        sent = plugin.notify(title="", body=message.sms, body_format="text")
    if not sent:
        code = _EAR.heard.code
        said = f"{gateway(url)} answered {code}" if code else f"{gateway(url)} refused or did not answer"
        raise DeliveryError(said, permanent=code in FOR_GOOD)


def _asset() -> AppriseAsset:
    return AppriseAsset(
        app_id="Vigie", http_redirects=False, secure_logging=True, allow_templates=False, storage_mode="memory"
    )


def _with_settings(url: str, message: Message, *, scheme: str) -> str:
    """The address with our time-outs and the message's reference, by which repeats are found."""
    added = {"cto": str(CONNECT_SECONDS), "rto": str(ANSWER_SECONDS), "retry": "0"}
    if scheme in MAIL_SCHEMES:  # its connect time-out is also that of the answer to DATA
        added |= {"cto": str(ANSWER_SECONDS), "format": "html", "+X-Entity-Ref-ID": message.reference}
    elif scheme in REFERRING_SCHEMES and message.receipt:
        added |= {":reference": message.receipt}
    given = {key for key, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    missing = {key: value for key, value in added.items() if key not in given}
    return url + ("&" if "?" in url else "?") + urlencode(missing, quote_via=quote, safe="+:")
