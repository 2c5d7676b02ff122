"""What is there to know and to do for one patient? The page with chart, evidence, journal and every form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote
from uuid import uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Request
from psycopg import Cursor
from psycopg.rows import args_row
from starlette.responses import Response

from clinician_api import audit
from clinician_api.dependencies import LIVE_HEADER, Now, Page, SignedIn, ThePage, Transaction
from clinician_api.language import Words, message
from clinician_api.patient import (
    chart,
    household,
    journal_record,
    patient_record,
    pauses,
    plan_record,
    scene,
    tag_record,
    usual,
    weight_table,
)
from clinician_api.patient.journal_record import Entry
from clinician_api.patient.patient_record import DryWeight, Episode, Patient, Reading
from schemas import database
from schemas.database import Connection
from schemas.plan import Plan

router = APIRouter()
RANGES = {
    "7": message("7 days"),
    "30": message("30 days"),
    "90": message("90 days"),
    "365": message("1 year"),
    "all": message("All"),
}
MOST_CHECKS = 10
ENDED = message(
    "The monitoring of this patient has ended meanwhile. Nothing was recorded; what you typed is kept below."
)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What was typed into a form that could not be accepted, to be shown again with the reason."""

    problem: str
    episode_id: int | None = None
    act: str = "close"
    note: str = ""
    outcome: str = ""
    until: str = ""
    form: str = "episode"
    """Which of the page's forms it was: journal entries by their kind."""
    typed: Mapping[str, object] = field(default_factory=dict)


@router.get("/patients/{patient_id}")
def show(  # noqa: PLR0913, PLR0917 what an address may say
    patient_id: str, request: Request, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    range: Annotated[str, Query(pattern="^(7|30|90|365|all)$")] = "90",  # noqa: A002 the name in the address
    joined: Annotated[int | None, Query(ge=0, le=10**9)] = None,
) -> Response:  # fmt: skip
    """The page; for a refresh by the screen itself, the same page, of which the script takes the parts it needs."""
    with conn.pipeline():
        if LIVE_HEADER not in request.headers:
            audit.write(conn, "patient.read", of=patient_id, by=user.user_id, at=now)
        return answer(conn, page, patient_id, range_=range, joined=joined)


def found(conn: Connection, patient_id: str) -> Patient:
    """Whose page or form an address asks for.

    Raises:
        HTTPException: 404, no such patient.
    """
    who = patient_record.patient(conn, patient_id)
    if who is None:
        raise HTTPException(404)
    return who


def answer(
    conn: Connection, page: Page, patient_id: str, *, range_: str = "90", draft: Draft | None = None, status: int = 200,
    joined: int | None = None,
) -> Response:  # fmt: skip
    """The patient's page, with a `draft` to correct if there is one; `joined` weights came with a scale just claimed.

    Raises:
        HTTPException: 404, no such patient.
    """
    who = found(conn, patient_id)
    start = _start(conn, patient_id, range_, now=page.now)
    zone, words = ZoneInfo(who.time_zone), Words(language=page.words.language, zone=who.time_zone)
    today = page.now.astimezone(zone).date()
    with conn.pipeline():
        several, one_each = _ask_beside(conn, patient_id, today=today)
        course = known(conn, patient_id, zone, start=start, end=page.now)
    drawn = scene.scene(course, start=start, end=page.now)
    rows = scene.rows(course, drawn)
    checks = _checks([row.reading for row in rows if row.reading])
    charts = {"wide": chart.draw(drawn), "narrow": chart.draw(drawn, width=420, height=330)}
    data = scene.data(drawn, rows, low_kg=charts["wide"].low_kg, high_kg=charts["wide"].high_kg)
    return page.answer(
        "patient.html",
        status=status,
        zone=who.time_zone,
        patient=who,
        dry_weights=course.dry_weights,
        table=weight_table.rows_html(rows, home=f"/patients/{quote(patient_id)}", words=words),
        used_rows=partial(weight_table.used_html, words=words),
        weighed=sum(row.reading is not None for row in rows),
        checks=checks,
        likelihoods={
            one.reading_id: household.likelihood(one, course.readings, zone=zone) for one in checks if one.is_doubted
        },
        housemates=household.found(conn, course.readings),
        episodes=course.episodes,
        charts=charts,
        scene=drawn,
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        ranges=RANGES,
        range=range_,
        draft=draft,
        joined=joined,
        pause_kinds=pauses.KINDS,
        journal=course.journal,
        request_id=uuid4,
        today=today,
        **{name: rows.fetchall() for name, rows in several.items()},
        **{name: rows.fetchone() for name, rows in one_each.items()},
    )


def _checks(readings: list[Reading]) -> list[Reading]:
    """What waits for a person first, then what a person decided; the rest is in the table."""
    found = [reading for reading in readings if reading.is_doubted or reading.reviewed]
    return sorted(found, key=lambda reading: not reading.is_doubted)[:MOST_CHECKS]


def _start(conn: Connection, patient_id: str, range_: str, *, now: datetime) -> datetime:
    if range_ != "all":
        return now - timedelta(days=int(range_))
    first = patient_record.first_reading_at(conn, patient_id) or now
    return min(first, now - timedelta(days=7))


def known(conn: Connection, patient_id: str, zone: ZoneInfo, *, start: datetime, end: datetime) -> scene.Known:
    """What the chart shows: each by one query over an index, all in one round trip, with what was asked before."""
    of: dict[str, object] = {"patient_id": patient_id}
    days = of | {"first": start.astimezone(zone).date(), "last": end.astimezone(zone).date()}
    weighed = of | {"start": start - usual.BEFORE, "end": end, "most": patient_record.MOST_READINGS}
    with conn.pipeline():
        readings = conn.cursor(row_factory=args_row(Reading)).execute(patient_record.READINGS, weighed)
        states = conn.execute(patient_record.DAYS, days)
        dry_weights = database.ask(conn, DryWeight, patient_record.DRY_WEIGHTS, of)
        episodes = database.ask(conn, Episode, patient_record.EPISODES, of)
        journal = database.ask(conn, Entry, journal_record.ENTRIES, of | {"most": journal_record.MOST})
        plan = conn.execute(plan_record.PLAN, of)
    settings = plan.fetchone()
    return scene.Known(
        zone=zone,
        readings=readings.fetchall(),
        days=dict(states.fetchall()),  # type: ignore[arg-type]  # the table's CHECK
        dry_weights=dry_weights.fetchall(),
        episodes=sorted(episodes.fetchall(), key=lambda episode: episode.urgency),
        journal=journal.fetchall(),
        plan=Plan.model_validate(settings[0] if settings else {}),
    )


def _ask_beside(
    conn: Connection, patient_id: str, *, today: date
) -> tuple[dict[str, Cursor[Any]], dict[str, Cursor[Any]]]:
    """What the page shows beside the chart: of which there may be several, and of which there is one at most."""
    of = {"patient_id": patient_id}
    several = {
        "pauses": database.ask(conn, pauses.Pause, pauses.OF_PATIENT, of | {"since": today}),
        "tags": database.ask(conn, tag_record.Tag, tag_record.OF_PATIENT, of),
    }
    return several, {
        "phone": database.ask(conn, patient_record.Phone, patient_record.PHONE, of),
        "departed": database.ask(conn, patient_record.Departed, patient_record.DEPARTED, of),
        "around": database.ask(conn, patient_record.Around, patient_record.AROUND, of),
    }


def ended(conn: Connection, patient_id: str) -> str | None:
    """The sentence for whoever changes something of a patient who is watched no longer."""
    return ENDED if patient_record.departed(conn, patient_id) else None
