"""What does Tenovi's HWI webhook say? A measurement of a cellular gateway, its numbers as text.

docs.tenovi.com/hwi-api/webhooks: `hardware_uuid` is the gateway's and changes; `hwi_device_id` is the scale's. The unit
is nowhere in it, so the address that was given to Tenovi says it: `/webhook/tenovi/lb` or `/webhook/tenovi/kg`.
"""

from collections.abc import Iterator

from ingest.adapters import clocks, hearing, strict_json, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError, Json
from ingest.claim import Claim
from ingest.message import Message

NAME = "tenovi"


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """One measurement, or a list of them; nothing for a pulse or a pressure."""
    body = strict_json.parse_any(message.payload)
    unit = message.topic.rpartition("/")[2]
    items = body if isinstance(body, list) else [body]
    yield from hearing.each(items, lambda item: _item(item, unit, message), dialect=NAME, raw=strict_json.kept)


def _item(item: object, unit: str, message: Message) -> Iterator[Heard]:
    if not isinstance(item, dict):
        raise FaultError("payload: must be an object, or a list of objects")
    if item.get("metric") == "weight":
        device = item.get("hwi_device_id")
        scale = hearing.scale(NAME, device if isinstance(device, str) else None)
        with hearing.of(scale):
            yield scale, _claim(item, unit, message)


def _claim(item: Json, unit: str, message: Message) -> Claim:
    guessed = item.get("estimated_timestamp") is True  # the scale has no clock, and the gateway says when it heard it
    at = clocks.instant("timestamp", item.get("timestamp"))
    when = clocks.told(at, by="gateway" if guessed else "device", message=message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weights.kilograms_of_text(item.get("value_1"), unit),
        raw=strict_json.text(item),
        source=NAME,
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )
