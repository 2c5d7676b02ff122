"""What came, from which scale, and when? Messages from the wire taken apart into what each says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ingest.adapters import dialects, native
from ingest.adapters.hearing import Read
from ingest.claim import Condition, Refusal, Said
from ingest.message import Message, Scale
from schemas.topics import Topic

NATIVE_TOPICS = "vigie/1/"
BAD_TOPIC = "topic: must be vigie/1/SITE/DEVICE/reading, with 1 to 64 letters, digits, or . _ : - for site and device"


@dataclass(kw_only=True, slots=True)
class Arrival:
    """One thing that a message says; `scale` is None if the topic is not one of ours. A retained one is a copy."""

    topic: str
    scale: Scale | None
    received_at: datetime
    may_have_waited: bool
    said: Said
    retained: bool = False


@dataclass(kw_only=True, slots=True)
class Sighting:
    """What a message tells about its scale; a retained one, or a last will, is no sign of life."""

    scale: Scale
    at: datetime
    alive: bool
    condition: Condition


def arrivals(message: Message) -> Iterator[Arrival]:
    """What a message says that is no status."""
    return _native(message) if message.topic.startswith(NATIVE_TOPICS) else _foreign(message)


def _native(message: Message) -> Iterator[Arrival]:
    """A retained one is only late: its seq tells whether it is known."""
    if not message.topic.endswith("/reading"):
        return  # our own receipt to a topic with too many levels
    topic = Topic.parse(message.topic)
    for said in native.decode(message.payload):
        yield Arrival(
            topic=message.topic,
            scale=Scale(topic.site, topic.device_id) if topic else None,
            received_at=message.received_at,
            may_have_waited=message.may_have_waited or message.retained,
            said=said if topic else Refusal(seq=said.seq, reason=BAD_TOPIC, raw=message.payload),
            retained=message.retained,
        )


def _foreign(message: Message) -> Iterator[Arrival]:
    read = dialects.reader_of(message.topic)
    return heard(message, read) if read else iter(())


def heard(message: Message, read: Read) -> Iterator[Arrival]:
    """What a message of another dialect says to the one who reads it.

    Retained or late, the adapter has thought of it already: its readings carry no `sent_at` to be corrected by.
    """
    for scale, said in read(message):
        yield Arrival(
            topic=message.topic,
            scale=scale,
            received_at=message.received_at,
            may_have_waited=message.may_have_waited or message.retained,
            said=said,
            retained=message.retained,
        )


def sighting(message: Message) -> Sighting | None:
    """What a message on a status topic says, or None if that is nothing."""
    topic = Topic.parse(message.topic)
    condition = native.decode_status(message.payload)
    if topic is None or condition is None:
        return None
    return Sighting(
        scale=Scale(topic.site, topic.device_id),
        at=message.received_at,
        alive=bool(condition.online) and not message.retained,
        condition=condition,
    )


def is_status(message: Message) -> bool:
    return message.topic.endswith("/status") and message.topic.startswith(NATIVE_TOPICS)
