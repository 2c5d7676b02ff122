"""How does a link prove that we sent it? One notification's number and a signature of it, short enough for an SMS."""

import base64
import hashlib
import hmac

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
SIGNATURE_LENGTH = 16
"""Of base64: 96 bits, which nobody guesses through a web server."""


def token(notification_id: int, *, key: bytes) -> str:
    """What stands at the end of the link."""
    name = _name(notification_id)
    return f"{name}.{_signature(name, key)}"


def read(token: str, *, key: bytes) -> int | None:
    """Whose link this is; None if we did not sign it."""
    name, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(name, key).encode()):
        return None
    return int(name, 36)


def _signature(name: str, key: bytes) -> str:
    digest = hmac.digest(key, f"take {name}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode()[:SIGNATURE_LENGTH]


def _name(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits
