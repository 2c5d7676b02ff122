"""What does a scale say and hear? Protocol version 1 (interface.md), from the scale's side."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from simulator.weighing import Weighing


class Doubted(BaseModel):
    """A reading in quarantine, or one that was rejected."""

    model_config = ConfigDict(frozen=True)

    seq: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Word:
    """What the service said of one reading."""

    seq: int
    word: Literal["stored", "quarantined", "rejected"]
    reason: str | None = None


class Receipt(BaseModel):
    """What a scale reads from its receipt topic."""

    model_config = ConfigDict(frozen=True)

    stored: list[int] = []
    quarantined: list[Doubted] = []
    rejected: list[Doubted] = []

    def words(self) -> Iterator[Word]:
        """One word for each reading named."""
        for seq in self.stored:
            yield Word(seq=seq, word="stored")
        for doubted in self.quarantined:
            yield Word(seq=doubted.seq, word="quarantined", reason=doubted.reason)
        for doubted in self.rejected:
            yield Word(seq=doubted.seq, word="rejected", reason=doubted.reason)


def readings(weighings: Sequence[Weighing], *, sent_at: datetime, clock_ahead: timedelta = timedelta()) -> str:
    """The payload of a reading message: one reading as such, several as a batch.

    The times are the scale's own: a clock that is ahead shows in `measured_at` and `sent_at` alike.
    """
    sent = (sent_at + clock_ahead).isoformat()
    bodies = [_reading(weighing, clock_ahead=clock_ahead) for weighing in weighings]
    message = {"sent_at": sent, **bodies[0]} if len(bodies) == 1 else {"sent_at": sent, "readings": bodies}
    return json.dumps(message)


def status(*, state: Literal["online", "offline"]) -> str:
    """The retained payload of a status topic."""
    return json.dumps({"state": state, "battery_pct": 80})


def _reading(weighing: Weighing, *, clock_ahead: timedelta) -> dict[str, object]:
    return {
        "seq": weighing.seq,
        "measured_at": (weighing.measured_at + clock_ahead).isoformat(),
        "weight_kg": float(weighing.weight_kg),
    }
