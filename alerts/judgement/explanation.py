"""Does the evidence of an episode stand? Compute it again, from itself or from the readings, and say what differs.

Pure. Equal means equal to the last digit: every figure, reading and word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.detectors import cardiauvergne, guideline_loss, silence, wasting
from alerts.detectors.silence import Span
from alerts.judgement import assessment, baseline, months
from alerts.judgement.baseline import DailyWeight, Weight
from alerts.judgement.day import NOT_BELIEVED, SHARE, Day, Doubted, Facts
from alerts.judgement.registry import DETECTORS
from schemas.alert import Evidence, UsedReading
from schemas.plan import Plan


class UnexplainableError(Exception):
    """The evidence does not hold what it takes to compute it again; one line says why."""


def from_itself(evidence: Evidence) -> Evidence:
    """The same evidence, computed again from the weights, the plan and the parameters that it holds.

    Raises:
        UnexplainableError: it is older than the fields that this takes, or by a detector this program does not have.
    """
    if evidence.detector == silence.NAME:
        return _silence(evidence)
    if evidence.detector == wasting.NAME:
        return _wasting(evidence, evidence.readings)
    return _judge(evidence, daily=_days(evidence), doubted=_doubted(evidence))


def from_readings(evidence: Evidence, *, weights: Sequence[Weight], doubted: Sequence[Doubted]) -> Evidence:
    """The same evidence, computed again from the readings that were known then; the plan is the evidence's own.

    Raises:
        UnexplainableError: as `from_itself`; or none of the readings is of the day that was judged.
    """
    if evidence.detector == silence.NAME:
        return _silence(evidence)
    if evidence.detector == wasting.NAME:
        return _wasting(evidence, _levels(evidence, weights))
    zone, last = _zone(evidence), max((one.measured_at for one in _used(evidence)), default=None)
    until = last.astimezone(zone).toordinal() if last else 0
    daily = [day for day in baseline.daily_weights(weights, zone=zone) if day.day <= until]
    if not daily or daily[-1].day != until:
        raise UnexplainableError("there is no accepted reading of the day that was judged; the evidence alone remains")
    return _judge(evidence, daily=daily, doubted=doubted)


def differences(stored: Evidence, computed: Evidence) -> list[str]:
    """A line for each field that is not the same to the last digit; empty: all is."""
    return [
        f"{name}: stored {_shown(before)}, computed {_shown(after)}"
        for name in type(stored).model_fields
        if (before := getattr(stored, name)) != (after := getattr(computed, name))
    ]


def _judge(evidence: Evidence, *, daily: Sequence[DailyWeight], doubted: Sequence[Doubted]) -> Evidence:
    if evidence.confirmed is not None:
        return _judge_told(evidence, daily=daily, doubted=doubted)
    untold = [replace(day, used=tuple(replace(weight, confirmed=False) for weight in day.used)) for day in daily]
    computed = _judge_told(evidence, daily=untold, doubted=doubted)
    readings = [one.model_copy(update={"ignored": _then(one.ignored)}) for one in computed.readings]
    return computed.model_copy(update={"confirmed": None, "readings": readings})


def _then(ignored: str | None) -> str | None:
    """Why a weight was ignored, before it was said of those that a detector did not believe."""
    return None if ignored == NOT_BELIEVED else ignored


def _judge_told(evidence: Evidence, *, daily: Sequence[DailyWeight], doubted: Sequence[Doubted]) -> Evidence:
    facts = Facts(
        plan=_plan(evidence),
        zone=_zone(evidence),
        enrolled_at=daily[0].measured_at,
        dry_kg=evidence.dry_weight_kg,
        doubted=doubted,
        anchors=evidence.anchors,
        outages=[Span(since=since, until=until) for since, until in evidence.outages],
    )
    day = Day(facts=facts, daily=daily)
    if evidence.detector == cardiauvergne.NAME:
        return day.alarm_evidence()
    detector = guideline_loss if evidence.detector == guideline_loss.NAME else DETECTORS.get(evidence.detector)
    if detector is None:
        raise UnexplainableError(f"this program has no detector {evidence.detector!r}")
    if evidence.version != detector.VERSION:
        raise UnexplainableError(
            f"it was raised by version {evidence.version} of {evidence.detector}, and this program has version "
            f"{detector.VERSION}, which would score it otherwise; the evidence alone remains"
        )
    share = evidence.parameters.get(SHARE)
    return day.evidence(detector) if share is None else day.watch_evidence(detector, share=share)


def _silence(evidence: Evidence) -> Evidence:
    if evidence.silent_since is None or evidence.judged_at is None:
        raise UnexplainableError("the evidence is from before Vigie kept all it takes to compute it again")
    facts = Facts(
        plan=_plan(evidence),
        zone=_zone(evidence),
        enrolled_at=evidence.silent_since,
        dry_kg=evidence.dry_weight_kg,
        outages=[Span(since=since, until=until) for since, until in evidence.outages],
        pauses=[Span(since=since, until=until) for since, until in evidence.pauses],
    )
    return assessment.quiet(facts, now=evidence.judged_at).evidence


def _wasting(evidence: Evidence, levels: Sequence[UsedReading]) -> Evidence:
    facts = Facts(
        plan=_plan(evidence),
        zone=_zone(evidence),
        enrolled_at=evidence.readings[0].measured_at,
        dry_kg=evidence.dry_weight_kg,
    )
    computed = months.of_levels(levels, facts=facts)
    if computed is None:
        raise UnexplainableError("the readings that are left show no wasting; the evidence alone remains")
    return computed


def _levels(evidence: Evidence, weights: Sequence[Weight]) -> list[UsedReading]:
    """The levels of the same weeks, from the readings."""
    daily = baseline.daily_weights(weights, zone=_zone(evidence))
    stored = [wasting.number_of(_day(one.measured_at, _zone(evidence))) for one in evidence.readings]
    known = wasting.levels(*baseline.arrays(daily))
    return months.timed([level for level in known if stored[0] <= level.number <= stored[-1]], daily)


def _plan(evidence: Evidence) -> Plan:
    if evidence.plan is None:
        raise UnexplainableError("the evidence is from before Vigie kept all it takes to compute it again")
    return Plan.model_construct(**evidence.plan)  # as it was, also where its bounds have changed since


def _zone(evidence: Evidence) -> ZoneInfo:
    if evidence.time_zone is None:
        raise UnexplainableError("the evidence is from before Vigie kept all it takes to compute it again")
    return ZoneInfo(evidence.time_zone)


def _used(evidence: Evidence) -> list[UsedReading]:
    return [*evidence.earlier, *(one for one in evidence.readings if _then(one.ignored) is None)]


def _days(evidence: Evidence) -> list[DailyWeight]:
    zone = _zone(evidence)
    later = [_weight(one) for one in evidence.readings if one.ignored == "later_that_day"]
    confirmed = evidence.confirmed or []
    days = []
    for one in sorted(_used(evidence), key=lambda used: used.measured_at):
        number = _day(one.measured_at, zone)
        ignored = tuple(weight for weight in later if _day(weight.measured_at, zone) == number)
        used = replace(_weight(one), confirmed=one.measured_at in confirmed)
        days.append(DailyWeight(day=number, used=(used,), ignored=ignored))
    if not days:
        raise UnexplainableError("the evidence holds no weight")
    return days


def _doubted(evidence: Evidence) -> list[Doubted]:
    return [
        Doubted(measured_at=one.measured_at, weight_kg=one.weight_kg, reason=one.ignored)
        for one in evidence.readings
        if one.ignored not in {None, "later_that_day", NOT_BELIEVED} and one.ignored
    ]


def _weight(used: UsedReading) -> Weight:
    return Weight(measured_at=used.measured_at, weight_kg=used.weight_kg)


def _day(at: datetime, zone: ZoneInfo) -> int:
    return at.astimezone(zone).toordinal()


def _shown(value: object) -> str:
    """A value, or of many readings those that matter: how many, and the last."""
    if isinstance(value, list) and value and isinstance(value[-1], UsedReading):
        return f"{len(value)} readings, the last {_reading(value[-1])}"
    return repr(value)


def _reading(one: UsedReading) -> str:
    return f"{one.measured_at.isoformat()} {one.weight_kg} kg{f' ({one.ignored})' if one.ignored else ''}"


def lines(evidence: Evidence) -> Iterable[str]:
    """The why-card in English, for a terminal."""
    used = _used(evidence)
    ignored = len(evidence.readings) + len(evidence.earlier) - len(used)
    yield evidence.sentence["en"]
    yield f"detector {evidence.detector}, version {evidence.version}"
    yield f"score {evidence.score}, threshold {evidence.threshold}"
    yield "parameters " + ", ".join(f"{name} {value:g}" for name, value in evidence.parameters.items())
    if evidence.weight_kg is not None:
        yield f"weight {evidence.weight_kg} kg"
        yield f"baseline {_known(evidence.baseline_kg)}, day-to-day noise {_known(evidence.noise_kg)}"
    if evidence.would_not_have_fired_at_kg is not None:
        side = "above" if evidence.detector in {guideline_loss.NAME, wasting.NAME} else "below"
        done = "been watched" if SHARE in evidence.parameters else "fired"
        yield f"would not have {done} at or {side} {evidence.would_not_have_fired_at_kg} kg"
    yield f"{len(used)} daily weights used, {ignored} ignored; those of the last 14 days:"
    for one in evidence.readings:
        yield f"  {'ignored' if one.ignored else 'used   '}  {_reading(one)}"


def _known(kg: float | None) -> str:
    return "unknown" if kg is None else f"{kg} kg"
