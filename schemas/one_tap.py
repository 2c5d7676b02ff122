"""How does a link, or a receipt, prove that we sent its message? A notification's number, signed, fit for an SMS."""

import base64
import hashlib
import hmac
from typing import Literal

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
Purpose = Literal["take", "receipt", "bundle"]
SIGNATURE_LENGTH = 16
"""Of base64: 96 bits, which nobody guesses through a web server."""


def token(notification_id: int, *, key: bytes, purpose: Purpose = "take") -> str:
    """What stands at the end of the link."""
    name = _name(notification_id)
    return f"{name}.{_signature(name, key, purpose)}"


def read(token: str, *, key: bytes, purpose: Purpose = "take") -> int | None:
    """Which notification's it is; None if we did not sign it for this."""
    name, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(name, key, purpose).encode()):
        return None
    return int(name, 36)


def bundle_token(first: int, last: int, *, key: bytes) -> str:
    """For the message that holds one person's notifications from `first` to `last`."""
    name = f"{_name(first)}-{_name(last)}"
    return f"{name}.{_signature(name, key, 'bundle')}"


def read_bundle(token: str, *, key: bytes) -> tuple[int, int] | None:
    """Its first and last notification; None if we did not sign it for this."""
    name, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(name, key, "bundle").encode()):
        return None
    first, _, last = name.partition("-")
    return int(first, 36), int(last, 36)


def _signature(name: str, key: bytes, purpose: Purpose) -> str:
    digest = hmac.digest(key, f"{purpose} {name}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode()[:SIGNATURE_LENGTH]


def _name(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits
