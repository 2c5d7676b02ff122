"""Which topics are whose dialect? The one table of what is subscribed to, and of who reads it.

A dialect's adapter is a pure function from a message to what it says of which scale; nothing at all if the message is
none of our business (a thermometer on the same gateway).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingest.claim import Said
from ingest.message import Message, Scale

Heard = tuple[Scale | None, Said]
Adapter = Callable[[Message], Iterator[Heard]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """`filters` are MQTT topic filters."""

    name: str
    filters: tuple[str, ...]
    read: Adapter


DIALECTS: tuple[Dialect, ...] = ()
FILTERS: tuple[str, ...] = tuple(topic_filter for dialect in DIALECTS for topic_filter in dialect.filters)
"""To subscribe to with QoS 1, beside the native schemas.topics; a broker may refuse some of these."""


def dialect_of(topic: str) -> Dialect | None:
    """The dialect whose filter this topic matches; the first, if several do."""
    levels = topic.split("/")
    for dialect in DIALECTS:
        if any(_matches(levels, topic_filter.split("/")) for topic_filter in dialect.filters):
            return dialect
    return None


def _matches(levels: list[str], wanted: list[str]) -> bool:
    """MQTT 5, §4.7: `+` is one level, `#` the rest, here never none."""
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        if len(levels) <= len(wanted):
            return False
        levels = levels[: len(wanted)]
    return len(levels) == len(wanted) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))
