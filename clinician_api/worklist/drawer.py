"""What does one need of a patient without leaving the list? The last month, the open episodes, and what to do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg.rows import args_row

from clinician_api.patient import chart, patient_record
from clinician_api.patient.patient_record import Departed, DryWeight, Episode, Patient, Reading
from schemas import database
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
    asked: dict[str, object] = {"patient_id": patient_id}
    weighed = asked | {"start": now - SHOWN, "end": now, "most": patient_record.MOST_READINGS}
    with conn.pipeline():
        found = database.ask(conn, Patient, patient_record.PATIENT, asked)
        steps = database.ask(conn, DryWeight, patient_record.DRY_WEIGHTS, asked)
        readings = conn.cursor(row_factory=args_row(Reading)).execute(patient_record.READINGS, weighed)
        episodes = database.ask(conn, Episode, patient_record.OPEN_EPISODES, asked)
        departed = database.ask(conn, Departed, patient_record.DEPARTED, asked)
    who = found.fetchone()
    if who is None:
        return None
    dry_weights, open_ones = steps.fetchall(), sorted(episodes.fetchall(), key=lambda episode: episode.urgency)
    scene = chart.Scene(
        start=now - SHOWN,
        end=now,
        zone=ZoneInfo(who.time_zone),
        points=readings.fetchall(),
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
        departed=departed.fetchone(),
        chart=chart.draw(scene, width=420, height=240),
    )
