"""Which number may an option be? Click's ranges let `nan` through, and `inf` where they have no end."""

import math

import typer


def finite(number: float | None) -> float | None:
    """The number, for a typer option's `callback`."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is no number of anything")
    return number
