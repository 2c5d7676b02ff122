"""What may a clinician set for one patient? Every threshold, with its bounds and its source."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_DETECTOR = "vigie"
"""Alerts, and is back-tested, until somebody names another: the one place that says so."""


class Plan(BaseModel):
    """The monitoring plan. Defaults are clinical.md's; bounds keep a slip of the keyboard from silencing a patient.

    There is no field that switches the no-transmission alert off: the arrêté of 22 June 2023 forbids it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gain_kg: Annotated[float, Field(ge=0.5, le=5)] = 2.0
    """More than this many kg …"""
    gain_days: Annotated[int, Field(ge=1, le=14)] = 3
    """… over this many days: the guideline rule (ESC 2021)."""
    alarm_kg: Annotated[float, Field(ge=2, le=15)] = 5.0
    """Above the dry weight (or the baseline): an alarm (Cardi'Auvergne)."""
    loss_kg: Annotated[float, Field(ge=0.5, le=5)] = 2.0
    """Lost over `gain_days`: over-diuresis."""
    macd_threshold_kg: Annotated[float, Field(ge=0.2, le=5)] = 1.0
    """Short minus long moving average (Gyllensten 2016)."""
    vigie_threshold: Annotated[float, Field(ge=2, le=99)] = 33.0
    """Vigie's own score, 0 to 100: 1 false alert per patient-year on the world that budgets are priced on."""
    peer_threshold: float | None = None
    """Of the published detectors that nobody is watched by, in back-tests and benches; None: the paper's own."""
    silence_days: Annotated[int, Field(ge=1, le=7)] = 3
    """Days on which a weight was expected and none came, before the no-transmission alert."""
    weigh_by_hour: Annotated[float, Field(ge=4, le=24)] | None = None
    """The hour of the patient's day by which a weight is expected, 11.5 is 11:30; None: any time of the day."""
    grace_hours: Annotated[float, Field(ge=0, le=12)] = 3.0
    """How long after `weigh_by_hour` a weight may come before the day counts as missed; never beyond midnight."""
