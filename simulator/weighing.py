"""What does a scale know after somebody stood on it? A reading in the words of the native protocol."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """A weight in kg and when it was taken, by a scale that tells the right time."""

    measured_at: datetime
    weight_kg: Decimal
    seq: int


def seconds_seq(measured_at: datetime) -> int:
    """A `seq` that grows with time and needs no memory: a simulation that starts again never uses one twice."""
    return int(measured_at.timestamp())
