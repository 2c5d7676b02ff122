"""What would another setting have done? The shape of a trial's answer: alerts writes it, the screens show it."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from schemas.alert import Cause

Interval = tuple[float, float]
"""95 %."""
Problem = Literal["never_alerts", "no_such_detector", "no_shadow", "failed"]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Side(Model):
    """What one setting comes to on a history: alerts of decompensation, true and false."""

    detector: str
    threshold: float
    """Of those patients whose plan names none."""
    alerts: int
    alerts_per_patient_year: float | None
    alerts_95: Interval | None
    false_alerts_per_patient_year: float | None
    calls_per_nurse_day: float | None
    found: int
    """Of the decompensations."""
    found_95: Interval | None


class Pair(Model):
    """The setting in force, and the one that is tried, on one history."""

    patients: int
    patient_years: float
    decompensations: int
    before: Side
    after: Side


class Case(Model):
    """A decompensation that was coded as confirmed, and how many days before it the first alert came; None: none."""

    patient_id: str
    at: AwareDatetime
    lead_before: float | None
    lead_after: float | None

    @property
    def is_lost(self) -> bool:
        return self.lead_before is not None and self.lead_after is None

    @property
    def name(self) -> str:
        """As a signature names it."""
        return f"{self.patient_id} {self.at.date().isoformat()}"


class Changed(Model):
    """One patient's alerts that only one of the two settings raises."""

    patient_id: str
    appear: list[AwareDatetime]
    vanish: list[AwareDatetime]


class Rest(Model):
    """Alerts of a cause that only a plan changes, per patient-year."""

    cause: Cause
    before: float | None
    after: float | None


class Result(Model):
    """The answer. `simulated` stands beside an own history that is too short to tell."""

    own: Pair
    simulated: Pair | None
    solved_on: Literal["own", "simulated"] | None
    """On which patients the budget's threshold was solved; None: no budget was asked for."""
    watched: int
    """Patients watched now: the calls are theirs."""
    nurses: int
    keep_their_own: int
    """Patients whose plan names the threshold of the detector that is tried: they keep it."""
    cases: list[Case]
    changed: list[Changed]
    rest: list[Rest] = []
    """Of the causes that the tried plan touches beside the decompensations."""
    seconds: float

    @property
    def lost(self) -> list[Case]:
        return [case for case in self.cases if case.is_lost]


class ShadowSide(Model):
    """What one of the two would have raised alone since the shadow began, and what nurses found behind it."""

    detector: str
    threshold: float | None
    alerts: int
    alerts_per_patient_year: float | None
    judged: int
    """Alerts within a week of an episode whose outcome was coded as confirmed or false."""
    confirmed: int
    confirmed_95: Interval | None


class InBoth(Model):
    """One patient's alerts: how often both, and when only one."""

    patient_id: str
    both: int
    alerting_alone: list[AwareDatetime]
    shadow_alone: list[AwareDatetime]


class Beside(Model):
    """The shadow beside the detector in force, on the weights that both have judged."""

    since: AwareDatetime
    weights: int
    patient_years: float
    both: int
    alerting: ShadowSide
    shadow: ShadowSide
    patients: list[InBoth]
