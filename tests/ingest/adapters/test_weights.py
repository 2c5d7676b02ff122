"""Whatever unit a scale shows, a weight is kilograms to the gram, and no more than half a gram from the truth."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.strict_json import FaultError
from ingest.adapters.weights import kilograms, kilograms_of_text

POUND = Fraction(45_359_237, 100_000_000)
"""The international pound of 1959, in kg."""
EXACT = {"kg": Fraction(1), "lb": POUND, "lbs": POUND, "st": 14 * POUND, "g": Fraction(1, 1000), "jin": Fraction(1, 2)}


@given(st.integers(2_100, 395_000), st.sampled_from(sorted(EXACT)), st.integers(0, 3))
def test_every_unit_is_converted_exactly_to_the_gram(grams: int, unit: str, digits: int) -> None:
    shown = round(grams / 1000 / float(EXACT[unit]), digits)
    truth = Fraction(str(shown)) * EXACT[unit]
    if not 2 <= truth <= 400:
        with pytest.raises(FaultError):
            kilograms(shown, unit)
        return
    weight_kg = kilograms(shown, unit)
    assert abs(Fraction(weight_kg) - truth) <= Fraction(1, 2000)
    assert weight_kg == kilograms_of_text(str(shown), unit)


@given(st.lists(st.integers(1000, 4000), min_size=2, max_size=2))
def test_a_difference_in_pounds_is_that_difference_to_the_gram(tenths: list[int]) -> None:
    first, second = (kilograms(one / 10, "lb") for one in tenths)
    assert abs(Fraction(second - first) - Fraction(tenths[1] - tenths[0], 10) * POUND) <= Fraction(1, 1000)
