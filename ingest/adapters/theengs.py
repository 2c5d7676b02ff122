"""What do Theengs Gateway and OpenMQTTGateway say? A Bluetooth scale's broadcast, decoded, at no time, of no user.

theengs/decoder, tests/BLE/test_ble.cpp; docs.openmqttgateway.com/use/ble. The same weight comes with every
advertisement, from every gateway that hears it, and twice from scales that measure impedance.
"""

from collections.abc import Iterator

from ingest.adapters import bluetooth_sig, clocks, hearing, strict_json, weights
from ingest.adapters.bluetooth_sig import Measurement
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError, Json
from ingest.claim import Claim
from ingest.message import Message

NAME = "theengs"
BASE_OF_SHORT_UUIDS = "-0000-1000-8000-00805f9b34fb"


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """`home/GATEWAY/BTtoMQTT/MAC`; nothing for what is no scale."""
    body = strict_json.parse_object(message.payload)
    characteristic = _characteristic(body)
    if body.get("type") != "SCALE" and characteristic is None:
        return
    scale = hearing.bluetooth(body.get("id", message.topic.rpartition("/")[2]))
    with hearing.of(scale):
        claim = _read(body, characteristic, message) if characteristic else _broadcast(body, message)
        if claim:
            yield scale, claim


def _broadcast(body: Json, message: Message) -> Claim:
    if body.get("weighing_mode", "person") != "person":
        raise FaultError("weighing_mode: is not person")
    when = clocks.on_arrival(message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weights.kilograms(body.get("weight"), body.get("unit")),
        raw=hearing.text(message),
        source=NAME,
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )


def _characteristic(body: Json) -> str | None:
    """The standard's number of what the gateway has read from a connected scale, if it is a weight."""
    uuid = body.get("characteristic")
    short = uuid.lower().removesuffix(BASE_OF_SHORT_UUIDS)[-4:] if isinstance(uuid, str) else ""
    return short if short in ("2a9d", "2a9c") else None


def _read(body: Json, characteristic: str, message: Message) -> Claim | None:
    """A characteristic's bytes, in hexadecimal."""
    read = body.get("read")
    try:
        data = bytes.fromhex(read) if isinstance(read, str) else b""
    except ValueError:
        raise FaultError("read: must be bytes in hexadecimal") from None
    measured = (
        bluetooth_sig.weight_measurement(data) if characteristic == "2a9d" else bluetooth_sig.body_composition(data)
    )
    return None if measured is None else _measured(measured, message)


def _measured(measured: Measurement, message: Message) -> Claim:
    """The scale's clock has no zone: it is believed as Paris time, for stored weighings come with it."""
    when = (
        clocks.told(clocks.in_utc("time", measured.wall_clock), by="device", message=message)
        if measured.wall_clock
        else clocks.on_arrival(message)
    )
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=measured.weight_kg,
        raw=hearing.text(message),
        source="bluetooth-sig",
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )
