"""What did a scale say? A weighing it claims, a message we cannot take, or how the scale is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

MAX_SEQ = 2**63 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """How the scale is, as far as it said; None: not said, or nothing we can use."""

    battery_pct: int | None = None
    firmware: str | None = None
    online: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A weighing in kg as the scale tells it: `measured_at` and `sent_at` by the scale's own clock."""

    seq: int
    measured_at: datetime
    weight_kg: Decimal
    sent_at: datetime | None
    condition: Condition
    raw: str

    @property
    def said_of(self) -> str:
        """What `seq` stands for, the same at every sending, so that a number used twice is seen."""
        return f"{self.measured_at.astimezone(UTC).isoformat()} {self.weight_kg.normalize():f} kg"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A message, or an item of a batch, that is no weighing; `seq` if one can be read in it."""

    seq: int | None
    reason: str
    raw: bytes

    @property
    def said_of(self) -> str:
        return f"refused: {self.reason}"


Said = Claim | Refusal


def is_number_of_a_reading(seq: int | None) -> bool:
    """Whether `seq` can be remembered; others get their word from the message alone, which is always the same."""
    return seq is not None and 0 <= seq <= MAX_SEQ
