"""How does a simulated cohort enter a Vigie? History once, then live; a later start goes on where it ended."""

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import LiteralString

from pydantic import AwareDatetime, BaseModel

from clinician_api import enrolment
from deploy import stack
from deploy.program import stopped_by_signals
from ingest import history
from schemas import database
from schemas.clock import Clock
from schemas.reading import HistoricReading
from schemas.settings import Settings
from simulator import cohort, live
from simulator.cohort import SimulatedPatient

LAST_RECORDED: LiteralString = "SELECT max(recorded_at) FROM reading"


class Cohort(BaseModel, frozen=True):
    """What a cohort is made from; kept in `home/cohort.json`, so that a later start makes the same people."""

    patients: int
    days: int
    seed: int
    until: AwareDatetime | None = None


def run(settings: Settings, wanted: Cohort, clock: Clock) -> None:
    """Make the cohort's history if it is not there yet, then let it live until a signal."""
    print(f"{wanted.patients} patients, {wanted.days} days of history ...", flush=True)
    people = ensure(settings, wanted, now=clock.now())
    print("their scales weigh each morning; Ctrl-C ends it", flush=True)
    stop = threading.Event()
    with stopped_by_signals(stop.set):
        live.run(settings, cohort=people, clock=clock, stop=stop)


def ensure(settings: Settings, wanted: Cohort, *, now: datetime) -> list[SimulatedPatient]:
    """The cohort, its patients enrolled and its history up to the first start stored."""
    file = settings.home / "cohort.json"
    known = Cohort.model_validate_json(file.read_bytes()) if file.exists() else None
    if known and known.model_copy(update={"until": None}) == wanted.model_copy(update={"until": None}):
        return _people(known, until=known.until or now)
    until = wanted.until or now
    people = _people(wanted, until=until)
    with database.connect(stack.url(settings)) as conn:
        enrolment.enrol(conn, [person.new_patient for person in people], now=until)
        history.store_history(conn, _readings(people), now=until)
    file.write_text(wanted.model_copy(update={"until": until}).model_dump_json())
    return people


def last_recorded(settings: Settings) -> datetime | None:
    """When the newest reading was stored, by the clock of its day."""
    with database.connect(stack.url(settings)) as conn:
        (at,) = conn.execute(LAST_RECORDED).fetchone() or (None,)
    assert at is None or isinstance(at, datetime)
    return at


def _people(made_from: Cohort, *, until: datetime) -> list[SimulatedPatient]:
    return cohort.cohort(patients=made_from.patients, days=made_from.days, until=until, seed=made_from.seed)


def _readings(people: list[SimulatedPatient]) -> Iterator[HistoricReading]:
    return (reading for person in people for reading in person.history)
