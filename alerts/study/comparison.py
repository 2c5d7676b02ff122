"""Whose alerts appear or vanish between two settings? Two back-tests of one history, set side by side."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.study.backtest import BacktestResult

SAME = timedelta(days=7)
"""Alerts of the two settings that are closer than this are one: both would have had the same call made."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One patient's alerts of decompensation that only one of the settings raises, and events only one finds."""

    patient_id: str
    vanish: list[datetime]
    appear: list[datetime]
    lost_events: int
    won_events: int


def changed(before: BacktestResult, after: BacktestResult) -> list[Changed]:
    """Each patient for whom something changes, in the order of the pseudonyms."""
    old, new = _by_patient(before), _by_patient(after)
    found = {one.patient_id: (one, two) for one, two in zip(before.tallies, after.tallies, strict=True)}
    changes = [
        Changed(
            patient_id=patient_id,
            vanish=_without_a_match(old[patient_id], new[patient_id]),
            appear=_without_a_match(new[patient_id], old[patient_id]),
            lost_events=len(set(two.missed) - set(one.missed)),
            won_events=len(set(one.missed) - set(two.missed)),
        )
        for patient_id, (one, two) in sorted(found.items())
    ]
    return [one for one in changes if one.vanish or one.appear or one.lost_events or one.won_events]


def _by_patient(result: BacktestResult) -> defaultdict[str, list[datetime]]:
    alerts: defaultdict[str, list[datetime]] = defaultdict(list)
    for alert in result.alerts:
        if alert.kind == "decompensation":
            alerts[alert.patient_id].append(alert.at)
    return alerts


def _without_a_match(alerts: Iterable[datetime], others: list[datetime]) -> list[datetime]:
    return [at for at in alerts if not any(abs(at - other) <= SAME for other in others)]
