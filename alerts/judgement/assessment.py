"""What do all detectors say of one patient now? Scores, severities and the evidence for them.

Pure: takes the weights, plan and time that were known, and gives one finding per cause and judged day.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerts import messages
from alerts.detectors import guideline_loss, silence
from alerts.detectors.detector import Detector
from alerts.judgement import baseline, months
from alerts.judgement.baseline import DailyWeight
from alerts.judgement.day import Day, Doubted, Facts
from alerts.judgement.registry import DETECTORS
from schemas.alert import Cause, Evidence, Severity

__all__ = ["DETECTORS", "Assessment", "Day", "Doubted", "Facts", "Finding", "Verdict", "assess", "shadowed"]

HISTORY = timedelta(days=120)
"""How far back the weights must be known: what lies further has no weight left in any detector (macd: 0.3 %)."""
FRESH = timedelta(hours=48)
"""A fact older than this is shown, and pages nobody."""


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
    """A detector's score at the newest weight, for the record; `shadow`: nobody is paged for it."""

    at: datetime
    detector: str
    version: str
    score: float
    threshold: float
    shadow: bool = False


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
    result = Assessment(findings=[quiet(facts, now=now)])
    if not daily:
        return result
    for index, day in enumerate(daily):
        if index == len(daily) - 1 or (now - day.measured_at <= FRESH and _is_new(day, known_until)):
            known = Day(facts=facts, daily=daily[: index + 1])
            stale = now - day.measured_at > FRESH
            result.findings.extend(replace(finding, stale=stale) for finding in (_gain(known), _loss(known)))
            if index == len(daily) - 1:
                result.findings.extend(replace(finding, stale=stale) for finding in _wasting(known))
                result.verdicts.extend(_verdict(known, detector) for detector in _at_work(facts))
    return result


def shadowed(facts: Facts) -> list[Verdict]:
    """What the shadow detector says of the newest weight, if there are both."""
    duty = facts.choice.shadow
    if duty is None or not (daily := baseline.daily_weights(facts.weights, zone=facts.zone)):
        return []
    day = Day(facts=replace(facts, plan=duty.on(facts.plan)), daily=daily)
    return [replace(_verdict(day, DETECTORS[duty.detector]), shadow=True)]


def quiet(facts: Facts, *, now: datetime) -> Finding:
    """Whether the patient has been silent for too long."""
    last = facts.silent_since
    due = silence.due_at(last, zone=facts.zone, plan=facts.plan, outages=facts.outages, pauses=facts.pauses)
    silent = now >= due
    days = silence.missed_days(last, now, zone=facts.zone, plan=facts.plan, outages=facts.outages, pauses=facts.pauses)
    unpaused = silence.due_at(last, zone=facts.zone, plan=facts.plan, outages=facts.outages)
    quiet_because = messages.weighing_is_paused() if now >= unpaused else messages.weighing_is_back()
    evidence = Evidence(
        detector=silence.NAME,
        version=silence.VERSION,
        parameters={"silence_days": facts.plan.silence_days},
        score=days,
        threshold=facts.plan.silence_days,
        sentence=messages.silence(days, threshold_days=facts.plan.silence_days) if silent else quiet_because,
        readings=[],
        dry_weight_kg=facts.dry_kg,
        plan=facts.plan.model_dump(mode="json"),
        time_zone=facts.zone.key,
        silent_since=last,
        judged_at=now,
        outages=[(outage.since, outage.until) for outage in facts.outages if outage.until > last],
        pauses=[(pause.since, pause.until) for pause in facts.pauses if pause.until > last],
    )
    at = due if silent else last
    return Finding(cause="no_transmission", at=at, severity="alert" if silent else None, evidence=evidence)


def _is_new(day: DailyWeight, known_until: datetime | None) -> bool:
    return known_until is None or any(used.recorded_at and used.recorded_at > known_until for used in day.used)


def _gain(day: Day) -> Finding:
    """Decompensation: alarm before alert before watch, the evidence of the gravest."""
    if day.is_alarm:
        return _finding(day, severity="alarm", evidence=day.alarm_evidence())
    alerting = DETECTORS[day.facts.choice.alerting.detector]
    if day.watches(alerting) and not day.fires(alerting):
        return _finding(day, severity="watch", evidence=day.watch_evidence(alerting))
    return _finding(day, severity="alert" if day.fires(alerting) else None, evidence=day.evidence(alerting))


def _finding(day: Day, *, severity: Severity | None, evidence: Evidence) -> Finding:
    return Finding(cause="decompensation", at=day.at, severity=severity, evidence=evidence)


def _loss(day: Day) -> Finding:
    severity: Severity | None = "alert" if day.fires(guideline_loss) else None
    return Finding(cause="weight_loss", at=day.at, severity=severity, evidence=day.evidence(guideline_loss))


def _wasting(day: Day) -> list[Finding]:
    """Of the months, on the day on which four weeks have just ended."""
    evidence = months.wasted(day.facts)
    return [Finding(cause="weight_loss", at=day.at, severity="alert", evidence=evidence)] if evidence else []


def _at_work(facts: Facts) -> list[Detector]:
    return [DETECTORS[facts.choice.alerting.detector], guideline_loss]


def _verdict(day: Day, detector: Detector) -> Verdict:
    return Verdict(
        at=day.at,
        detector=detector.NAME,
        version=detector.VERSION,
        score=day.score(detector),
        threshold=detector.threshold(day.facts.plan),
    )
