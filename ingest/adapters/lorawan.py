"""What do LoRaWAN network servers say? A scale's uplink, decoded by its codec, with the network's time.

ChirpStack v4 (`application/APP/device/EUI/event/up`) and The Things Stack v3 (`v3/APP@TENANT/devices/ID/up`). A device
without a clock tells the weighing's age; a resent uplink is the same weight minutes later.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from decimal import Decimal

from ingest.adapters import bluetooth_sig, clocks, hearing, strict_json, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError, Json
from ingest.claim import Claim
from ingest.message import Message, Scale

CHIRPSTACK = "chirpstack-4"
THINGS_STACK = "things-stack-3"
EUI = re.compile(r"[0-9A-F]{16}", re.ASCII)
WEIGHTS = {"weight_kg": "kg", "weight_g": "g", "weight_lb": "lb"}


@hearing.adapter(CHIRPSTACK)
def read_chirpstack(message: Message) -> Iterator[Heard]:
    """The device is the topic's, for which the network server answers."""
    body = strict_json.parse_object(message.payload)
    scale = _scale(message.topic.split("/")[-3])
    with hearing.of(scale):
        told = body.get("deviceInfo")
        if isinstance(told, dict) and _scale(told.get("devEui")) != scale:
            raise FaultError("devEui: is not the device of the topic")
        if "object" not in body:
            raise FaultError("object: is missing; the device profile needs a codec")
        yield scale, _claim(body["object"], body.get("time"), message, source=CHIRPSTACK)


@hearing.adapter(THINGS_STACK)
def read_things_stack(message: Message) -> Iterator[Heard]:
    """The topic names the device as its owner does; the EUI, by which a scale is known, is in the payload."""
    body = strict_json.parse_object(message.payload)
    ids, uplink = body.get("end_device_ids"), body.get("uplink_message")
    if not isinstance(ids, dict) or not isinstance(uplink, dict):
        raise FaultError("payload: must have end_device_ids and uplink_message")
    if ids.get("device_id") != message.topic.split("/")[-2]:
        raise FaultError("device_id: is not the device of the topic")
    scale = _scale(ids.get("dev_eui"))
    with hearing.of(scale):
        if "decoded_payload" not in uplink:
            raise FaultError("decoded_payload: is missing; the device needs a payload formatter")
        received_at = uplink.get("received_at", body.get("received_at"))
        yield scale, _claim(uplink["decoded_payload"], received_at, message, source=THINGS_STACK)


def _scale(eui: object) -> Scale:
    name = eui.upper() if isinstance(eui, str) else ""
    if EUI.fullmatch(name) is None:
        raise FaultError("devEui: must be 16 hexadecimal digits")
    return Scale("lorawan", name)


def _claim(decoded: object, received_at: object, message: Message, *, source: str) -> Claim:
    if not isinstance(decoded, dict):
        raise FaultError("object: must be an object")
    network = clocks.instant("time", received_at) if received_at is not None else message.received_at
    when = clocks.told(clocks.aged(network, decoded.get("age_s")), by="gateway", message=message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=_weight(decoded),
        raw=hearing.text(message),
        source=source,
        time_source=when.time_source,
        repeats_within=clocks.REPEATS,
    )


def _weight(decoded: Json) -> Decimal:
    """`weight_kg`, `weight_g`, `weight_lb`, `weight` with `unit`, or Bluetooth's bytes passed on as `2a9d`."""
    for field, unit in WEIGHTS.items():
        if field in decoded:
            return weights.kilograms(decoded[field], unit)
    if "2a9d" in decoded:
        return bluetooth_sig.weight_measurement(_bytes(decoded["2a9d"])).weight_kg
    return weights.kilograms(decoded.get("weight"), decoded.get("unit"))


def _bytes(value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        raise FaultError("2a9d: must be bytes in base64") from None
