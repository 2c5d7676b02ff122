"""What may a plan's form say? Its fields with their bounds, what was typed, and each fault in words; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from clinician_api.language import Words, message
from schemas.plan import Plan

FIELDS = {
    "gain_kg": message("Gain (kg) …"),
    "gain_days": message("… over days"),
    "loss_kg": message("Loss over these days (kg)"),
    "alarm_kg": message("Alarm above the dry weight (kg)"),
    "macd_threshold_kg": message("Trend, MACD (kg)"),
    "vigie_threshold": message("Vigie's score (0 to 100)"),
    "silence_days": message("Days without a weight before the alert"),
    "weigh_by_hour": message("Weighing expected by (hour, 11.5 is 11:30)"),
    "grace_hours": message("Grace after that hour (hours)"),
}
"""`peer_threshold` is for back-tests alone, and nothing here switches the alert of silence off."""
OUT_OF_BOUNDS = message("%(field)s: a number from %(low)s to %(high)s.")


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field for the template: what holds without a value of its own, the value in force, whether it is its own."""

    name: str
    label: str
    default: float | None
    value: float | None
    is_own: bool
    low: float
    high: float


def fields(
    settings: Mapping[str, Any], *, group: Mapping[str, Any], chosen: Mapping[str, float], words: Words
) -> list[Field]:
    """The fields as they are in force, beside the group's; `chosen`: the clinic's threshold where no plan names one."""
    in_force, usual = _filled(settings, chosen), _filled(group, chosen)
    return [
        Field(
            name=name,
            label=words.text(label),
            default=getattr(usual, name),
            value=getattr(in_force, name),
            is_own=name in settings and settings[name] != group.get(name),
            low=bounds(name)[0],
            high=bounds(name)[1],
        )
        for name, label in FIELDS.items()
    ]


def _filled(settings: Mapping[str, Any], chosen: Mapping[str, float]) -> Plan:
    missing = {name: value for name, value in chosen.items() if name not in settings}
    return Plan.model_validate(settings).model_copy(update=missing)  # a budget's threshold may be beyond the bounds


def changes(before: Mapping[str, Any], after: Mapping[str, Any], *, words: Words) -> list[tuple[str, Any, Any]]:
    """What each field that differs is called, and its values; None: as for everybody."""
    return [
        (words.text(label), before.get(name), after.get(name))
        for name, label in FIELDS.items()
        if before.get(name) != after.get(name)
    ]


def read(typed: Mapping[str, str], *, words: Words) -> tuple[dict[str, float], list[str]]:
    """The fields that were filled in, and a sentence for each that cannot be."""
    found: dict[str, float] = {}
    faults = []
    for name, label in FIELDS.items():
        text = typed.get(name, "").replace("\0", "").strip().replace(",", ".")
        if not text:
            continue
        try:
            value = float(text)
            whole = int(value) if Plan.model_fields[name].annotation is int and value == int(value) else value
            Plan.model_validate({name: whole})
            found[name] = whole
        except (ValueError, OverflowError, ValidationError):
            low, high = (words.number(limit, digits=1) for limit in bounds(name))
            faults.append(words.text(OUT_OF_BOUNDS) % {"field": words.text(label), "low": low, "high": high})
    return found, faults


@cache
def bounds(name: str) -> tuple[float, float]:
    """The least and the greatest value of a field."""
    schema = Plan.model_json_schema()["properties"][name]
    limits = next(one for one in schema.get("anyOf", [schema]) if "minimum" in one)
    return limits["minimum"], limits["maximum"]
