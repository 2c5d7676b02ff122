"""Who else stands on this scale? Weights said to be somebody else's, one group a person, so that the next is explained.

Nobody is named but a patient to whom a weight was reassigned: the others are known by what they weigh.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median, pstdev
from typing import Literal, LiteralString
from zoneinfo import ZoneInfo

from clinician_api.patient import usual
from clinician_api.patient.patient_record import Reading
from clinician_api.patient.whose_weight import Weighing, somebody_elses
from schemas.database import Connection
from schemas.plausibility import HOUSEHOLD_DAYS, HOUSEHOLD_KG, REMEMBERED

OTHERS = {"other_person", "other_patient"}
NEAR_KG = HOUSEHOLD_KG / 2
"""A weight so near to a person's others is like them."""
PERHAPS_OTHERS = {"implausible_jump", "other_person", "scale_shift"}
"""Doubts behind which somebody else may stand."""
OTHERS_ABOVE, OWN_BELOW = 0.99, 0.1
"""Said above and below. Where it was tried, 96 % of the former were somebody else's, 4 % of the latter."""
HOURS, HOURS_KNOWN, HOUR_SD = 20, 5, 0.75
"""A person's hours are those of the last 20 weights; nobody's are more regular than 45 minutes."""


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


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """Whose a doubted weight probably is, and what that rests on.

    In words and not per cents: only the two ends came true where it was tried (docs/detectors.md).
    """

    whose: Literal["others", "own", "unclear"]
    step_kg: float
    since: timedelta
    """From the last weight of the patient's own."""
    noise_kg: float
    hours_off: float | None


def likelihood(doubted: Reading, readings: Iterable[Reading], *, zone: ZoneInfo) -> Likelihood | None:
    """What the weights before this one say of it; None where somebody else is not the question, or nothing is known."""
    before = sorted((one for one in readings if one.measured_at < doubted.measured_at), key=lambda one: one.measured_at)
    own = [one for one in before if one.state == "accepted"]
    if doubted.quarantine_reason not in PERHAPS_OTHERS or not own:
        return None
    last, hours = own[-1], [_hour(one, zone) for one in own[-HOURS:]]
    others = [one.weight_kg for one in before if _is_others(one, last, until=doubted.measured_at)]
    weighing = Weighing(
        step_kg=doubted.weight_kg - last.weight_kg,
        days=(doubted.measured_at - last.measured_at) / timedelta(days=1),
        noise_kg=usual.noise_kg(own, zone=zone),
        own=len(own),
        others_kg=[kg - last.weight_kg for kg in others[-REMEMBERED:]],
        hours_off=_hour(doubted, zone) - median(hours) if len(hours) >= HOURS_KNOWN else None,
        hour_sd=max(HOUR_SD, pstdev(hours)),
    )
    odds = somebody_elses(weighing)
    return Likelihood(
        whose="others" if odds > OTHERS_ABOVE else "own" if odds < OWN_BELOW else "unclear",
        step_kg=weighing.step_kg,
        since=doubted.measured_at - last.measured_at,
        noise_kg=weighing.noise_kg,
        hours_off=weighing.hours_off,
    )


def _is_others(one: Reading, last: Reading, *, until: datetime) -> bool:
    """Whether somebody said so, or this person's own weight came after it and refuted it."""
    said = one.state == "excluded" and one.quarantine_reason in OTHERS
    refuted = one.is_doubted and one.quarantine_reason in PERHAPS_OTHERS and one.measured_at < last.measured_at
    return (said or refuted) and until - one.measured_at <= timedelta(days=HOUSEHOLD_DAYS)


def _hour(one: Reading, zone: ZoneInfo) -> float:
    at = one.measured_at.astimezone(zone)
    return at.hour + at.minute / 60
