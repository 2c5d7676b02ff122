"""What does each detector make of one day, and all before it? Scores, and the evidence that can be computed again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from alerts import messages
from alerts.detectors import cardiauvergne, guideline, guideline_loss, macd, silence, vigie
from alerts.detectors.detector import Days, Detector, Kilograms, Known, exceeds
from alerts.detectors.silence import Span
from alerts.judgement import baseline
from alerts.judgement.baseline import DailyWeight, Weight
from alerts.judgement.choice import DEFAULT, Choice
from alerts.messages import Threshold
from schemas.alert import Evidence, UsedReading
from schemas.plan import Plan

SHOWN = timedelta(days=14)
WATCH_SHARE = 0.75
"""Of the alert's threshold: above it somebody is watched. Beside 1 false alert a year Vigie's own detector then watches
0.8 to 1.5 times in vain, others 0.5 to 2.8 times: docs/detectors.md."""
NOT_BELIEVED = "not_believed"
"""Of a weight that Vigie's own detector does not use, too far from those before it and from the next."""
SHARE = "watch_share"
"""Among the parameters of a watch's evidence, and of no other's."""


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
    choice: Choice = DEFAULT
    dry_kg: float | None = None
    dry_set_at: datetime | None = None
    weights: Sequence[Weight] = ()
    year: Sequence[Weight] = ()
    """All of a year, where four weeks of the calendar have just ended: months are judged by it."""
    doubted: Sequence[Doubted] = ()
    anchors: Sequence[date] = ()
    """The days from which on earlier weights no longer tell the baseline."""
    last_weight_at: datetime | None = None
    """Of the newest accepted weight, which may be older than any in `weights`."""
    outages: Sequence[Span] = ()
    """When the patient's weights could not reach us: those days count for no silence."""
    pauses: Sequence[Span] = ()
    """When no weight was expected: nor do those."""

    @property
    def silent_since(self) -> datetime:
        """Silence is counted from the enrolment at the earliest: an imported past is nobody's silence."""
        return max(self.last_weight_at or self.enrolled_at, self.enrolled_at)


