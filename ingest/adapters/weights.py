"""How many kilograms is this? Numbers in whatever unit a scale shows, converted exactly."""

import re
from decimal import Decimal
from typing import cast

from ingest.adapters.strict_json import FaultError
from schemas.plausibility import MAX_KG, MIN_KG

GRAM = Decimal("0.001")
POUND = Decimal("0.45359237")  # international pound, exact since 1959
KG_IN = {
    "kg": Decimal(1),
    "kgs": Decimal(1),
    "g": GRAM,
    "lb": POUND,
    "lbs": POUND,
    "st": 14 * POUND,
    "jin": Decimal("0.5"),  # not the 0.6 of ESPHome's first Mi scale code
    "catty": Decimal("0.5"),
}
NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,20})?", re.ASCII)


def kilograms(value: object, unit: object) -> Decimal:
    """Kilograms to the gram, from a JSON number and the name of its unit.

    Raises:
        FaultError: no number, no unit we know, or no weight of a person by far.
    """
    if type(value) not in (int, float):
        raise FaultError("weight: must be a number")
    number = cast("float", value)
    if not abs(number) < 1e9:
        raise FaultError(f"weight: must be at most {MAX_KG:g} kg")
    return in_bounds(Decimal(repr(number)), unit)


def kilograms_of_text(value: object, unit: object) -> Decimal:
    """The same from a number written as text, for dialects that write it so.

    Raises:
        FaultError: as for `kilograms`.
    """
    if not isinstance(value, str) or NUMBER.fullmatch(value.strip()) is None:
        raise FaultError("weight: must be a number")
    return in_bounds(Decimal(value.strip()), unit)


def in_bounds(number: Decimal, unit: object) -> Decimal:
    """Kilograms to the gram.

    Raises:
        FaultError: no unit we know, or no weight of a person by far.
    """
    factor = KG_IN.get(unit.strip().lower()) if isinstance(unit, str) else None
    if factor is None:
        raise FaultError("unit: must be kg, g, lb, st or jin")
    weight_kg = number * factor
    if weight_kg < Decimal(MIN_KG):
        raise FaultError(f"weight: must be at least {MIN_KG:g} kg")
    if weight_kg > Decimal(MAX_KG):
        raise FaultError(f"weight: must be at most {MAX_KG:g} kg")
    return weight_kg.quantize(GRAM)
