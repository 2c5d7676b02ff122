"""What does the chart of this patient hold? Records in, one scene and the rows of its table twin out; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from clinician_api.patient import usual
from clinician_api.patient.chart import GAP, Act, Gap, Limit, Scene, Span, Step
from clinician_api.patient.journal_record import Entry
from clinician_api.patient.patient_record import DryWeight, Episode, Reading
from schemas.patient_day import DayState
from schemas.plan import Plan

A_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the patient; `readings` reach `usual.BEFORE` further back than the chart."""

    zone: ZoneInfo
    readings: Sequence[Reading]
    days: Mapping[date, DayState]
    dry_weights: Sequence[DryWeight]
    episodes: Sequence[Episode]
    journal: Sequence[Entry]
    plan: Plan


def scene(known: Known, *, start: datetime, end: datetime) -> Scene:
    """All of it, between two instants."""
    return Scene(
        start=start,
        end=end,
        zone=known.zone,
        points=[reading for reading in known.readings if start <= reading.measured_at <= end],
        steps=[Step(since=dry.valid_from, weight_kg=dry.weight_kg) for dry in known.dry_weights],
        usual=usual.ranges(known.readings, zone=known.zone, start=start),
        limits=_limits(known, now=end),
        gaps=_gaps(known, start=start, end=end),
        spans=[
            Span(since=max(e.opened_at, start), until=e.closed_at or end, severity=e.severity, label=e.cause)
            for e in known.episodes
        ],
        acts=[Act(at=entry.happened_at, kind=_shape(entry), label=_label(entry)) for entry in known.journal],
    )


def _limits(known: Known, *, now: datetime) -> list[Limit]:
    """What the newest open episode would not have been raised at, and the alarm above the dry weight."""
    fired = [e.evidence.would_not_have_fired_at_kg for e in known.episodes if e.closed_at is None]
    found = [Limit(kind="fired", weight_kg=kg) for kg in fired if kg is not None][:1]
    dry = next((dry for dry in known.dry_weights if dry.valid_from <= now), None)
    return [*found, Limit(kind="alarm", weight_kg=dry.weight_kg + known.plan.alarm_kg)] if dry else found


def _shape(entry: Entry) -> str:
    return entry.direction if entry.direction in {"up", "down"} else entry.kind


def _label(entry: Entry) -> str:
    return entry.drug_class or entry.result or entry.kind


def _gaps(known: Known, *, start: datetime, end: datetime) -> list[Gap]:
    """Days without a weight that counts, those with one cause together."""
    states = _unexplained(known, start=start, end=end) | {d: s for d, s in known.days.items() if s != "weighed"}
    found: list[Gap] = []
    for state, run in groupby(_runs(states), key=lambda one: one[1]):
        days = [day for day, _ in run if day is not None]
        if days:
            since, until = _midnight(days[0], known.zone), _midnight(days[-1] + A_DAY, known.zone)
            if until > start:
                found.append(Gap(since=max(since, start), until=min(until, end), days=len(days), state=state))
    return found


def _runs(states: Mapping[date, DayState | None]) -> Iterable[tuple[date | None, DayState | str | None]]:
    """The days in order, with a mark between those that do not follow one another."""
    last: date | None = None
    for day in sorted(states):
        if last is not None and day - last > A_DAY:
            yield None, "between"
        yield day, states[day]
        last = day


def _unexplained(known: Known, *, start: datetime, end: datetime) -> dict[date, DayState | None]:
    """The days within long silences of which no state is known: before the watch began, or in an import."""
    times = sorted(r.measured_at for r in known.readings if r.quarantine_reason is None)
    found: dict[date, DayState | None] = {}
    for before, after in pairwise([*times, end]):
        if after - before <= GAP or after <= start:
            continue
        day, last = before.astimezone(known.zone).date() + A_DAY, after.astimezone(known.zone).date()
        while day < last:
            if day not in known.days:
                found[day] = None
            day += A_DAY
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


class Row(NamedTuple):
    """A row of the table twin: a weight, or the days without one."""

    at: datetime
    reading: Reading | None = None
    gap: Gap | None = None


def rows(known: Known, drawn: Scene) -> list[Row]:
    """The newest first."""
    found = [Row(r.measured_at, r) for r in known.readings if drawn.start <= r.measured_at <= drawn.end]
    found += [Row(gap.since, gap=gap) for gap in drawn.gaps]
    return sorted(found, key=attrgetter("at"), reverse=True)


def data(drawn: Scene, listed: Sequence[Row], *, low_kg: float, high_kg: float) -> dict[str, object]:
    """The scene in seconds and kg, for the script that draws it anew; `stops` are the table's rows."""
    return {
        "zone": drawn.zone.key,
        "x": [_seconds(drawn.start), _seconds(drawn.end)],
        "y": [low_kg, high_kg],
        "t": np.rint(drawn.accepted_s).astype(int).tolist(),
        "kg": np.round(drawn.accepted_kg, 2).tolist(),
        "doubted": [[_seconds(p.measured_at), round(p.weight_kg, 2), p.state] for p in drawn.points if p.reason],
        "dry": sorted([_seconds(step.since), step.weight_kg] for step in drawn.steps if step.since <= drawn.end),
        "usual": [
            [at, round(one.low_kg, 2), round(one.high_kg, 2)]
            for at, one in zip(np.rint(drawn.usual_s).astype(int).tolist(), drawn.usual, strict=True)
        ],
        "limits": [[limit.kind, round(limit.weight_kg, 2)] for limit in drawn.limits],
        "gaps": [[_seconds(gap.since), _seconds(gap.until), gap.state or "unknown"] for gap in drawn.gaps],
        "spans": [[_seconds(s.since), _seconds(s.until), s.severity] for s in drawn.spans if s.until >= drawn.start],
        "acts": [[_seconds(act.at), act.kind] for act in drawn.acts if drawn.start <= act.at <= drawn.end],
        "stops": [[_seconds(row.at), round(row.reading.weight_kg, 2) if row.reading else None] for row in listed],
    }


def _seconds(at: datetime) -> int:
    return round(at.timestamp())
