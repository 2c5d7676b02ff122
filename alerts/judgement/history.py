"""What was known of each patient at each reading of a history? Courses that a back-test can score again and again."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from alerts.detectors import cardiauvergne
from alerts.detectors.detector import Days, Detector, Kilograms, Known
from alerts.judgement import anchors, baseline
from alerts.judgement.assessment import HISTORY, Day, Facts
from alerts.judgement.baseline import DailyWeight, Weight
from schemas import plausibility
from schemas.plan import Plan
from schemas.plausibility import Weighed

ZONE = ZoneInfo("Europe/Paris")
"""A READINGS file names no zones; this is the default of a patient."""
EventKind = Literal["decompensation", "dry_weight", "pause"]
_Row = tuple[datetime, float, str]


class Told(Protocol):
    """A weight (kg) of a history, from a file or a database."""

    @property
    def patient_id(self) -> str: ...
    @property
    def measured_at(self) -> datetime: ...
    @property
    def weight_kg(self) -> Decimal | float: ...
    @property
    def device_id(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class Event:
    """A row of EVENTS: a decompensation, a dry weight in kg known from `at`, or a pause from `at` to `until`."""

    patient_id: str
    at: datetime
    kind: EventKind
    until: datetime | None = None
    weight_kg: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """An accepted reading, with the number of its day, and of that day what was known then: so many weights, in kg."""

    at: datetime
    number: int
    weights: int
    weight_kg: float


@dataclass(frozen=True, kw_only=True)
class Sifted:
    """One patient's weights: the plausible ones, and the doubted ones that a later one confirmed (`released`)."""

    patient_id: str
    weights: list[Weight] = field(default_factory=list)
    released: set[tuple[datetime, float]] = field(default_factory=set)
    """Those that are known only once the accepted weight after them is."""
    doubts: Counter[str] = field(default_factory=Counter)
    devices: list[tuple[datetime, str]] = field(default_factory=list)
    """From when on which scale was used."""


class Course:
    """One patient's history."""

    def __init__(self, sifted: Sifted, *, events: Sequence[Event]) -> None:
        self.patient_id = sifted.patient_id
        self.doubts = sifted.doubts
        self.daily: list[DailyWeight] = []
        self.moments: list[Moment] = []
        weights_kg: list[float] = []
        for weight, today in baseline.as_they_come(sifted.weights, zone=ZONE):
            if not self.daily or self.daily[-1].day != today.day:
                self.daily.append(today)
                weights_kg.append(0.0)
            self.daily[-1] = today
            weights_kg[-1] = today.weight_kg
            if not sifted.released or (weight.measured_at, weight.weight_kg) not in sifted.released:
                known = len(today.used) + len(today.ignored)
                self.moments.append(Moment(weight.measured_at, len(self.daily) - 1, known, weights_kg[-1]))
        self.days: Days = np.array([day.day for day in self.daily], dtype=np.int64)
        self.kg: Kilograms = np.array(weights_kg, dtype=np.float64)
        self.moments_kg: Kilograms = np.array([moment.weight_kg for moment in self.moments], dtype=np.float64)
        self.decompensations = sorted(event.at for event in events if event.kind == "decompensation")
        self.pauses = sorted((event for event in events if event.kind == "pause"), key=lambda event: event.at)
        self._dry = sorted((event for event in events if event.kind == "dry_weight"), key=lambda event: event.at)
        self.anchors = anchors.anchors(
            zone=ZONE,
            treated=self.decompensations,
            dry_weights=(event.at for event in self._dry),
            devices=sifted.devices,
            pauses=((event.at, event.until) for event in self.pauses if event.until),
        )
        self.known = baseline.known(self.daily, zone=ZONE, anchors=self.anchors)

    def scores(self, detector: Detector, *, plan: Plan) -> list[float]:
        """The score at each moment, from what was known then."""
        days, kg, known = self.whole
        final = detector.scores(days, kg, plan=plan, known=known).tolist()
        cut = (self._then(number, kg, first=0) for number, kg in self.seen_otherwise())
        then = (detector.scores(days, kg, plan=plan, known=known)[-1] for days, kg, known in cut)
        return self.at_moments(final, map(float, then))

    @property
    def whole(self) -> tuple[Days, Kilograms, Known]:
        """All days with their final weights."""
        return self.days, self.kg, self.known

    def seen_otherwise(self) -> Iterator[tuple[int, float]]:
        """The day's number and the weight at each moment that saw another one than the day's final one."""
        kg = self.kg.tolist()
        return ((one.number, one.weight_kg) for one in self.moments if one.weight_kg != kg[one.number])

    def at_moments(self, final: Sequence[float], then: Iterator[float]) -> list[float]:
        """The score at each moment: its day's final one, or `then`'s next where it saw another weight."""
        kg = self.kg.tolist()
        return [
            final[moment.number] if moment.weight_kg == kg[moment.number] else next(then) for moment in self.moments
        ]

    def would_not_fire_at_kg(self, index: int, detector: Detector, *, plan: Plan) -> float | None:
        """The weight at or below which `detector` would not have fired at this moment."""
        days, kg, known = self.then(index)
        return detector.would_not_fire_at_kg(days, kg, plan=plan, known=known)

    def then(self, index: int) -> tuple[Days, Kilograms, Known]:
        """What the worker would have read at a moment."""
        moment = self.moments[index]
        return self._then(moment.number, moment.weight_kg, first=self._first_known(moment))

    @cached_property
    def above_kg(self) -> list[float | None]:
        """How far each moment's weight lies above the dry weight, else the baseline, as known then."""
        usual = baseline.baselines_kg(self.days, self.kg)
        return [
            cardiauvergne.above_kg(one.weight_kg, dry_kg=self._dry_kg(one.at), baseline_kg=usual[one.number])
            for one in self.moments
        ]

    def _dry_kg(self, at: datetime) -> float | None:
        known = [event.weight_kg for event in self._dry if event.at <= at]
        return known[-1] if known else None

    def day(self, index: int, *, plan: Plan) -> Day:
        """The moment with all that was known then, for the words and the severity."""
        moment = self.moments[index]
        first = self._first_known(moment)
        daily = [*self.daily[first : moment.number], self.daily[moment.number].first(moment.weights)]
        return Day(facts=self.facts(index, plan=plan), daily=daily, arrays=self.then(index)[:2])

    def facts(self, index: int, *, plan: Plan) -> Facts:
        """What was known at a moment beside the weights."""
        moment = self.moments[index]
        return Facts(
            plan=plan,
            zone=ZONE,
            enrolled_at=self.moments[0].at,
            dry_kg=self._dry_kg(moment.at),
            dry_set_at=max((event.at for event in self._dry if event.at <= moment.at), default=None),
            anchors=[day for day in self.anchors if day.toordinal() <= self.daily[moment.number].day],
        )

    def _then(self, number: int, newest_kg: float, *, first: int) -> tuple[Days, Kilograms, Known]:
        """The days from number `first` up to `number`, whose weight was another."""
        those = slice(first, number + 1)
        kg = self.kg[those].copy()
        kg[-1] = newest_kg
        return self.days[those], kg, replace(self.known, hours=self.known.hours[those])

    def _first_known(self, moment: Moment) -> int:
        """The number of the oldest day that the worker would have read at a moment."""
        since = moment.at - HISTORY
        return bisect_right(self.daily, since, hi=moment.number, key=lambda day: day.measured_at)


