"""How does the shadow do beside the detector in force? Alerts of both, and what nurses found behind them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts import shadow
from alerts.judgement.choice import Choice, Duty
from alerts.shadow import Comparison, Judged
from alerts.study import intervals
from alerts.study.comparison import SAME
from schemas.trial import Beside, InBoth, ShadowSide


@dataclass(frozen=True, kw_only=True)
class Coded:
    """An episode of decompensation that a nurse judged."""

    patient_id: str
    opened_at: datetime
    confirmed: bool


def beside(rows: Sequence[Judged], *, choice: Choice, since: datetime, coded: Iterable[Coded]) -> Beside:
    """Both since the shadow began; an alert that only the shadow raised is judged only if an episode was near."""
    assert choice.shadow
    found = shadow.compare(rows)
    outcomes: dict[str, list[Coded]] = {}
    for one in coded:
        outcomes.setdefault(one.patient_id, []).append(one)
    raised = {one.patient_id: one for one in shadow.each(rows)}
    return Beside(
        since=since,
        weights=found.judged,
        patient_years=found.patient_years,
        both=found.both,
        alerting=_side(choice.alerting, {name: one.alerting for name, one in raised.items()}, found, outcomes),
        shadow=_side(choice.shadow, {name: one.shadow for name, one in raised.items()}, found, outcomes),
        patients=[InBoth(**vars(one)) for one in found.patients],
    )


def _side(
    duty: Duty, raised: Mapping[str, Sequence[datetime]], found: Comparison, outcomes: Mapping[str, Sequence[Coded]]
) -> ShadowSide:
    alerts = sum(len(one) for one in raised.values())
    judged = [
        verdict
        for patient_id, every in raised.items()
        for at in every
        if (verdict := _verdict(at, outcomes.get(patient_id, []))) is not None
    ]
    return ShadowSide(
        detector=duty.detector,
        threshold=duty.threshold,
        alerts=alerts,
        alerts_per_patient_year=alerts / found.patient_years if found.patient_years else None,
        judged=len(judged),
        confirmed=sum(judged),
        confirmed_95=intervals.wilson(sum(judged), len(judged)),
    )


def _verdict(at: datetime, coded: Sequence[Coded]) -> bool | None:
    """Of the nearest judged episode within a week; None: nobody has judged it."""
    near = [one for one in coded if abs(one.opened_at - at) <= SAME]
    return min(near, key=lambda one: abs(one.opened_at - at)).confirmed if near else None
