"""What does a message of the native protocol, version 1, say? interface.md's JSON, decoded strictly.

JSON's grey zones are refused, for each hides a wrong weight: a key given twice, NaN, `true` for a number, a number in
quotation marks. Fields we do not know are kept in `raw`. Nothing but a Claim or a Refusal ever leaves this module.
"""

import json
import math
from datetime import datetime
from decimal import Decimal
from typing import cast

from ingest.claim import MAX_SEQ, Claim, Condition, Refusal, Said
from schemas import rfc3339
from schemas.plausibility import MAX_KG, MIN_KG

Json = dict[str, object]

MESSAGE_BYTES = 2 * 1024 * 1024  # the broker's own limit (deploy/embedded_broker.py)
READING_BYTES = 256 * 1024
GRAM = Decimal("0.001")


class _FaultError(Exception):
    """Why this is no reading, as it is told to the scale."""


class _GivenTwice(dict[str, object]):
    """An object in which a key stands more than once; `seq` is left out if it is that key."""


class _NotJson(float):
    """NaN or Infinity: Python reads it, JSON has no such thing."""


def decode(payload: bytes) -> list[Said]:
    """A reading's payload as what it says: one item, or one for each of a batch in its order; never empty."""
    if len(payload) > MESSAGE_BYTES:
        return [Refusal(seq=None, reason="payload: must be at most 2 MiB", raw=payload)]
    try:
        message = _parse(payload)
    except _FaultError as fault:
        return [Refusal(seq=None, reason=f"payload: {fault}", raw=payload)]
    if isinstance(message, dict) and "readings" in message:
        return _batch(message, payload)
    return [_item(message, payload, sent_at=None)]


def decode_status(payload: bytes) -> Condition | None:
    """A scale's state, or None if this says nothing of one."""
    try:
        message = _parse(payload[:READING_BYTES])
    except _FaultError:
        return None
    if not isinstance(message, dict) or message.get("state") not in ("online", "offline"):
        return None
    return _condition(message, online=message["state"] == "online")


def _parse(payload: bytes) -> object:
    try:
        return json.loads(
            payload.decode("utf-8"), object_pairs_hook=_object, parse_constant=_NotJson, parse_int=_integer
        )
    except UnicodeDecodeError:
        raise _FaultError("is not UTF-8") from None
    except RecursionError:
        raise _FaultError("is nested too deeply") from None
    except ValueError:
        raise _FaultError("is not JSON") from None


def _object(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    spoiled = _GivenTwice(found)
    if sum(key == "seq" for key, _ in pairs) > 1:
        del spoiled["seq"]
    return spoiled


def _integer(text: str) -> int | float:
    """Python refuses to read integers of thousands of digits; as numbers they are merely out of bounds."""
    return int(text) if len(text) <= 40 else math.copysign(math.inf, -1 if text.startswith("-") else 1)


def _batch(message: Json, payload: bytes) -> list[Said]:
    items = message["readings"]
    if not isinstance(items, list) or not items:
        return [Refusal(seq=None, reason="readings: must be a list of at least one reading", raw=payload)]
    if isinstance(message, _GivenTwice):
        return [Refusal(seq=_seq(item), reason="payload: a key is given twice", raw=_raw(item)) for item in items]
    return [_item(item, _raw(item), sent_at=message.get("sent_at")) for item in items]


def _raw(item: object) -> bytes:
    """The item of a batch as JSON again; `ensure_ascii` keeps lone surrogates and NUL out of the database."""
    try:
        return json.dumps(item).encode()
    except RecursionError:
        return b'"nested too deeply"'


def _item(item: object, raw: bytes, *, sent_at: object) -> Said:
    """One reading; `sent_at` is that of the batch, an item's own goes before."""
    try:
        if not isinstance(item, dict):
            raise _FaultError("payload: must be an object")  # noqa: TRY301 one place makes the refusal
        return _claim(item, raw, sent_at=item.get("sent_at", sent_at))
    except _FaultError as fault:
        return Refusal(seq=_seq(item), reason=str(fault), raw=raw)


def _claim(item: Json, raw: bytes, *, sent_at: object) -> Claim:
    if len(raw) > READING_BYTES:
        raise _FaultError("payload: one reading must be at most 256 KiB")
    _check_json(item)
    return Claim(
        seq=_required_seq(item),
        measured_at=_instant("measured_at", _required(item, "measured_at")),
        weight_kg=_weight(_required(item, "weight_kg")),
        sent_at=None if sent_at is None else _instant("sent_at", sent_at),
        condition=_condition(item),
        raw=raw.decode(),
    )


def _check_json(item: Json) -> None:
    """Refuse what Python's reader lets through; without recursion, for how deep it lies is the sender's choice."""
    waiting: list[object] = [item]
    while waiting:
        value = waiting.pop()
        if isinstance(value, _GivenTwice):
            raise _FaultError("payload: a key is given twice")
        if isinstance(value, _NotJson):
            raise _FaultError("payload: NaN and Infinity are not JSON")
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _seq(item: object) -> int | None:
    """The number a receipt can name, if there is one."""
    seq = item.get("seq") if isinstance(item, dict) else None
    return seq if type(seq) is int else None


def _required(item: Json, field: str) -> object:
    if field not in item:
        raise _FaultError(f"{field}: is missing")
    return item[field]


def _required_seq(item: Json) -> int:
    seq = _required(item, "seq")
    if type(seq) is not int and not (type(seq) is float and math.isinf(seq)):
        raise _FaultError("seq: must be an integer")
    if seq < 0:
        raise _FaultError("seq: must be at least 0")
    if seq > MAX_SEQ:
        raise _FaultError("seq: must be at most 9223372036854775807")
    return int(seq)


def _instant(field: str, value: object) -> datetime:
    if not isinstance(value, str):
        raise _FaultError(f"{field}: must be a text")
    try:
        return rfc3339.parse(value)
    except rfc3339.NotAnInstantError as error:
        raise _FaultError(f"{field}: {error}") from None


def _weight(value: object) -> Decimal:
    """Kilograms, to the gram."""
    if type(value) not in (int, float):
        raise _FaultError("weight_kg: must be a number")
    number = cast("float", value)
    if number < MIN_KG:
        raise _FaultError(f"weight_kg: must be at least {MIN_KG:g}")
    if number > MAX_KG:
        raise _FaultError(f"weight_kg: must be at most {MAX_KG:g}")
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
