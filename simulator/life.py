"""What does one simulated person's scale show, day after day, for as long as anybody looks?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from simulator import habits, physiology
from simulator.habits import BoolArray, Habits
from simulator.physiology import Body, Constitution, Decompensation
from simulator.weighing import Weighing, seconds_seq

PARIS = ZoneInfo("Europe/Paris")
SESSION_KG = 0.05  # the scale's own noise within one session (noise.md)
CHAPTER_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What shall happen to this person, whatever chance says; the rest is drawn."""

    decompensation: Decompensation | None = None
    certain_days: frozenset[date] = frozenset()  # with a weighing
    absent: tuple[date, date] | None = None  # first and last day without any
    alone: bool = False  # nothing else decompensates

    def spare(self, drawn: Sequence[Decompensation]) -> list[Decompensation]:
        """The drawn events that leave room for the appointed one, and that one."""
        ours = self.decompensation
        chance = [] if self.alone else list(drawn)
        if ours is None:
            return chance
        calm = timedelta(days=physiology.CALM_DAYS)
        kept = [event for event in chance if event.treated + calm < ours.onset or ours.treated + calm < event.onset]
        return sorted([*kept, ours], key=lambda event: event.onset)


class Life:
    """A person's weighings from `first_day` on: drawn a chapter at a time, each from the seed and its number."""

    def __init__(
        self, seed: tuple[int, ...], *, first_day: date, days: int, person: Constitution, ways: Habits, fate: Fate
    ) -> None:
        self.person = person
        self.events: list[Decompensation] = []
        self._seed, self._ways, self._fate = seed, ways, fate
        self._weighings: dict[date, list[Weighing]] = defaultdict(list)
        self._end, self._chapters = first_day, 0
        self._walk_kg: float | None = None
        self._go_on(days)

    def weighings_on(self, day: date) -> list[Weighing]:
        """The weighings of a local day, in order; the same whenever it is asked."""
        while day >= self._end:
            self._go_on(CHAPTER_DAYS)
        return self._weighings.get(day, [])

    def _go_on(self, days: int) -> None:
        rng = np.random.default_rng([*self._seed, self._chapters])
        drawn = physiology.decompensations(rng, first_day=self._end, days=days)
        events = self._fate.spare(drawn) if self._chapters == 0 else drawn
        body = physiology.live(
            self.person, rng, first_day=self._end, days=days, events=events, walk_kg_before=self._walk_kg
        )
        weighed = habits.days_weighed(self._ways, rng, first_day=self._end, days=days, events=events)
        self._write(rng, body=body, weighed=weighed)
        self.events += events
        self._walk_kg = float(body.walk_kg[-1])
        self._end += timedelta(days=days)
        self._chapters += 1

    def _write(self, rng: np.random.Generator, *, body: Body, weighed: BoolArray) -> None:
        self._bend(body.first_day, weighed)
        taken = habits.steps(self._ways, rng, weighed=weighed)
        session_kg = rng.normal(0, SESSION_KG, len(taken))
        for step, error_kg in zip(taken, session_kg.tolist(), strict=True):
            day = body.first_day + timedelta(days=step.day)
            kg = float(body.morning_kg[step.day]) + error_kg + (self.person.evening_kg if step.evening else 0)
            measured_at = local_instant(day, hour=step.hour)
            self._weighings[day].append(
                Weighing(
                    measured_at=measured_at,
                    weight_kg=shown_kg(kg, resolution_kg=self._ways.resolution_kg),
                    seq=seconds_seq(measured_at),
                )
            )

    def _bend(self, first_day: date, weighed: BoolArray) -> None:
        """Chance proposes on which days there is a weight; fate has the last word."""
        for day in self._fate.certain_days:
            if 0 <= (number := (day - first_day).days) < len(weighed):
                weighed[number] = True
        if self._fate.absent:
            start, last = ((day - first_day).days for day in self._fate.absent)
            weighed[max(start, 0) : max(last + 1, 0)] = False


def local_instant(day: date, *, hour: float) -> datetime:
    """The instant, to the second, in UTC, when clocks in France show this hour of this day."""
    shown = datetime.combine(day, time(), tzinfo=PARIS) + timedelta(seconds=round(hour * 3600))
    return shown.astimezone(UTC)


def shown_kg(kg: float, *, resolution_kg: float) -> Decimal:
    """What a scale of this resolution shows."""
    resolution = Decimal(str(resolution_kg))
    return round(kg / resolution_kg) * resolution
