"""How do the shadow detector's assessments compare with those of the one that alerts? Side by side, pure.

An alert is counted as the worker would page: when the score rises above the threshold, and not again within 7 days.
Both detectors are counted so, from their assessments of the same weights, and over the time that both have judged.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from alerts.detectors.detector import exceeds
from alerts.policy import MERGE_FALSE
from alerts.study.comparison import SAME


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One weight as the alerting and the shadow detector judged it, in the order of patients and time."""

    patient_id: str
    at: datetime
    score: float
    threshold: float
    shadow_score: float
    shadow_threshold: float


@dataclass(frozen=True, kw_only=True)
class PatientInBoth:
    """When each of the two would have alerted alone, and how often both."""

    patient_id: str
    both: int
    alerting_alone: list[datetime]
    shadow_alone: list[datetime]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All patients together; `patients` are those with any alert."""

    judged: int
    patient_years: float
    alerting: int
    shadow: int
    both: int
    patients: list[PatientInBoth]

    def as_json(self) -> dict[str, Any]:
        figures = asdict(self)
        for patient in figures["patients"]:
            for name in ("alerting_alone", "shadow_alone"):
                patient[name] = [at.isoformat() for at in patient[name]]
        return figures


@dataclass(frozen=True, kw_only=True)
class Raised:
    """What each of the two would have raised for one patient."""

    patient_id: str
    weights: int
    days: float
    alerting: list[datetime]
    shadow: list[datetime]


def each(rows: Iterable[Judged]) -> Iterator[Raised]:
    """Of each patient."""
    for patient_id, group in groupby(rows, key=lambda row: row.patient_id):
        judged = list(group)
        yield Raised(
            patient_id=patient_id,
            weights=len(judged),
            days=(judged[-1].at - judged[0].at).total_seconds() / 86400,
            alerting=_alerts([(row.at, exceeds(row.score, row.threshold)) for row in judged]),
            shadow=_alerts([(row.at, exceeds(row.shadow_score, row.shadow_threshold)) for row in judged]),
        )


def compare(rows: Iterable[Judged]) -> Comparison:
    """Set the two detectors side by side."""
    total: defaultdict[str, float] = defaultdict(float)
    patients = []
    for one in each(rows):
        alerting, shadow = one.alerting, one.shadow
        alone = [at for at in alerting if not _has_match(at, shadow)]
        total["judged"] += one.weights
        total["days"] += one.days
        total["alerting"] += len(alerting)
        total["shadow"] += len(shadow)
        if alerting or shadow:
            patients.append(
                PatientInBoth(
                    patient_id=one.patient_id,
                    both=len(alerting) - len(alone),
                    alerting_alone=alone,
                    shadow_alone=[at for at in shadow if not _has_match(at, alerting)],
                )
            )
    return Comparison(
        judged=int(total["judged"]),
        patient_years=total["days"] / 365.25,
        alerting=int(total["alerting"]),
        shadow=int(total["shadow"]),
        both=sum(one.both for one in patients),
        patients=patients,
    )


def _alerts(judged: Sequence[tuple[datetime, bool]]) -> list[datetime]:
    raised: list[datetime] = []
    fired = False
    for at, fires in judged:
        if fires and not fired and (not raised or at - raised[-1] >= MERGE_FALSE):
            raised.append(at)
        fired = fires
    return raised


def _has_match(at: datetime, others: Iterable[datetime]) -> bool:
    return any(abs(at - other) <= SAME for other in others)
