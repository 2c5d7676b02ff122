"""How does a notice reach one person? The only apprise: one address, one notice, one answer.

`instantiate(…).notify(…)` runs in the caller's thread. apprise's own pool is shared by the whole process, so there one
hung gateway delays every other (ecosystem.md §0).
"""

import logging
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from apprise import Apprise, AppriseAsset

from alerts.messages import Notice

CONNECT_SECONDS = 5
ANSWER_SECONDS = 15
"""apprise's 4 s reports a slow gateway as failed though it accepted the message (ecosystem.md §0)."""
MAIL_SCHEMES = frozenset({"mailto", "mailtos"})

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its warnings name hosts and recipients; ours name neither


class DeliveryError(Exception):
    """The notice was not delivered, as far as we know; `permanent`: the same address will not do better tomorrow."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


def gateway(url: str) -> str:
    """Scheme and host of an address, without its secrets: what fails together."""
    scheme, _, rest = url.lower().partition("://")
    credentials, at, place = rest.split("?", 1)[0].rpartition("@")
    # Many apprise addresses keep a token where the host would be: only mail has a host worth naming. A slash before
    # the @ is a password that was not quoted.
    if scheme not in MAIL_SCHEMES or (at and "/" in credentials):
        return f"{scheme}://"
    return f"{scheme}://{place.split('/', 1)[0]}"


def send(notice: Notice, *, url: str) -> None:
    """Tell one person, within about 20 s.

    Raises:
        DeliveryError: the address is none (permanent), or the gateway refused or did not answer.
    """
    is_mail = url.partition("://")[0].lower() in MAIL_SCHEMES
    plugin = Apprise.instantiate(_with_settings(url, notice, is_mail=is_mail), asset=_asset())
    if plugin is None:
        raise DeliveryError(f"the address {gateway(url)}… is not usable: correct it in the settings", permanent=True)
    if is_mail:
        sent = plugin.notify(title=notice.subject, body=notice.body, body_format="text")
    else:
        sent = plugin.notify(title="", body=notice.sms, body_format="text")
    if not sent:
        raise DeliveryError(f"{gateway(url)} refused or did not answer", permanent=False)


def _asset() -> AppriseAsset:
    return AppriseAsset(
        app_id="Vigie", http_redirects=False, secure_logging=True, allow_templates=False, storage_mode="memory"
    )


def _with_settings(url: str, notice: Notice, *, is_mail: bool) -> str:
    """The address with our time-outs, text only, and the alert's number in a header: repeats are found by it."""
    added = {"cto": str(CONNECT_SECONDS), "rto": str(ANSWER_SECONDS), "retry": "0"}
    if is_mail:
        added |= {"format": "text", "+X-Entity-Ref-ID": f"vigie-{notice.number}"}
    given = {key for key, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    missing = {key: value for key, value in added.items() if key not in given}
    return url + ("&" if "?" in url else "?") + urlencode(missing, quote_via=quote, safe="+")
