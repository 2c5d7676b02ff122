"""May this address be a channel? What looks like apprise's, of a kind that is allowed, and not inside our own network.

Pure: no name is looked up, so a full name of an inside host passes unless the operator lists the kinds.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

from clinician_api.language import message

LONGEST_URL = 2000
HOSTED = frozenset({"mailto", "mailtos", "json", "jsons", "form", "forms", "xml", "xmls", "smpp", "smpps"})
"""Kinds with a real host in its place; many others keep a token there."""
INSIDE = (".local", ".lan", ".internal", ".home.arpa")
BAD_ADDRESS = message("This is no address: it begins with a kind and ://, such as mailtos:// or sfr://.")
BAD_KIND = message("Addresses of this kind are not allowed here. Whoever runs Vigie can allow it.")
BAD_HOST = message("This address leads into our own network. Whoever runs Vigie can allow its kind.")


def refusal(url: str, *, kinds: Collection[str]) -> str | None:
    """Why not, as a message to be translated; None if it may. `kinds`: those that the operator listed; empty: any.

    The operator vouches for the hosts of a kind that is listed. That the address works is shown by its code.
    """
    scheme, found, rest = url.partition("://")
    plain = scheme.isascii() and scheme.isalnum() and scheme[:1].isalpha()
    if not (found and rest and plain) or len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        return BAD_ADDRESS
    if kinds:
        return None if scheme.lower() in kinds else BAD_KIND
    try:
        parts = urlsplit(url)
        hosts = [parts.hostname or "", *parse_qs(parts.query).get("smtp", [])]
    except ValueError:  # an IPv6 host that is none
        return BAD_ADDRESS
    return BAD_HOST if any(_is_inside(host, hosted=scheme.lower() in HOSTED) for host in hosts if host) else None


def _is_inside(host: str, *, hosted: bool) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        named = host.lower().rstrip(".")
    if named == "localhost" or named.endswith(INSIDE):
        return True
    top = named.rpartition(".")[2]  # 127.1 and 2130706433 are addresses too; no top-level domain begins with a digit
    return hosted and ("." not in named or top[:1].isdigit())
