"""What did this person usually weigh on each day, and within what range? The chart's band; pure.

The same numbers as alerts' baseline and noise (alerts/judgement/baseline.py), which the screens may not import; a test
holds the two together. An episode's own evidence stays what it was when it was raised.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from clinician_api.patient.chart import Point, Usual

SESSION = timedelta(minutes=10)
BASELINE_DAYS, BASELINE_WEIGHTS = 28, 5
NOISE_DAYS, NOISE_PAIRS = 56, 7
NOISE_FLOOR_KG, NOISE_USUAL_KG = 0.3, 0.67
NOISES = 2.0
"""The band is the usual weight ± this many standard deviations of the person's own noise."""
BEFORE = timedelta(days=NOISE_DAYS + 1)
"""How long before the first day drawn the weights must be known."""


def ranges(points: Iterable[Point], *, zone: ZoneInfo, start: datetime) -> list[Usual]:
    """The range of each day since `start` that has a weight, from the weights before that day."""
    days: list[int] = []
    weights_kg: list[float] = []
    found = []
    for at, kg in daily(points, zone=zone):
        day = at.astimezone(zone).toordinal()
        usual_kg = baseline_kg(days, weights_kg, day=day) if at >= start else None
        if usual_kg is not None:
            width = NOISES * noise_kg(days, weights_kg, day=day)
            found.append(Usual(at=at, low_kg=usual_kg - width, high_kg=usual_kg + width))
        days.append(day)
        weights_kg.append(kg)
    return found


def daily(points: Iterable[Point], *, zone: ZoneInfo) -> list[tuple[datetime, float]]:
    """One weight (kg) a day, the median of the first ten minutes of weighing; accepted ones only."""
    sessions: dict[int, list[Point]] = {}
    accepted = {(p.measured_at, p.weight_kg): p for p in points if p.reason is None}
    for _, point in sorted(accepted.items()):
        session = sessions.setdefault(point.measured_at.astimezone(zone).toordinal(), [])
        if not session or point.measured_at - session[0].measured_at <= SESSION:
            session.append(point)
    return [(one[-1].measured_at, round(median(p.weight_kg for p in one), 4)) for one in sessions.values()]


def baseline_kg(days: list[int], weights_kg: list[float], *, day: int) -> float | None:
    """The median (kg) of the 28 days before `day`, or None with fewer than 5 weights in them."""
    recent = [kg for at, kg in zip(days[-BASELINE_DAYS:], weights_kg[-BASELINE_DAYS:], strict=True) if at >= day - 28]
    return round(median(recent), 3) if len(recent) >= BASELINE_WEIGHTS else None


def noise_kg(days: list[int], weights_kg: list[float], *, day: int) -> float:
    """The robust SD (kg) of the difference from one day to the next, over the 56 days before `day`."""
    recent = list(zip(days[-NOISE_DAYS - 1 :], weights_kg[-NOISE_DAYS - 1 :], strict=True))
    steps = [
        abs(kg - before_kg)
        for (before, before_kg), (at, kg) in pairwise(recent)
        if at - before == 1 and at >= day - NOISE_DAYS
    ]
    return NOISE_USUAL_KG if len(steps) < NOISE_PAIRS else round(max(NOISE_FLOOR_KG, 1.4826 * median(steps)), 3)
