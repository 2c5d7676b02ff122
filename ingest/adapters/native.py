"""What does a message of the native protocol, version 1, say? interface.md's JSON, decoded strictly.

A number in quotation marks is none, for it hides a wrong weight. Fields we do not know are kept in `raw`. Nothing but a
Claim or a Refusal ever leaves this module.
"""

import math
from datetime import datetime
from decimal import Decimal
from typing import cast

from ingest.adapters import strict_json
from ingest.adapters.strict_json import MESSAGE_BYTES, FaultError, GivenTwice, Json
from ingest.claim import MAX_SEQ, Claim, Condition, Refusal, Said
from schemas import rfc3339
from schemas.plausibility import MAX_KG, MIN_KG

READING_BYTES = 256 * 1024
MAX_READINGS = 40_000  # more than fit into 2 MiB
GRAM = Decimal("0.001")


def decode(payload: bytes) -> list[Said]:
    """A reading's payload as what it says: one item, or one for each of a batch in its order; never empty."""
    if len(payload) > MESSAGE_BYTES:
        return [Refusal(seq=None, reason="payload: must be at most 2 MiB", raw=payload)]
    try:
        message = strict_json.parse(payload)
    except FaultError as fault:
        return [Refusal(seq=None, reason=f"payload: {fault}", raw=payload)]
    if isinstance(message, dict) and "readings" in message:
        return _batch(message, payload)
    return [_item(message, payload, sent_at=None)]


def decode_status(payload: bytes) -> Condition | None:
    """A scale's state, or None if this says nothing of one."""
    try:
        message = strict_json.parse(payload[:READING_BYTES])
    except FaultError:
        return None
    if not isinstance(message, dict) or message.get("state") not in ("online", "offline"):
        return None
    return _condition(message, online=message["state"] == "online")


def _batch(message: Json, payload: bytes) -> list[Said]:
    items = message["readings"]
    if not isinstance(items, list) or not items:
        return [Refusal(seq=None, reason="readings: must be a list of at least one reading", raw=payload)]
    if len(items) > MAX_READINGS:
        return [Refusal(seq=None, reason=f"readings: must be at most {MAX_READINGS}", raw=payload)]
    if isinstance(message, GivenTwice):
        return [
            Refusal(seq=_seq(item), reason="payload: a key is given twice", raw=strict_json.text(item).encode())
            for item in items
        ]
    return [_item(item, strict_json.text(item).encode(), sent_at=message.get("sent_at")) for item in items]


def _item(item: object, raw: bytes, *, sent_at: object) -> Said:
    """One reading; `sent_at` is that of the batch, an item's own goes before."""
    try:
        if not isinstance(item, dict):
            raise FaultError("payload: must be an object")  # noqa: TRY301 one place makes the refusal
        return _claim(item, raw, sent_at=item.get("sent_at", sent_at))
    except FaultError as fault:
        return Refusal(seq=_seq(item), reason=str(fault), raw=raw)


def _claim(item: Json, raw: bytes, *, sent_at: object) -> Claim:
    if len(raw) > READING_BYTES:
        raise FaultError("payload: one reading must be at most 256 KiB")
    strict_json.check(item)
    return Claim(
        seq=_required_seq(item),
        measured_at=_instant("measured_at", _required(item, "measured_at")),
        weight_kg=_weight(_required(item, "weight_kg")),
        sent_at=None if sent_at is None else _instant("sent_at", sent_at),
        condition=_condition(item),
        raw=raw.decode(),
    )


def _seq(item: object) -> int | None:
    """The number a receipt can name: an integer, however large or negative; a text or a fraction is none."""
    seq = item.get("seq") if isinstance(item, dict) else None
    return seq if type(seq) is int else None


def _required(item: Json, field: str) -> object:
    if field not in item:
        raise FaultError(f"{field}: is missing")
    return item[field]


def _required_seq(item: Json) -> int:
    seq = _required(item, "seq")
    if type(seq) is not int and not (type(seq) is float and math.isinf(seq)):
        raise FaultError("seq: must be an integer")
    if seq < 0:
        raise FaultError("seq: must be at least 0")
    if seq > MAX_SEQ:
        raise FaultError("seq: must be at most 9223372036854775807")
    return int(seq)


def _instant(field: str, value: object) -> datetime:
    if not isinstance(value, str):
        raise FaultError(f"{field}: must be a text")
    try:
        return rfc3339.parse(value)
    except rfc3339.NotAnInstantError as error:
        raise FaultError(f"{field}: {error}") from None


def _weight(value: object) -> Decimal:
    """Kilograms, to the gram."""
    if type(value) not in (int, float):
        raise FaultError("weight_kg: must be a number")
    number = cast("float", value)
    if number < MIN_KG:
        raise FaultError(f"weight_kg: must be at least {MIN_KG:g}")
    if number > MAX_KG:
        raise FaultError(f"weight_kg: must be at most {MAX_KG:g}")
    return Decimal(repr(number)).quantize(GRAM)


def _condition(message: Json, *, online: bool | None = None) -> Condition:
    """Battery and firmware as far as they make sense: a silly battery must not cost a weighing."""
    firmware = message.get("firmware")
    return Condition(
        battery_pct=_share(message.get("battery_pct")),
        firmware=firmware if isinstance(firmware, str) and len(firmware) <= 64 and firmware.isprintable() else None,
        online=online,
    )


def _share(value: object) -> int | None:
    return round(value) if isinstance(value, int | float) and value is not True and 0 <= value <= 100 else None
