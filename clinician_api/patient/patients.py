"""What is there to know and to do for one patient? The page with chart, evidence and acts; and the dry weight."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import LIVE_HEADER, Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.language import message
from clinician_api.patient import chart, patient_record, pauses
from clinician_api.patient.patient_record import DryWeight, Episode, Reading
from schemas.database import Connection

router = APIRouter()
RANGES = {
    "7": message("7 days"),
    "30": message("30 days"),
    "90": message("90 days"),
    "365": message("1 year"),
    "all": message("All"),
}
NOISES = 2.0  # the personal band is the baseline ± this many standard deviations of the person's own noise
MOST_CHECKS = 10
BAD_WEIGHT = message("The dry weight must be a number of kg between 20 and 400, such as 72.5.")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What was typed into a form that could not be accepted, to be shown again with the reason."""

    episode_id: int | None
    problem: str
    act: str = "close"
    note: str = ""
    outcome: str = ""
    until: str = ""
    weight: str = ""


@router.get("/patients/{patient_id}")
def show(  # noqa: PLR0913, PLR0917 what an address may say
    patient_id: str, request: Request, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    range: Annotated[str, Query(pattern="^(7|30|90|365|all)$")] = "90",  # noqa: A002 the name in the address
    joined: Annotated[int | None, Query(ge=0, le=10**9)] = None,
) -> Response:  # fmt: skip
    """The page; for a refresh by the screen itself, the same page, of which the script takes the parts it needs."""
    if LIVE_HEADER not in request.headers:
        audit.write(conn, "patient.read", of=patient_id, by=user.user_id, at=now)
    return answer(conn, page, patient_id, range_=range, joined=joined)


def answer(
    conn: Connection, page: Page, patient_id: str, *, range_: str = "90", draft: Draft | None = None, status: int = 200,
    joined: int | None = None,
) -> Response:  # fmt: skip
    """The patient's page, with a `draft` to correct if there is one; `joined` weights came with a scale just claimed.

    Raises:
        HTTPException: 404, no such patient.
    """
    who = patient_record.patient(conn, patient_id)
    if who is None:
        raise HTTPException(404)
    start = _start(conn, patient_id, range_, now=page.now)
    readings = patient_record.readings(conn, patient_id, start=start, end=page.now)
    episodes = patient_record.episodes(conn, patient_id)
    dry_weights = patient_record.dry_weights(conn, patient_id)
    scene = _scene(page, readings, episodes, dry_weights, start=start, zone=ZoneInfo(who.time_zone))
    return page.answer(
        "patient.html",
        status=status,
        zone=who.time_zone,
        patient=who,
        dry_weights=dry_weights,
        readings=readings,
        checks=_checks(readings),
        episodes=episodes,
        charts={"wide": chart.draw(scene), "narrow": chart.draw(scene, width=420, height=300)},
        scene=scene,
        ranges=RANGES,
        range=range_,
        draft=draft,
        joined=joined,
        pauses=pauses.of_patient(conn, patient_id, since=page.now.astimezone(ZoneInfo(who.time_zone)).date()),
        pause_kinds=pauses.KINDS,
        departed=patient_record.departed(conn, patient_id),
        request_id=uuid4,
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


def _scene(
    page: Page, readings: list[Reading], episodes: list[Episode], dry_weights: list[DryWeight], *, start: datetime,
    zone: ZoneInfo,
) -> chart.Scene:  # fmt: skip
    """Band and threshold come from the newest open episode with a weight in its evidence: nothing is computed here."""
    known = next((e.evidence for e in episodes if e.evidence.baseline_kg is not None), None)
    band = None
    if known and known.baseline_kg is not None and known.noise_kg is not None:
        band = known.baseline_kg - NOISES * known.noise_kg, known.baseline_kg + NOISES * known.noise_kg
    fired = next((e.evidence for e in episodes if e.closed_at is None and e.evidence.would_not_have_fired_at_kg), None)
    return chart.Scene(
        start=start,
        end=page.now,
        zone=zone,
        points=[reading.point for reading in readings],
        steps=[chart.Step(since=dry.valid_from, weight_kg=dry.weight_kg) for dry in dry_weights],
        band=band,
        threshold_kg=fired.would_not_have_fired_at_kg if fired else None,
        marks=[chart.Mark(at=e.opened_at, severity=e.severity, label=e.cause) for e in episodes],
    )


@router.post("/patients/{patient_id}/dry-weight", dependencies=[OwnForm])
def set_dry_weight(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, weight: Annotated[str, Form()] = ""
) -> Response:
    """Set a dry weight from now on, signed by the user."""
    weight_kg = _kg(weight)
    if weight_kg is None:
        draft = Draft(episode_id=None, problem=BAD_WEIGHT, weight=weight[:20])
        return answer(conn, page, patient_id, draft=draft, status=422)
    if patient_record.patient(conn, patient_id) is None:
        raise HTTPException(404)
    patient_record.set_dry_weight(conn, patient_id, weight_kg=weight_kg, author=user.user_id, now=now)
    audit.write(conn, "dry_weight.set", of=patient_id, by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}", status_code=303)


def _kg(text: str) -> float | None:
    """A weight as typed, with a comma or a point."""
    try:
        weight_kg = round(float(text.strip().replace(",", ".").removesuffix("kg")), 1)
    except ValueError:
        return None
    return weight_kg if 20 <= weight_kg <= 400 else None
