"""What does one need of a patient without leaving the list? The last month, the open episodes, and what to do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from clinician_api.patient import chart, patient_record
from clinician_api.patient.patient_record import Departed, DryWeight, Episode, Patient
from schemas.database import Connection

SHOWN = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Drawer:
    """A patient beside the list."""

    patient: Patient
    dry_weights: list[DryWeight]
    episodes: list[Episode]
    departed: Departed | None
    chart: chart.Chart


def of(conn: Connection, patient_id: str, *, now: datetime) -> Drawer | None:
    """None if there is no such patient (any more)."""
    who = patient_record.patient(conn, patient_id)
    if who is None:
        return None
    dry_weights = patient_record.dry_weights(conn, patient_id)
    readings = patient_record.readings(conn, patient_id, start=now - SHOWN, end=now)
    open_ones = [episode for episode in patient_record.episodes(conn, patient_id) if episode.closed_at is None]
    scene = chart.Scene(
        start=now - SHOWN,
        end=now,
        zone=ZoneInfo(who.time_zone),
        points=readings,
        steps=[chart.Step(since=dry.valid_from, weight_kg=dry.weight_kg) for dry in dry_weights],
        spans=[
            chart.Span(since=max(e.opened_at, now - SHOWN), until=now, severity=e.severity, label=e.cause)
            for e in open_ones
        ],
    )
    return Drawer(
        patient=who,
        dry_weights=dry_weights,
        episodes=open_ones,
        departed=patient_record.departed(conn, patient_id),
        chart=chart.draw(scene, width=420, height=240),
    )
