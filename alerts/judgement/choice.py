"""Which detector alerts, and which runs in its shadow, at which thresholds? The clinic's choice."""

from dataclasses import dataclass, field

from alerts.judgement import registry
from alerts.judgement.registry import DETECTORS
from schemas.plan import DEFAULT_DETECTOR, Plan


@dataclass(frozen=True, kw_only=True)
class Duty:
    """A detector at work; threshold None: as each patient's plan says."""

    detector: str
    threshold: float | None = None

    def on(self, plan: Plan) -> Plan:
        """`plan` with this threshold, whatever it said. Beyond a plan's bounds, if the clinic's budget asks for it."""
        if self.threshold is None:
            return plan
        return plan.model_copy(update={DETECTORS[self.detector].THRESHOLD: self.threshold})


class BadSettingError(Exception):
    """What was written is no detector with a threshold; one line."""


def setting(text: str) -> Duty:
    """A detector, or one and its threshold: `macd`, `macd:1.2`.

    Raises:
        UnknownDetectorError: there is no such detector.
        BadSettingError: the threshold is no number of 0 or more.
    """
    name, colon, number = text.partition(":")
    registry.named(name)
    if not colon:
        return Duty(detector=name)
    try:
        threshold = float(number)
    except ValueError:
        raise BadSettingError(f"{text!r}: write a detector, or one and its threshold like macd:1.2") from None
    if not 0 <= threshold < float("inf"):
        raise BadSettingError(f"{text!r}: the threshold must be 0 or more")
    return Duty(detector=name, threshold=threshold)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Until a clinic chooses, Vigie's own detector alerts, as each patient's plan says."""

    alerting: Duty = field(default_factory=lambda: Duty(detector=DEFAULT_DETECTOR))
    shadow: Duty | None = None

    def on(self, plan: Plan) -> Plan:
        """A patient's plan with the clinic's threshold, unless somebody has set this patient's own."""
        own = DETECTORS[self.alerting.detector].THRESHOLD in plan.model_fields_set
        return plan if own else self.alerting.on(plan)


DEFAULT = Choice()
