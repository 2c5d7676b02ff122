"""Who else stands on this scale? Weights said to be somebody else's, one group a person, so that the next is explained.

Nobody is named but a patient to whom a weight was reassigned: the others are known by what they weigh.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import LiteralString

from clinician_api.patient.patient_record import Reading
from schemas.database import Connection
from schemas.plausibility import HOUSEHOLD_KG

OTHERS = {"other_person", "other_patient"}
NEAR_KG = HOUSEHOLD_KG / 2
"""A weight so near to a person's others is like them."""


@dataclass(frozen=True, kw_only=True)
class Housemate:
    """Somebody else who weighs here (kg); `said`: how often a person confirmed it, the rest is what ingest believes."""

    low_kg: float
    high_kg: float
    readings: Sequence[Reading]
    patient_id: str | None

    @property
    def times(self) -> int:
        return len(self.readings)

    @property
    def said(self) -> int:
        return sum(reading.state == "excluded" for reading in self.readings)

    @property
    def last_at(self) -> datetime:
        return max(reading.measured_at for reading in self.readings)

    def explains(self, doubted: Reading) -> bool:
        """Whether it is like a weight of theirs that is not this one."""
        others = [one for one in self.readings if one.reading_id != doubted.reading_id]
        return bool(others) and self.low_kg - NEAR_KG <= doubted.weight_kg <= self.high_kg + NEAR_KG


def housemates(readings: Iterable[Reading], *, given_to: Mapping[int, str]) -> list[Housemate]:
    """The lightest first; `given_to`: the patients to whom weights were reassigned."""
    theirs = [one for one in readings if one.quarantine_reason in OTHERS and one.state in {"excluded", "quarantined"}]
    theirs.sort(key=lambda one: (given_to.get(one.reading_id, ""), one.weight_kg))
    found = []
    for patient_id, own in groupby(theirs, key=lambda one: given_to.get(one.reading_id)):
        runs: list[list[Reading]] = []
        for one in own:
            if runs and (patient_id or one.weight_kg - runs[-1][-1].weight_kg <= HOUSEHOLD_KG):
                runs[-1].append(one)
            else:
                runs.append([one])
        found += [
            Housemate(low_kg=run[0].weight_kg, high_kg=run[-1].weight_kg, readings=run, patient_id=patient_id)
            for run in runs
        ]
    return sorted(found, key=lambda one: one.low_kg)


GIVEN_TO: LiteralString = "SELECT of_reading, patient_id FROM given_weight WHERE of_reading = ANY(%(readings)s)"


def found(conn: Connection, readings: Sequence[Reading]) -> list[Housemate]:
    """Those of whom these readings tell."""
    reassigned = [one.reading_id for one in readings if one.quarantine_reason == "other_patient"]
    rows = conn.execute(GIVEN_TO, {"readings": reassigned}).fetchall() if reassigned else []
    return housemates(readings, given_to={int(str(reading)): str(patient) for reading, patient in rows})