class Day:
    """A day's weight and all before it: the arrays, the personal numbers, and what each detector makes of them."""

    def __init__(
        self, *, facts: Facts, daily: Sequence[DailyWeight], arrays: tuple[Days, Kilograms] | None = None
    ) -> None:
        """`arrays`: those of `daily`, where somebody has them already."""
        self.facts = facts
        self.daily = daily
        self._scores: dict[str, float] = {}
        self.days, self.kg = baseline.arrays(daily) if arrays is None else arrays

    @cached_property
    def known(self) -> Known:
        facts = self.facts
        return baseline.known(self.daily, zone=facts.zone, anchors=facts.anchors, excused=_excused(facts))

    @cached_property
    def baseline_kg(self) -> float | None:
        return baseline.baseline_kg(self.days, self.kg)

    @cached_property
    def noise_kg(self) -> float:
        return baseline.noise_kg(self.days, self.kg)

    @cached_property
    def context(self) -> messages.Context:
        return messages.Context(noise_kg=self.noise_kg, dry_kg=self.facts.dry_kg)

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

    def score(self, detector: Detector) -> float:
        if detector.NAME not in self._scores:
            self._scores[detector.NAME] = self._newest(detector)
        return self._scores[detector.NAME]

    def _newest(self, detector: Detector) -> float:
        if detector is vigie:
            return vigie.newest(self.days, self.kg, plan=self.facts.plan, known=self.known)
        return float(detector.scores(self.days, self.kg, plan=self.facts.plan, known=self.known)[-1])

    def fires(self, detector: Detector) -> bool:
        return exceeds(self.score(detector), detector.threshold(self.facts.plan))

    def watches(self, detector: Detector) -> bool:
        """Whether the score is above the lower threshold, be it an alert's or not."""
        return exceeds(self.score(detector), WATCH_SHARE * detector.threshold(self.facts.plan))

    def evidence(self, detector: Detector) -> Evidence:
        """The evidence of `detector`, whether it fired or not."""
        plan = self.facts.plan
        return self._scored(detector, Threshold(alert=detector.threshold(plan)), detector.parameters(plan))

    def watch_evidence(self, detector: Detector, *, share: float = WATCH_SHARE) -> Evidence:
        """The same of the lower threshold, `share` of the alert's."""
        plan = self.facts.plan
        alert = detector.threshold(plan)
        return self._scored(
            detector, Threshold(alert=alert, watch=share * alert), detector.parameters(plan) | {SHARE: share}
        )

    def _scored(self, detector: Detector, threshold: Threshold, parameters: dict[str, float]) -> Evidence:
        score = self.score(detector)
        found = self._evidence(
            detector=detector.NAME,
            version=detector.VERSION,
            parameters=parameters,
            score=score,
            threshold=threshold.exceeded,
            sentence=self._sentence(detector, threshold, score=score),
            counterfactual_kg=self._would_not_fire_at_kg(detector, threshold.exceeded),
        )
        not_believed = self._not_believed(detector, threshold.exceeded)
        readings = [_ignored(one) if one.measured_at in not_believed else one for one in found.readings]
        return found.model_copy(update={"readings": readings}) if not_believed else found

    def _not_believed(self, detector: Detector, threshold: float) -> frozenset[datetime]:
        """Only of what fires, as there."""
        if detector is not vigie or not exceeds(self.score(detector), threshold):
            return frozenset()
        days = set(vigie.waiting(self.days, self.kg, known=self.known).tolist())
        return frozenset(day.measured_at for day in self.daily if day.day in days) if days else frozenset()

    def _would_not_fire_at_kg(self, detector: Detector, threshold: float) -> float | None:
        """Only of what fires: nobody is shown another's, and a search costs more than the score."""
        if not exceeds(self.score(detector), threshold):
            return None
        plan = self.facts.plan.model_copy(update={detector.THRESHOLD: threshold})
        return detector.would_not_fire_at_kg(self.days, self.kg, plan=plan, known=self.known)

    def alarm_evidence(self) -> Evidence:
        """That of Cardi'Auvergne's alarm; needs a dry weight or a baseline."""
        plan, above = self.facts.plan, self.above_kg
        assert above is not None
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

    def sentence(self, detector: Detector, *, score: float) -> messages.Sentence:
        """In French and English; a detector without words of its own is told by its score and the usual weight."""
        return self._sentence(detector, Threshold(alert=detector.threshold(self.facts.plan)), score=score)

    def _sentence(self, detector: Detector, threshold: Threshold, *, score: float) -> messages.Sentence:
        if detector is macd:
            return messages.trend(score, threshold=threshold, context=self.context)
        if detector is vigie and vigie.stands_in(self.days):
            return self._stand_in_sentence(threshold, score=score)
        if detector in (guideline, guideline_loss):
            sign = -1 if detector is guideline_loss else 1
            days = _compared_days(self.days, sign * self.kg, self.facts.plan)
            if days is None:
                return messages.nothing_to_compare(context=self.context)
            return messages.change(sign * score, days=days, threshold=threshold, context=self.context)
        return messages.risk(
            score,
            threshold=threshold,
            above_kg=None if self.baseline_kg is None else round(self.weight_kg - self.baseline_kg, 4),
            context=self.context,
        )

    def _stand_in_sentence(self, threshold: Threshold, *, score: float) -> messages.Sentence:
        plan = self.facts.plan
        return messages.standing_in(
            vigie.gain_kg(score, plan=plan),
            days=plan.gain_days,
            threshold=Threshold(
                alert=vigie.gain_kg(threshold.alert, plan=plan),
                watch=None if threshold.watch is None else vigie.gain_kg(threshold.watch, plan=plan),
            ),
            first_days=vigie.WAIT_DAYS,
            context=self.context,
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
            readings=self._readings,
            baseline_kg=self.baseline_kg,
            noise_kg=self.noise_kg,
            dry_weight_kg=self.facts.dry_kg,
            weight_kg=self.weight_kg,
            gain_kg=score if detector in {guideline.NAME, guideline_loss.NAME} else None,
            would_not_have_fired_at_kg=counterfactual_kg,
            earlier=self._earlier,
            confirmed=[day.measured_at for day in self.daily if day.confirmed],
            anchors=sorted(self.facts.anchors),
            outages=[(outage.since, outage.until) for outage in self.facts.outages if outage.since <= self.at],
            plan=self._plan,
            time_zone=self.facts.zone.key,
        )

    @cached_property
    def _plan(self) -> dict[str, Any]:
        return self.facts.plan.model_dump(mode="json")

    @cached_property
    def _earlier(self) -> list[UsedReading]:
        since = self.at - SHOWN
        return [
            UsedReading(measured_at=day.measured_at, weight_kg=day.weight_kg)
            for day in self.daily
            if day.measured_at < since
        ]

    @cached_property
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
        return sorted(shown, key=lambda reading: (reading.measured_at, reading.weight_kg, reading.ignored or ""))


def _ignored(used: UsedReading) -> UsedReading:
    return used if used.ignored else used.model_copy(update={"ignored": NOT_BELIEVED})


def _excused(facts: Facts) -> list[date]:
    """The days that our outages took, as the silence counts them."""
    days: set[date] = set()
    for outage in facts.outages:
        first, last = (at.astimezone(facts.zone).toordinal() for at in (outage.since, outage.until))
        days.update(date.fromordinal(day) for day in range(first, last + 1))
    return [day for day in days if silence.is_excused(day, zone=facts.zone, plan=facts.plan, outages=facts.outages)]


def _compared_days(days: Days, kg: Kilograms, plan: Plan) -> int | None:
    """How many days lie between the newest weight and the nearest earlier one equal to its reference."""
    reference = guideline.references(days, kg, plan=plan)[-1]
    same = np.flatnonzero(kg[:-1] == reference)
    return int(days[-1] - days[same[-1]]) if len(same) else None
