"""What was known of each patient at each reading of a history? Courses that a back-test can score again and again."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from alerts import baseline
from alerts.assessment import HISTORY, Day, Facts
from alerts.baseline import DailyWeight, Weight
from alerts.detectors.detector import Detector
from schemas import plausibility
from schemas.plan import Plan
from schemas.plausibility import Weighed
from schemas.reading import HistoricReading

ZONE = ZoneInfo("Europe/Paris")
"""A READINGS file names no zones; this is the default of a patient."""
REMEMBERED = 8
"""How many accepted and doubted weights the plausibility rule is shown; it looks at the latest of each."""

EventKind = Literal["decompensation", "dry_weight", "pause"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """A row of EVENTS: a decompensation, a dry weight in kg known from `at`, or a pause from `at` to `until`."""

    patient_id: str
    at: datetime
    kind: EventKind
    until: datetime | None = None
    weight_kg: float | None = None


@dataclass(frozen=True, kw_only=True)
class Moment:
    """An accepted reading, with the number of its day and that day's weight as known then."""

    at: datetime
    number: int
    today: DailyWeight

    @property
    def weight_kg(self) -> float:
        return self.today.weight_kg


class Course:
    """One patient's history."""

    def __init__(self, *, patient_id: str, weights: Sequence[Weight], doubted: int, events: Sequence[Event]) -> None:
        self.patient_id = patient_id
        self.doubted = doubted
        self.daily: list[DailyWeight] = []
        self.moments: list[Moment] = []
        for weight, today in baseline.as_they_come(weights, zone=ZONE):
            if not self.daily or self.daily[-1].day != today.day:
                self.daily.append(today)
            self.daily[-1] = today
            self.moments.append(Moment(at=weight.measured_at, number=len(self.daily) - 1, today=today))
        self.decompensations = sorted(event.at for event in events if event.kind == "decompensation")
        self.pauses = sorted((event for event in events if event.kind == "pause"), key=lambda event: event.at)
        self._dry = sorted((event for event in events if event.kind == "dry_weight"), key=lambda event: event.at)

    def scores(self, detector: Detector, *, plan: Plan) -> list[float]:
        """The score at each moment, from what was known then."""
        final = detector.scores(*baseline.arrays(self.daily), plan=plan).tolist()
        return [
            final[moment.number]
            if moment.weight_kg == self.daily[moment.number].weight_kg
            else float(detector.scores(*baseline.arrays(self._known(index)), plan=plan)[-1])
            for index, moment in enumerate(self.moments)
        ]

    def would_not_fire_at_kg(self, index: int, detector: Detector, *, plan: Plan) -> float | None:
        """The weight at or below which `detector` would not have fired at this moment."""
        return detector.would_not_fire_at_kg(*baseline.arrays(self._known(index)), plan=plan)

    def day(self, index: int, *, plan: Plan) -> Day:
        """The moment with all that was known then, for the words and the severity."""
        at = self.moments[index].at
        dry = [event.weight_kg for event in self._dry if event.at <= at]
        facts = Facts(plan=plan, zone=ZONE, enrolled_at=self.moments[0].at, dry_kg=dry[-1] if dry else None)
        return Day(facts=facts, daily=self._known(index))

    def _known(self, index: int) -> list[DailyWeight]:
        """The daily weights up to a moment, as far back as the worker reads them."""
        moment = self.moments[index]
        start = moment.number
        while start and moment.at - self.daily[start - 1].measured_at < HISTORY:
            start -= 1
        return [*self.daily[start : moment.number], moment.today]


def courses(readings: Iterable[HistoricReading], *, events: Iterable[Event]) -> list[Course]:
    """One course for each patient with an accepted reading, in the order of their pseudonyms."""
    of_patient: dict[str, list[Event]] = {}
    for event in events:
        of_patient.setdefault(event.patient_id, []).append(event)
    ordered = sorted({(reading.patient_id, reading.measured_at, float(reading.weight_kg)) for reading in readings})
    return [
        Course(patient_id=patient_id, weights=weights, doubted=doubted, events=of_patient.get(patient_id, []))
        for patient_id, weights, doubted in _sifted(ordered)
        if weights
    ]


def _sifted(ordered: list[tuple[str, datetime, float]]) -> Iterator[tuple[str, list[Weight], int]]:
    """Each patient's plausible weights, and how many were doubted."""
    for patient_id, group in groupby(ordered, key=lambda row: row[0]):
        accepted: list[Weighed] = []
        doubted: list[Weighed] = []
        for _, measured_at, weight_kg in group:
            before = accepted[-REMEMBERED:] + doubted[-REMEMBERED:]
            waits = plausibility.doubt(weight_kg, measured_at, before=before) is not None
            weighed = Weighed(measured_at=measured_at, weight_kg=weight_kg, doubted=waits)
            (doubted if waits else accepted).append(weighed)
        weights = [Weight(measured_at=weighed.measured_at, weight_kg=weighed.weight_kg) for weighed in accepted]
        yield patient_id, weights, len(doubted)
