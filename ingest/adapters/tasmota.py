"""What does Tasmota's MI32 driver say? A Xiaomi scale's broadcast among other sensors, several times a second.

arendst/Tasmota PR 13517 and 25049. `stat/…` is sent when something is heard; `tele/…` repeats it at every TELEPERIOD,
for hours. `Time` is the gateway's local time, without an offset.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from ingest.adapters import clocks, hearing, strict_json, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError, Json
from ingest.claim import Claim
from ingest.message import Message

NAME = "tasmota-mi32"
PREFIXES = ("MISCALE", "MIBCS")
REPORTED_AGAIN = timedelta(hours=12)


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """`tele|stat/DEVICE/SENSOR`; nothing for what is no scale."""
    body = strict_json.parse_object(message.payload)
    for key, item in body.items():
        if key.startswith(PREFIXES) and isinstance(item, dict) and "weight" in item:
            scale = hearing.bluetooth(item.get("mac"))
            with hearing.of(scale):
                yield scale, _claim(item, body.get("Time"), message)


def _claim(item: Json, wall_clock: object, message: Message) -> Claim:
    if item.get("weight_removed", 0) != 0:
        raise FaultError("weight_removed: the last value after stepping off", kept=False)
    if item.get("stabilized", 1) != 1:
        raise FaultError("stabilized: not yet", kept=False)
    when = clocks.told_on_the_wall(wall_clock, message=message)
    if message.topic.startswith("tele/"):
        when = replace(when, repeats_within=REPORTED_AGAIN)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weights.kilograms(item["weight"], item.get("weight_unit")),
        raw=hearing.text(message),
        source=NAME,
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )
