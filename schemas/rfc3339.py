"""Is this text an instant? RFC 3339 with an offset, and nothing that merely looks like it."""

import re
from datetime import UTC, datetime

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<offset>Z|[+-]\d\d:\d\d)?", re.ASCII)


class NotAnInstantError(ValueError):
    """The text is no RFC 3339 time with an offset; the message completes the sentence "this time …"."""


def parse(text: str) -> datetime:
    """The instant, in UTC. Digits after the microsecond are dropped.

    Raises:
        NotAnInstantError: e.g. "needs an offset".
    """
    found = DATE_TIME.fullmatch(text.upper())
    if found is None:
        raise NotAnInstantError("must look like 2026-11-22T07:12:05+01:00")
    if found["offset"] is None:
        raise NotAnInstantError("needs an offset")
    try:
        return datetime.fromisoformat(found[0]).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotAnInstantError("is no date and time that exists") from None
