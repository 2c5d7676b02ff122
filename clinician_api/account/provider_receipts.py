"""What do SMS providers' callbacks say? Octopush's and Vonage's documented forms, read by number and word. Pure.

apprise tells neither provider a reference of ours, and us none of theirs: so a callback is matched by the telephone
number that stands in a channel's address, and by time.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

Word = Literal["delivered", "failed"]
Body = Mapping[str, object]
DIGITS_COMPARED = 9
"""Of the end of a number: 06 12 34 56 78 and +33612345678 are one."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What became of one message; `message_id` is the provider's."""

    number: str
    message_id: str
    word: Word

    def __repr__(self) -> str:
        return f"Said(word={self.word})"


def octopush(body: Body) -> Said | None:
    """https://dev.octopush.com/en/sms-gateway-api-documentation/callbacks/acknowledge-receipt/ ."""
    words: dict[str, Word] = {
        "DELIVERED": "delivered",
        "NOT_DELIVERED": "failed",
        "NOT_ALLOWED": "failed",
        "BAD_DESTINATION": "failed",
        "BLACKLISTED_NUMBER": "failed",
    }
    return _said(body, number="number", message_id="message_id", word=words.get(str(body.get("status"))))


def vonage(body: Body) -> Said | None:
    """https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts ."""
    words: dict[str, Word] = {"delivered": "delivered", "failed": "failed", "rejected": "failed", "expired": "failed"}
    return _said(body, number="msisdn", message_id="messageId", word=words.get(str(body.get("status"))))


def _said(body: Body, *, number: str, message_id: str, word: Word | None) -> Said | None:
    known, told = body.get(number), body.get(message_id)
    if word is None or not isinstance(known, str) or not isinstance(told, str) or len(_end(known)) < DIGITS_COMPARED:
        return None  # on its way, or nothing we could match
    return Said(number=known, message_id=told[:100].replace("\0", ""), word=word)


PROVIDERS: dict[str, tuple[Callable[[Body], Said | None], tuple[str, ...]]] = {
    "octopush": (octopush, ("octopush",)),
    "vonage": (vonage, ("vonage", "nexmo")),
}
"""How each is read, and apprise's kinds of address for it."""


def of_number(number: str, channels: Iterable[tuple[int, str]]) -> list[int]:
    """The channels in whose address the number stands as a recipient."""
    return [
        channel_id
        for channel_id, url in channels
        if any(_end(part) == _end(number) for part in re.split("[/,]", unquote(urlsplit(url).path)))
    ]


def _end(number: str) -> str:
    return "".join(digit for digit in number if digit in "0123456789")[-DIGITS_COMPARED:]
