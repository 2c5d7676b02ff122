"""What do all detectors say of one patient now? Scores, severities and the evidence for them.

Pure: takes the weights, plan and time that were known, and gives one finding per cause and judged day.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from alerts import baseline, messages
from alerts.baseline import DailyWeight, Weight
from alerts.detectors import cardiauvergne, guideline, guideline_loss, macd, silence
from alerts.detectors.detector import Days, Detector, Kilograms, exceeds
from schemas.alert import Cause, Evidence, Severity, UsedReading
from schemas.plan import Plan

HISTORY = timedelta(days=120)
"""How far back the weights must be known: what lies further has no weight left in any detector (macd: 0.3 %)."""
FRESH = timedelta(hours=48)
"""A fact older than this is shown, and pages nobody."""
SHOWN = timedelta(days=14)
DETECTORS: dict[str, Detector] = {module.NAME: module for module in (guideline, macd)}
"""By name, the detectors of decompensation that a back-test can run; the first is the default."""


@dataclass(frozen=True, kw_only=True)
class Doubted:
    """A weight in quarantine, shown as ignored."""

    measured_at: datetime
    weight_kg: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a patient at a moment."""

    plan: Plan
    zone: ZoneInfo
    enrolled_at: datetime
    dry_kg: float | None = None
    weights: Sequence[Weight] = ()
    doubted: Sequence[Doubted] = ()
    last_weight_at: datetime | None = None
    """Of the newest accepted weight, which may be older than any in `weights`."""

    @property
    def silent_since(self) -> datetime:
        """Silence is counted from the enrolment at the earliest: an imported past is nobody's silence."""
        return max(self.last_weight_at or self.enrolled_at, self.enrolled_at)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is found for one cause at one weighing (or instant of silence); severity None: nothing."""

    cause: Cause
    at: datetime
    severity: Severity | None
    evidence: Evidence
    stale: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A detector's score at the newest weight, for the record."""

    at: datetime
    detector: str
    version: str
    score: float
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Findings, oldest first, at each judged day; and the verdicts at the newest."""

    findings: list[Finding] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def of(self, cause: Cause) -> list[Finding]:
        return [finding for finding in self.findings if finding.cause == cause]


def assess(facts: Facts, *, now: datetime, known_until: datetime | None) -> Assessment:
    """Judge the newest day, and each fresh day with a weight recorded after `known_until` (None: nothing was known).

    The days in between matter after an outage: a scale that sends three days at once must not lose the alert of the
    second. Days that are not fresh are history: an import must not open what is long past.
    """
    daily = baseline.daily_weights(facts.weights, zone=facts.zone)
    result = Assessment(findings=[_silence(facts, now)])
    if not daily:
        return result
    for index, day in enumerate(daily):
        if index == len(daily) - 1 or (now - day.measured_at <= FRESH and _is_new(day, known_until)):
            known = Day(facts=facts, daily=daily[: index + 1])
            stale = now - day.measured_at > FRESH
            result.findings.extend(replace(finding, stale=stale) for finding in (known.gain(), known.loss()))
    result.verdicts.extend(Day(facts=facts, daily=daily).verdicts())
    return result


def _is_new(day: DailyWeight, known_until: datetime | None) -> bool:
    return known_until is None or any(used.recorded_at and used.recorded_at > known_until for used in day.used)


def _silence(facts: Facts, now: datetime) -> Finding:
    last = facts.silent_since
    due = silence.due_at(last, zone=facts.zone, plan=facts.plan)
    silent = now >= due
    days = silence.whole_days(last, now, zone=facts.zone)
    sentence = messages.silence(days, threshold_days=facts.plan.silence_days)
    evidence = Evidence(
        detector=silence.NAME,
        version=silence.VERSION,
        parameters={"silence_days": facts.plan.silence_days},
        score=days,
        threshold=facts.plan.silence_days,
        sentence=sentence if silent else messages.weighing_is_back(),
        readings=[],
        dry_weight_kg=facts.dry_kg,
    )
    at = due if silent else last
    return Finding(cause="no_transmission", at=at, severity="alert" if silent else None, evidence=evidence)


class Day:
    """A day's weight and all before it: the arrays, the personal numbers, and what each detector makes of them."""

    def __init__(self, *, facts: Facts, daily: Sequence[DailyWeight]) -> None:
        self.facts = facts
        self.daily = daily
        self.days, self.kg = baseline.arrays(daily)
        self.baseline_kg = baseline.baseline_kg(self.days, self.kg)
        self.noise_kg = baseline.noise_kg(self.days, self.kg)
        self.context = messages.Context(noise_kg=self.noise_kg, dry_kg=facts.dry_kg)

    @property
    def weight_kg(self) -> float:
        return self.daily[-1].weight_kg

    @property
    def at(self) -> datetime:
        return self.daily[-1].measured_at

    @property
    def above_kg(self) -> float | None:
        """Above the dry weight, else the baseline."""
        return cardiauvergne.above_kg(self.weight_kg, dry_kg=self.facts.dry_kg, baseline_kg=self.baseline_kg)

    @property
    def is_alarm(self) -> bool:
        return cardiauvergne.is_alarm(self.above_kg, plan=self.facts.plan)

    def gain(self) -> Finding:
        """Decompensation: alarm before alert before watch, the evidence of the gravest."""
        if self.above_kg is not None and self.is_alarm:
            return self._finding("decompensation", "alarm", self._alarm_evidence(self.above_kg))
        if self._fires(guideline):
            return self._finding("decompensation", "alert", self.evidence(guideline))
        if self._fires(macd):
            return self._finding("decompensation", "watch", self.evidence(macd))
        return self._finding("decompensation", None, self.evidence(guideline))

    def loss(self) -> Finding:
        severity: Severity | None = "alert" if self._fires(guideline_loss) else None
        return self._finding("weight_loss", severity, self.evidence(guideline_loss))

    def verdicts(self) -> list[Verdict]:
        return [
            Verdict(
                at=self.at,
                detector=detector.NAME,
                version=detector.VERSION,
                score=self.score(detector),
                threshold=detector.threshold(self.facts.plan),
            )
            for detector in (guideline, macd, guideline_loss)
        ]

    def score(self, detector: Detector) -> float:
        return float(detector.scores(self.days, self.kg, plan=self.facts.plan)[-1])

    def evidence(self, detector: Detector) -> Evidence:
        """The evidence of `detector`, whether it fired or not."""
        plan = self.facts.plan
        return self._evidence(
            detector=detector.NAME,
            version=detector.VERSION,
            parameters=detector.parameters(plan),
            score=self.score(detector),
            threshold=detector.threshold(plan),
            sentence=self.sentence(detector),
            counterfactual_kg=detector.would_not_fire_at_kg(self.days, self.kg, plan=plan),
        )

    def sentence(self, detector: Detector) -> messages.Sentence:
        score, threshold = self.score(detector), detector.threshold(self.facts.plan)
        if detector is macd:
            return messages.trend(score, threshold_kg=threshold, context=self.context)
        sign = -1 if detector is guideline_loss else 1
        days = _compared_days(self.days, sign * self.kg, self.facts.plan)
        if days is None:
            return messages.nothing_to_compare(context=self.context)
        return messages.change(sign * score, days=days, threshold_kg=threshold, context=self.context)

    def _fires(self, detector: Detector) -> bool:
        return exceeds(self.score(detector), detector.threshold(self.facts.plan))

    def _finding(self, cause: Cause, severity: Severity | None, evidence: Evidence) -> Finding:
        return Finding(cause=cause, at=self.at, severity=severity, evidence=evidence)

    def _alarm_evidence(self, above: float) -> Evidence:
        plan = self.facts.plan
        reference: Literal["dry", "baseline"] = "baseline" if self.facts.dry_kg is None else "dry"
        return self._evidence(
            detector=cardiauvergne.NAME,
            version=cardiauvergne.VERSION,
            parameters={"alarm_kg": plan.alarm_kg},
            score=above,
            threshold=plan.alarm_kg,
            sentence=messages.above(above, reference=reference, threshold_kg=plan.alarm_kg, context=self.context),
            counterfactual_kg=round(self.weight_kg - above + plan.alarm_kg, 3),
        )

    def _evidence(
        self,
        *,
        detector: str,
        version: str,
        parameters: dict[str, float],
        score: float,
        threshold: float,
        sentence: messages.Sentence,
        counterfactual_kg: float | None,
    ) -> Evidence:
        return Evidence(
            detector=detector,
            version=version,
            parameters=parameters,
            score=score,
            threshold=threshold,
            sentence=sentence,
            readings=self._readings(),
            baseline_kg=self.baseline_kg,
            noise_kg=self.noise_kg,
            dry_weight_kg=self.facts.dry_kg,
            weight_kg=self.weight_kg,
            gain_kg=score if detector in {guideline.NAME, guideline_loss.NAME} else None,
            would_not_have_fired_at_kg=counterfactual_kg,
        )

    def _readings(self) -> list[UsedReading]:
        """The daily weights of the last 14 days, and what was ignored among them, in the order of measuring."""
        since = self.at - SHOWN
        recent = [day for day in self.daily if day.measured_at >= since]
        shown = [UsedReading(measured_at=day.measured_at, weight_kg=day.weight_kg) for day in recent]
        shown += [
            UsedReading(measured_at=weight.measured_at, weight_kg=weight.weight_kg, ignored="later_that_day")
            for day in recent
            for weight in day.ignored
        ]
        shown += [
            UsedReading(measured_at=doubted.measured_at, weight_kg=doubted.weight_kg, ignored=doubted.reason)
            for doubted in self.facts.doubted
            if since <= doubted.measured_at <= self.at
        ]
        return sorted(shown, key=lambda reading: reading.measured_at)


def _compared_days(days: Days, kg: Kilograms, plan: Plan) -> int | None:
    """How many days lie between the newest weight and the nearest earlier one equal to its reference."""
    reference = guideline.references(days, kg, plan=plan)[-1]
    same = np.flatnonzero(kg[:-1] == reference)
    return int(days[-1] - days[same[-1]]) if len(same) else None
