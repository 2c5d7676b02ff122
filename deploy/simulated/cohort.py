"""How does a simulated cohort enter a Vigie? History once, then live; a later start goes on where it ended."""

import threading
from datetime import datetime
from typing import LiteralString

from pydantic import AwareDatetime, BaseModel

from clinician_api.enrol import enrolment
from deploy.processes.program import stopped_by_signals
from deploy.servers import stack
from ingest.past import history
from schemas import database
from schemas.clock import Clock
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
    made_from = with_history(settings, wanted, now=clock.now())
    print("their scales weigh each morning; Ctrl-C ends it", flush=True)
    stop = threading.Event()
    with stopped_by_signals(stop.set):
        live.run(settings, cohort=people(made_from), clock=clock, stop=stop)


def with_history(settings: Settings, wanted: Cohort, *, now: datetime) -> Cohort:
    """The cohort whose patients are enrolled, with a history up to the first start: stored now, or long ago."""
    file = settings.home / "cohort.json"
    made_from = wanted.model_copy(update={"until": wanted.until or now})
    if file.exists():
        known = Cohort.model_validate_json(file.read_bytes())
        if known.model_copy(update={"until": None}) == wanted.model_copy(update={"until": None}):
            made_from = known
            if last_recorded(settings):  # else it is another database than the last time
                return known
    patients = people(made_from)
    with database.connect(stack.url(settings)) as conn:
        enrolment.enrol(conn, [patient.new_patient for patient in patients], now=made_from.until or now)
        readings = (reading for patient in patients for reading in patient.history)
        history.store_history(conn, readings, now=made_from.until or now)
    file.write_text(made_from.model_dump_json())
    return made_from


def people(made_from: Cohort) -> list[SimulatedPatient]:
    """The same people each time; takes some seconds."""
    assert made_from.until
    return cohort.cohort(patients=made_from.patients, days=made_from.days, until=made_from.until, seed=made_from.seed)


def last_recorded(settings: Settings) -> datetime | None:
    """When the newest reading was stored, by the clock of its day."""
    with database.connect(stack.url(settings)) as conn:
        (at,) = conn.execute(LAST_RECORDED).fetchone() or (None,)
    assert at is None or isinstance(at, datetime)
    return at
