"""What does an ESPHome scale say? A bare number in kg, on a topic that only its name tells from other sensors'.

ESPHome, xiaomi_miscale and mqtt components: `PREFIX/sensor/OBJECT/state`. No time, no user.
"""

from collections.abc import Iterator

from ingest.adapters import clocks, hearing, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError
from ingest.claim import Claim
from ingest.message import Message

NAME = "esphome"
NO_VALUE = (b"nan", b"unknown", b"unavailable", b"none", b"")
NOT_OF_THE_BODY = ("bone", "muscle", "fat", "lean", "water", "ideal", "target", "goal")


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """Nothing for sensors that are not called a weight."""
    if not wants(message.topic):
        return
    prefix, _, sensor, _ = message.topic.split("/")
    scale = hearing.scale(NAME, prefix, sensor)
    with hearing.of(scale):
        yield scale, claim(message, unit="kg", source=NAME)


def wants(topic: str) -> bool:
    """Whether this sensor is called a weight."""
    name = topic.split("/")[2].lower()
    return "weight" in name and not any(part in name for part in NOT_OF_THE_BODY)


def claim(message: Message, *, unit: str, source: str) -> Claim:
    """A bare number.

    Raises:
        FaultError: it is none; not worth keeping if it is one of the words for "no value".
    """
    if message.payload.strip().lower() in NO_VALUE:
        raise FaultError("weight: there is no value", kept=False)
    try:
        number = message.payload.decode("ascii")
    except UnicodeDecodeError:
        raise FaultError("weight: must be a number") from None
    when = clocks.on_arrival(message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weights.kilograms_of_text(number, unit),
        raw=number,
        source=source,
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )
