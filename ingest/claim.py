"""What did a scale say? A weighing it claims, a weighing taken back, or a message we cannot take, and how the scale is.

Every dialect says one of these, and nothing else ever leaves an adapter.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

MAX_SEQ = 2**63 - 1
NATIVE = "native-1"

TimeSource = Literal["device", "gateway", "server"]
"""Whose clock `measured_at` is from: the scale's (or the phone's beside it), a gateway's, or ours at the arrival."""


class Condition(NamedTuple):
    """How the scale is, as far as it said; None: not said, or nothing we can use."""

    battery_pct: int | None = None
    firmware: str | None = None
    online: bool | None = None


NOTHING_SAID = Condition()


@dataclass(kw_only=True, slots=True)
class Claim:
    """A weighing in kg: `measured_at` and `sent_at` by the clock that `time_source` names.

    `seq` is None where the dialect has none; then time and weight tell one weighing from another, `origin` is what the
    dialect calls it (to correct it later), and the same weight within `repeats_within` of the last is the same weighing
    heard again. `restates`: said live by somebody who means it now, so it stands even if it was taken back before.
    `doubt`: the source's own, so that a human looks first.
    """

    seq: int | None
    measured_at: datetime
    weight_kg: Decimal
    sent_at: datetime | None = None
    condition: Condition = NOTHING_SAID
    raw: str
    source: str = NATIVE
    time_source: TimeSource = "device"
    origin: str | None = None
    repeats_within: timedelta | None = None
    restates: bool = False
    doubt: Literal["ambiguous_person"] | None = None

    _said_of: str = field(default="", init=False, repr=False, compare=False)

    @property
    def said_of(self) -> str:
        """What `seq` stands for, the same at every sending, so that a number used twice is seen."""
        if not self._said_of:
            at = self.measured_at if self.measured_at.tzinfo is UTC else self.measured_at.astimezone(UTC)
            self._said_of = f"{at.isoformat()} {self.weight_kg.normalize():f} kg"
        return self._said_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Retraction:
    """What was said before of some weighings of this scale no longer stands; the readings stay, an event joins them.

    Meant are those called `origin`, or measured in [`since`, `until`) where the dialect gives no name; never the one
    that stands in its place, `keeps` (time and kg).
    """

    kind: Literal["superseded", "excluded"]
    reason: Literal["corrected_upstream", "deleted_upstream"]
    since: datetime
    until: datetime
    origin: str | None = None
    keeps: tuple[datetime, Decimal] | None = None
    raw: str
    source: str
    seq: None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A message, or an item of a batch, that is no weighing; `seq` if one can be read in it.

    Without `kept` it is counted and forgotten: a scale still settling says so four times a second.
    """

    seq: int | None
    reason: str
    raw: bytes
    source: str = NATIVE
    kept: bool = True

    @property
    def said_of(self) -> str:
        return f"refused: {self.reason}"


Said = Claim | Retraction | Refusal


def is_number_of_a_reading(seq: int | None) -> bool:
    """Whether `seq` can be remembered; others get their word from the message alone, which is always the same."""
    return seq is not None and 0 <= seq <= MAX_SEQ
