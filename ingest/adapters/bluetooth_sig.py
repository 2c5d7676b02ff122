"""What do the bytes of a Bluetooth scale say? Weight Measurement (0x2A9D) and Body Composition (0x2A9C).

Bluetooth SIG, Weight Scale Service and Body Composition Service; GATT Specification Supplement.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ingest.adapters.strict_json import FaultError
from ingest.adapters.weights import in_bounds

BELOW_ZERO = 0x10  # Detecto's use of a bit that the standard reserves
NOTHING = 0xFFFF
UNKNOWN_USER = 0xFF
# 0x2A9C: what stands between user and weight, and is two bytes each: basal metabolism, muscle share, muscle mass,
# fat-free mass, soft lean mass, water mass, impedance.
FIELDS_BEFORE_WEIGHT = (0x0008, 0x0010, 0x0020, 0x0040, 0x0080, 0x0100, 0x0200)
WEIGHT = 0x0400


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """A weight in kg; `wall_clock` is the scale's local time, without a zone, None if it knows none."""

    weight_kg: Decimal
    wall_clock: datetime | None
    user: int | None


def weight_measurement(data: bytes) -> Measurement:
    """0x2A9D.

    Raises:
        FaultError: too short, unsuccessful, below zero, or no weight of a person.
    """
    flags = _unsigned(data, 0, 1)
    if flags & BELOW_ZERO:
        raise FaultError("weight: is below zero")
    weight_kg = _weight(_unsigned(data, 1, 2), imperial=bool(flags & 1))
    return _measurement(data, 3, weight_kg, has_time=bool(flags & 2), has_user=bool(flags & 4))


def body_composition(data: bytes) -> Measurement | None:
    """0x2A9C; None if it has no weight, which then comes as 0x2A9D.

    Raises:
        FaultError: as for `weight_measurement`.
    """
    flags = _unsigned(data, 0, 2)
    has_time, has_user = bool(flags & 2), bool(flags & 4)
    _unsigned(data, 2, 2)  # the share of fat
    if not flags & WEIGHT:
        return None
    place = 4 + 7 * has_time + has_user + 2 * sum(bool(flags & field) for field in FIELDS_BEFORE_WEIGHT)
    weight_kg = _weight(_unsigned(data, place, 2), imperial=bool(flags & 1))
    return _measurement(data, 4, weight_kg, has_time=has_time, has_user=has_user)


def _measurement(data: bytes, place: int, weight_kg: Decimal, *, has_time: bool, has_user: bool) -> Measurement:
    user = _unsigned(data, place + 7 * has_time, 1) if has_user else UNKNOWN_USER
    return Measurement(
        weight_kg=weight_kg,
        wall_clock=_time(data, place) if has_time else None,
        user=None if user == UNKNOWN_USER else user,
    )


def _weight(raw: int, *, imperial: bool) -> Decimal:
    if raw == NOTHING:
        raise FaultError("weight: the measurement was unsuccessful")
    return in_bounds(raw * Decimal("0.01"), "lb") if imperial else in_bounds(raw * Decimal("0.005"), "kg")


def _time(data: bytes, place: int) -> datetime | None:
    year = _unsigned(data, place, 2)
    month, day, hour, minute, second = (_unsigned(data, place + 2 + i, 1) for i in range(5))
    if 0 in (year, month, day):
        return None
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 the scale's wall clock has no zone
    except ValueError:
        raise FaultError("time: is no date and time that exists") from None


def _unsigned(data: bytes, place: int, size: int) -> int:
    if len(data) < place + size:
        raise FaultError("bytes: are too few")
    return int.from_bytes(data[place : place + size], "little")
