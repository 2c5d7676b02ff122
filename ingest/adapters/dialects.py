"""Which topics are whose dialect? The one table of what is subscribed to, and of who reads it.

A dialect's adapter is a pure function from a message to what it says of which scale; nothing at all if the message is
none of our business (a thermometer on the same gateway).
"""

from collections.abc import Callable
from dataclasses import dataclass

from ingest.adapters import (
    ble_scale_sync,
    esphome,
    lorawan,
    miscale,
    openscale,
    tasmota,
    tenovi,
    theengs,
    withings,
)
from ingest.adapters.hearing import Read


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """`filters` are MQTT topic filters; where two homes would use one topic, a level before it names the home.

    `wants` says which of these topics are read, where the filters cannot.
    """

    name: str
    filters: tuple[str, ...]
    read: Read
    wants: Callable[[str], bool] = lambda _: True


DIALECTS = (
    Dialect(
        name=openscale.NAME,
        filters=(
            *("openScaleSync/+/measurements/+", "openScaleSync/measurements/+"),
            *("+/openScaleSync/+/measurements/+", "+/openScaleSync/measurements/+"),
        ),
        read=openscale.read,
    ),
    Dialect(
        name=ble_scale_sync.NAME,
        filters=(
            *("scale/body-composition", "scale/body-composition/+"),
            *("+/scale/body-composition", "+/scale/body-composition/+"),
        ),
        read=ble_scale_sync.read,
    ),
    Dialect(name=theengs.NAME, filters=("+/+/BTtoMQTT/+",), read=theengs.read),
    Dialect(
        name=miscale.NAME,
        filters=("miscale/+/weight", "miScale/+/weight", "+/miscale/+/weight", "+/miScale/+/weight"),
        read=miscale.read,
    ),
    Dialect(name=tasmota.NAME, filters=("stat/+/SENSOR", "tele/+/SENSOR"), read=tasmota.read),
    Dialect(name=esphome.NAME, filters=("+/sensor/+/state",), read=esphome.read, wants=esphome.wants),
    Dialect(name=lorawan.CHIRPSTACK, filters=("application/+/device/+/event/up",), read=lorawan.read_chirpstack),
    Dialect(name=lorawan.THINGS_STACK, filters=("v3/+/devices/+/up",), read=lorawan.read_things_stack),
)
WEBHOOKS = {  # by the path that follows /webhook/
    "tenovi": tenovi.read,
    "withings": withings.read,
    "openscale": openscale.read_webhook,
    "ble-scale-sync": ble_scale_sync.read_webhook,
}
FILTERS: tuple[str, ...] = tuple(topic_filter for dialect in DIALECTS for topic_filter in dialect.filters)
"""To subscribe to with QoS 1, beside the native schemas.topics; a broker may refuse some of these."""


def reader_of(topic: str) -> Read | None:
    """Who reads this topic, or (`webhook/NAME…`) this address; None if nobody does."""
    levels = topic.split("/")
    if levels[0] == "webhook":
        return WEBHOOKS.get(levels[1]) if len(levels) > 1 else None
    dialect = _dialect_of(levels)
    return dialect.read if dialect else None


def name_of(topic: str) -> str | None:
    """What the dialect of this topic is called; None if nobody reads it."""
    dialect = _dialect_of(topic.split("/"))
    return dialect.name if dialect and dialect.wants(topic) else None


def _dialect_of(levels: list[str]) -> Dialect | None:
    for wanted, dialect in _BY_LEVELS:
        if len(wanted) == len(levels) and _matches(levels, wanted):
            return dialect
    return None


def _matches(levels: list[str], wanted: list[str]) -> bool:
    """MQTT 5, §4.7, as far as the filters above use it; both have as many levels."""
    return all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))


_BY_LEVELS = [(topic_filter.split("/"), dialect) for dialect in DIALECTS for topic_filter in dialect.filters]
