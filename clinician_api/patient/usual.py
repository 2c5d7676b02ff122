"""What did this person usually weigh on each day, and within what range? The chart's band; pure.

The same numbers as alerts' baseline and noise (alerts/judgement/baseline.py), which the screens may not import; a test
holds the two together. An episode's own evidence stays what it was when it was raised.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from operator import attrgetter
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from clinician_api.patient.chart import Array, Usual, Weighed

SESSION = timedelta(minutes=10)
BASELINE_DAYS, BASELINE_WEIGHTS = 28, 5
NOISE_DAYS, NOISE_PAIRS = 56, 7
NOISE_FLOOR_KG, NOISE_USUAL_KG = 0.3, 0.67
NOISES = 2.0
"""The band is the usual weight ± this many standard deviations of the person's own noise."""
BEFORE = timedelta(days=NOISE_DAYS + 1)
"""How long before the first day drawn the weights must be known."""


def ranges(points: Iterable[Weighed], *, zone: ZoneInfo, start: datetime) -> list[Usual]:
    """The range of each day since `start` that has a weight, from the weights before that day."""
    known = daily(points, zone=zone)
    if not known:
        return []
    days = np.array([day for day, _, _ in known])
    drawn = [n for n, (_, at, _) in enumerate(known) if at >= start]
    usual_kg, noise_kg = _before(days - days[0], np.array([kg for _, _, kg in known]), drawn)
    return [
        Usual(at=known[n][1], low_kg=kg - NOISES * noise, high_kg=kg + NOISES * noise)
        for n, kg, noise in zip(drawn, usual_kg, noise_kg, strict=True)
        if kg is not None
    ]


def noise_kg(points: Iterable[Weighed], *, zone: ZoneInfo) -> float:
    """The SD (kg) of this person's difference from one day to the next, as these weights tell on the day after."""
    known = daily(points, zone=zone)
    if not known:
        return NOISE_USUAL_KG
    days, weights_kg = np.array([day for day, _, _ in known]), [kg for _, _, kg in known]
    days = np.append(days - days[0], days[-1] - days[0] + 1)
    return _before(days, np.array([*weights_kg, np.nan]), [len(known)])[1][0]


def _before(days: NDArray[np.int64], weights_kg: Array, which: list[int]) -> tuple[list[float | None], list[float]]:
    """For some of the weights, the usual weight and the noise (kg) that the days before theirs tell; a row a day."""
    by_day = np.full(days[-1] + 1 + NOISE_DAYS, np.nan)  # as many empty days before the first
    by_day[days + NOISE_DAYS] = weights_kg
    steps_kg = np.abs(np.diff(by_day, prepend=np.nan))
    weights, steps = by_day[NOISE_DAYS - BASELINE_DAYS :], steps_kg
    usual, known = _medians(sliding_window_view(weights, BASELINE_DAYS)[days[which]])
    noise, pairs = _medians(sliding_window_view(steps, NOISE_DAYS)[days[which]])
    return (
        [round(kg, 3) if n >= BASELINE_WEIGHTS else None for kg, n in zip(usual, known, strict=True)],
        [
            NOISE_USUAL_KG if n < NOISE_PAIRS else round(max(NOISE_FLOOR_KG, 1.4826 * step), 3)
            for step, n in zip(noise, pairs, strict=True)
        ],
    )


def _medians(windows: Array) -> tuple[list[float], list[int]]:
    """Of each row the median of what is known, and how many that are; a row of nothing has any median."""
    known = np.count_nonzero(~np.isnan(windows), axis=1)
    ordered = np.sort(windows, axis=1)  # what is not known comes last
    rows, last = np.arange(len(ordered)), np.maximum(known - 1, 0)
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return middle.tolist(), known.tolist()


def daily(points: Iterable[Weighed], *, zone: ZoneInfo) -> list[tuple[int, datetime, float]]:
    """One weight (kg) a day, the median of the first ten minutes of weighing; accepted ones only.

    Before each its day, as a number of the calendar, and when it was weighed.
    """
    accepted = sorted((p for p in points if p.reason is None), key=attrgetter("measured_at", "weight_kg"))
    sessions: dict[int, list[Weighed]] = {}
    last = None
    for point in accepted:
        if last and (point.measured_at, point.weight_kg) == (last.measured_at, last.weight_kg):
            continue  # told twice
        last = point
        session = sessions.setdefault(point.measured_at.astimezone(zone).toordinal(), [])
        if not session or point.measured_at - session[0].measured_at <= SESSION:
            session.append(point)
    return [(day, one[-1].measured_at, round(_middle(one), 4)) for day, one in sessions.items()]


def _middle(session: list[Weighed]) -> float:
    return median(p.weight_kg for p in session) if len(session) > 1 else session[0].weight_kg
