"""Who is watched in a demonstration? Hundreds of patients with a history, some of them getting worse right now."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from schemas.patient import LentScale, NewPatient
from schemas.reading import HistoricReading
from simulator import habits, people, physiology
from simulator.life import PARIS, Fate, Life, local_instant
from simulator.physiology import Decompensation
from simulator.weighing import Weighing

SITE = "auvergne"
AHEAD_DAYS = 365  # drawn with the history; more when somebody asks
FIRST_MORNING_SHARE, SOON_SHARE, SILENT_SHARE, TWICE_SHARE = 0.01, 0.01, 0.01, 0.02
MORNING_HOUR = 8  # a cohort that starts later in the day begins to weigh the next morning


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A scale and what is wrong with it."""

    lent: LentScale
    clock_ahead: timedelta = timedelta()
    sends_twice: bool = False


@dataclass(frozen=True, kw_only=True)
class SimulatedPatient:
    """A patient, the history up to now, the life to come, and the truth (`events`)."""

    new_patient: NewPatient
    history: list[HistoricReading]
    scale: Scale
    life: Life

    @property
    def events(self) -> list[Decompensation]:
        """The decompensations so far and to come, as far as they are drawn."""
        return self.life.events

    def weighings_on(self, day: date) -> list[Weighing]:
        """The weighings of this local day, in order, deterministic."""
        return self.life.weighings_on(day)


def cohort(*, patients: int, days: int, until: datetime, seed: int) -> list[SimulatedPatient]:
    """`patients` people with `days` days of history up to `until`; the same arguments give the same people.

    About 0.3 decompensations per patient and year, and on top of that one patient in a hundred whose weight crosses
    2 kg in 3 days on the first morning, and one in a hundred in the days after. One in a hundred has fallen silent,
    a few scales send everything twice, one scale's clock is three hours ahead.
    """
    first_live = first_live_day(until)
    fates = _fates(np.random.default_rng([seed]), patients=patients, first_live=first_live)
    scales = _scales(np.random.default_rng([seed, 1]), patients=patients)
    return [
        _patient(number, seed=seed, days=days, until=until, fate=fates.get(number, Fate()), scale=scales[number - 1])
        for number in range(1, patients + 1)
    ]


def first_live_day(until: datetime) -> date:
    """The local day of the first morning that is not history."""
    return (until.astimezone(PARIS) + timedelta(hours=24 - MORNING_HOUR)).date()


def _fates(rng: np.random.Generator, *, patients: int, first_live: date) -> dict[int, Fate]:
    order = iter((rng.permutation(patients) + 1).tolist())
    worse = [_worse_today(rng, first_live=first_live) for _ in range(_some(FIRST_MORNING_SHARE, patients))]
    soon = [_worse_soon(rng, first_live=first_live) for _ in range(_some(SOON_SHARE, patients))]
    silent = [_silent(rng, first_live=first_live) for _ in range(_some(SILENT_SHARE, patients))]
    return dict(zip(order, [*worse, *soon, *silent], strict=False))


def _some(share: float, patients: int) -> int:
    return max(1 + (patients >= 20) * 2, round(share * patients))


def _worse_today(rng: np.random.Generator, *, first_live: date) -> Fate:
    """+1.3 kg on the last morning of the history, +2.6 kg on the first live one, and so on."""
    onset = first_live - timedelta(days=2)
    event = Decompensation(kind="fast", onset=onset, ramp_days=4, gain_kg=rng.uniform(4.8, 6))
    return Fate(decompensation=event, certain_days=_around(first_live, before=6, after=2))


def _worse_soon(rng: np.random.Generator, *, first_live: date) -> Fate:
    onset = first_live + timedelta(days=int(rng.integers(0, 5)))
    event = Decompensation(kind="fast", onset=onset, ramp_days=int(rng.integers(4, 7)), gain_kg=rng.uniform(3.5, 5.5))
    return Fate(decompensation=event, certain_days=_around(event.treated, before=7, after=0))


def _silent(rng: np.random.Generator, *, first_live: date) -> Fate:
    since = first_live - timedelta(days=int(rng.integers(1, 8)))
    return Fate(absent=(since, first_live + timedelta(days=int(rng.integers(2, 30)))))


def _around(day: date, *, before: int, after: int) -> frozenset[date]:
    return frozenset(day + timedelta(days=number) for number in range(-before, after + 1))


def _scales(rng: np.random.Generator, *, patients: int) -> list[Scale]:
    order = (rng.permutation(patients) + 1).tolist()
    ahead, twice = order[0], set(order[1 : 1 + _some(TWICE_SHARE, patients)])
    return [
        Scale(
            lent=LentScale(site=SITE, device_id=f"S{number:04d}"),
            clock_ahead=timedelta(hours=3) if number == ahead else timedelta(),
            sends_twice=number in twice,
        )
        for number in range(1, patients + 1)
    ]


def _patient(number: int, *, seed: int, days: int, until: datetime, fate: Fate, scale: Scale) -> SimulatedPatient:
    rng = np.random.default_rng([seed, 2, number])
    first_day = first_live_day(until) - timedelta(days=days)
    person, ways = physiology.constitution(rng), habits.habits(rng)
    life = Life((seed, 3, number), first_day=first_day, days=days + AHEAD_DAYS, person=person, ways=ways, fate=fate)
    new_patient = NewPatient(
        patient_id=f"P{number:04d}",
        enrolled_at=local_instant(first_day, hour=0),
        identity=people.invent(rng, today=first_day),
        scale=scale.lent,
        dry_weight_kg=round(person.dry_weight_kg, 1) if rng.random() < 0.9 else None,
    )
    return SimulatedPatient(
        new_patient=new_patient,
        history=_history(new_patient.patient_id, life=life, scale=scale, first_day=first_day, until=until),
        scale=scale,
        life=life,
    )


def _history(patient_id: str, *, life: Life, scale: Scale, first_day: date, until: datetime) -> list[HistoricReading]:
    mornings = (first_day + timedelta(days=number) for number in range((until.date() - first_day).days + 2))
    return [
        HistoricReading(
            patient_id=patient_id,
            measured_at=weighing.measured_at,
            weight_kg=weighing.weight_kg,
            device_id=scale.lent.device_id,
        )
        for day in mornings
        for weighing in life.weighings_on(day)
        if weighing.measured_at <= until
    ]
