"""What is raised, and with what evidence? The shapes that alerts writes and the screens show."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Cause = Literal["decompensation", "weight_loss", "no_transmission", "device"]
Severity = Literal["watch", "alert", "alarm"]
Urgency = Literal["alert", "alarm"]
"""Of a watch nobody is told."""
Outcome = Literal[
    "confirmed_advice",
    "confirmed_diuretic_changed",
    "confirmed_visit",
    "confirmed_emergency",
    "confirmed_hospital",
    "false_technique",
    "false_food",
    "false_clothes",
    "false_other_person",
    "false_scale",
    "no_contact",
    "other",
]
SEVERITIES: tuple[Severity, ...] = ("watch", "alert", "alarm")


class UsedReading(BaseModel):
    """A daily weight (kg) that a detector used, or one it ignored with the reason."""

    model_config = ConfigDict(frozen=True)

    measured_at: AwareDatetime
    weight_kg: float
    ignored: str | None = None


class Evidence(BaseModel):
    """Why an episode was raised: enough to show it, and to compute it again, without asking alerts."""

    model_config = ConfigDict(frozen=True)

    detector: str
    version: str
    parameters: dict[str, float]
    score: float
    threshold: float
    sentence: dict[Literal["fr", "en"], str]
    readings: list[UsedReading]
    baseline_kg: float | None = None
    noise_kg: Annotated[float | None, Field(description="SD of this person's day-to-day noise")] = None
    dry_weight_kg: float | None = None
    weight_kg: Annotated[float | None, Field(description="the daily weight that was judged")] = None
    gain_kg: float | None = None
    would_not_have_fired_at_kg: float | None = None
    earlier: Annotated[list[UsedReading], Field(description="daily weights used that are older than `readings`")] = []
    confirmed: Annotated[
        list[AwareDatetime] | None,
        Field(description="weights used of which a person said that they are true; null before that was asked for"),
    ] = None
    anchors: Annotated[list[date], Field(description="days on which the baseline starts afresh")] = []
    plan: Annotated[dict[str, Any] | None, Field(description="the plan as judged by; null in evidence before 0006")] = (
        None
    )
    time_zone: str | None = None
    silent_since: AwareDatetime | None = None
    judged_at: Annotated[
        AwareDatetime | None, Field(description="of a silence, which has no weight to be timed by")
    ] = None
    outages: Annotated[
        list[tuple[AwareDatetime, AwareDatetime]],
        Field(description="when no weight could reach us: days that count as missed by nobody"),
    ] = []
    pauses: Annotated[
        list[tuple[AwareDatetime, AwareDatetime]],
        Field(description="during the silence, when no weight was expected"),
    ] = []