@dataclass(frozen=True, kw_only=True)
class Histories:
    """All courses, in the order of the pseudonyms, and what was left out."""

    courses: list[Course]
    duplicates: int
    doubts: Counter[str]
    """Of the weights left out, by reason."""
    released: int
    """Doubted at first, confirmed by the next accepted weight."""


def histories(readings: Iterable[Told], *, events: Iterable[Event]) -> Histories:
    """One course for each patient with an accepted reading. Order does not matter; what is there twice counts once."""
    of_patient: dict[str, list[Event]] = {}
    for event in events:
        of_patient.setdefault(event.patient_id, []).append(event)
    rows = _rows(readings)
    courses, doubts, released, duplicates = list[Course](), Counter[str](), 0, 0
    for patient_id in sorted(rows):
        weights = rows[patient_id]
        rows[patient_id] = []  # a history of millions of weights must not stand in memory twice
        duplicates += len(weights)
        sifted = _sift(patient_id, sorted(weights))
        duplicates -= len(sifted.weights) + sifted.doubts.total()
        doubts.update(sifted.doubts)
        released += len(sifted.released)
        if len(sifted.weights) > len(sifted.released):
            courses.append(Course(sifted, events=of_patient.get(patient_id, [])))
    return Histories(courses=courses, duplicates=duplicates, doubts=doubts, released=released)


def _rows(readings: Iterable[Told]) -> dict[str, list[_Row]]:
    """The times, weights in kg and scales of each patient; what many rows say alike is kept once."""
    rows: dict[str, list[_Row]] = {}
    scales = dict[str, str]()
    for one in readings:
        scale = one.device_id or ""
        rows.setdefault(one.patient_id, []).append(
            (one.measured_at, float(one.weight_kg), scales.setdefault(scale, scale))
        )
    return rows


def courses(readings: Iterable[Told], *, events: Iterable[Event]) -> list[Course]:
    """The courses alone."""
    return histories(readings, events=events).courses


def _sift(patient_id: str, rows: Iterable[_Row]) -> Sifted:
    """Judge one patient's weights, which are sorted, as ingest does: after those measured before each."""
    sifted = Sifted(patient_id=patient_id)
    previous: tuple[datetime, float] | None = None
    last: Weighed | None = None  # accepted, and measured before the instant at hand
    same_instant: list[Weighed] = []
    doubted: list[Weighed] = []
    waiting: list[tuple[Weighed, str]] = []
    for measured_at, weight_kg, device_id in rows:
        if previous == (measured_at, weight_kg):
            continue
        if previous and previous[0] != measured_at and same_instant:
            last, same_instant = same_instant[-1], []
        previous = (measured_at, weight_kg)
        known = [one for one in doubted if one.measured_at < measured_at] if doubted else doubted
        doubt = plausibility.doubt_in_order(weight_kg, measured_at, last=last, doubted=known)
        weighed = Weighed(measured_at=measured_at, weight_kg=weight_kg, doubted=doubt is not None)
        if doubt is None:
            _accept(sifted, weighed, waiting=waiting, device_id=device_id)
            same_instant.append(weighed)
            waiting = []
        else:
            sifted.doubts[doubt] += 1
            doubted = [*doubted[-2 * plausibility.REMEMBERED :], weighed]
            waiting.append((weighed, doubt))
    return sifted


def _accept(sifted: Sifted, weighed: Weighed, *, waiting: Iterable[tuple[Weighed, str]], device_id: str) -> None:
    """Take a weight, and with it the doubted ones since the last that it confirms."""
    for one, doubt in waiting:
        if plausibility.confirms(weighed, one):
            sifted.weights.append(Weight(measured_at=one.measured_at, weight_kg=one.weight_kg))
            sifted.released.add((one.measured_at, one.weight_kg))
            sifted.doubts[doubt] -= 1
    sifted.weights.append(Weight(measured_at=weighed.measured_at, weight_kg=weighed.weight_kg))
    if device_id and (not sifted.devices or sifted.devices[-1][1] != device_id):
        sifted.devices.append((weighed.measured_at, device_id))
