"""What does lolouk44's xiaomi_mi_scale say? A weight in the display's unit, of a user whom it knows by weight.

lolouk44/xiaomi_mi_scale: src/Xiaomi_Scale.py. Its `timestamp` is the gateway's local time with a `+00:00` that is not
true, so the arrival counts, and the timestamp only for what may have waited in the broker. Retained by default.
"""

from collections.abc import Iterator

from ingest.adapters import clocks, hearing, strict_json, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import Json
from ingest.claim import Claim
from ingest.message import Message

NAME = "xiaomi-mi-scale"


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """`[home/]miscale/USER/weight`, in old versions `miScale` and capitalised keys without a unit."""
    *home, _, user, _ = message.topic.split("/")
    scale = hearing.scale("miscale", *home, user)
    with hearing.of(scale):
        yield scale, _claim(strict_json.parse_object(message.payload), message)


def _claim(body: Json, message: Message) -> Claim:
    if "Weight" in body:
        weight_kg = weights.kilograms(body["Weight"], body.get("Weight Unit", "kg"))
    else:
        weight_kg = weights.kilograms(body.get("weight"), body.get("weight_unit"))
    when = clocks.told_on_the_wall(body.get("timestamp", body.get("TimeStamp")), message=message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weight_kg,
        raw=hearing.text(message),
        source=NAME,
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )
