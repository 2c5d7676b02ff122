"""How long from the scale to the screen? Publish to receipt, to committed episode, to worklist, with everything real.

A temporary home on this machine's loopback: embedded PostgreSQL and broker, ingest, alerts and dashboard as processes.
Readings are published at 1 and at 200 a second, each by another patient's scale. Some patients have 30 days of history
and are 4 kg heavier now: their reading must open an episode. For these three times are taken from the moment of
publishing: the receipt (the reading is committed), the episode (`NOTIFY` after its commit reaches a listener), and the
screen (a signed-in client, told by a server-sent event, has fetched a worklist with the patient on it). At 200 a second
every reading's receipt counts. Next to them stands what one fdatasync costs on the disk below.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import numpy as np
import psycopg

from clinician_api.enrol import enrolment
from deploy.bench import disk
from deploy.bench.screen import Screen
from deploy.processes.supervisor import Supervisor, services
from deploy.servers import ports, stack
from ingest.past import history
from schemas import database, migrate
from schemas.clock import real_now
from schemas.patient import LentScale, NewPatient
from schemas.reading import HistoricReading
from schemas.settings import Settings
from simulator.protocol import Word
from simulator.scale import Fleet
from simulator.weighing import Weighing, seconds_seq

SECONDS = 30.0
PATIENCE_SECONDS = 30.0
SETTLE_SECONDS = 3.0  # after the scales have said that they are online
HISTORY_DAYS = 30
STABLE_KG, HEAVIER_KG = Decimal("72.0"), Decimal("75.0")
SEED = 1
NURSE, PASSWORD = "bench@vigie.example", "a password of this minute"


class BenchError(Exception):
    """The stack did not start; the message says where to look."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """So many readings a second for some seconds, so many of them per second from patients who are getting worse."""

    per_second: int
    worse_per_second: int
    seconds: float

    @property
    def worse(self) -> list[bool]:
        """For each reading, in order: must it open an episode?"""
        every = self.per_second // self.worse_per_second
        return [number % every == 0 for number in range(int(self.per_second * self.seconds))]


@dataclass(kw_only=True)
class Times:
    """When (perf_counter seconds) each patient's reading was published, receipted, judged and shown."""

    published: dict[str, float] = field(default_factory=dict)
    receipt: dict[str, float] = field(default_factory=dict)
    episode: dict[str, float] = field(default_factory=dict)
    screen: dict[str, float] = field(default_factory=dict)


def run(*, seconds: float = SECONDS) -> dict[str, object]:
    """Measure, for `seconds` at each rate; what happens is told on stderr.

    Raises:
        BenchError: the programs did not become healthy.
    """
    loads = [
        Load(per_second=1, worse_per_second=1, seconds=seconds),
        Load(per_second=200, worse_per_second=2, seconds=seconds),
    ]
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        Path(folder).chmod(0o755)
        _say("starting database, broker, ingest, alerts and dashboard")
        with _stack(Path(folder)) as settings:
            rates = [_measure(settings, load) for load in loads]
            syncs = disk.sync_seconds(Path(folder))
    return {
        "bench": "latency",
        "processors": os.cpu_count(),
        "fdatasync_ms": _summary(syncs),
        "rates": rates,
    }


@contextmanager
def _stack(home: Path) -> Iterator[Settings]:
    given = Settings(home=home, database_url=None, broker_url=None, clock="real", log_format="json")
    with stack.servers(given) as with_servers:
        with database.connect(stack.url(with_servers)) as conn:
            list(migrate.migrate(conn))
        with ports.bind("127.0.0.1", 0) as free:
            port = free.getsockname()[1]
        settings = with_servers.model_copy(update={"api_host": "127.0.0.1", "api_port": port})
        with Supervisor(services(settings, log=home / "programs.log")):
            _until_healthy(settings)
            with database.connect(stack.url(settings)) as conn:
                enrolment.add_user(conn, email=NURSE, display_name="Bench", role="nurse", password=PASSWORD)
            yield settings


def _until_healthy(settings: Settings) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if httpx2.get(f"{settings.screens_url}/healthz").status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    log = (settings.home / "programs.log").read_text().splitlines()
    raise BenchError(f"the programs did not become healthy: {log[-1] if log else 'they said nothing'}")


def _measure(settings: Settings, load: Load) -> dict[str, object]:
    worse = load.worse
    ids = [f"{'W' if is_worse else 'S'}{load.per_second}-{number}" for number, is_worse in enumerate(worse)]
    _say(f"{load.per_second} readings/s: enrolling {len(ids)} patients")
    _enrol(settings, ids, now=real_now())
    times = Times()
    with ExitStack() as opened:
        opened.enter_context(_episodes(settings, times))
        screen = opened.enter_context(Screen(settings.screens_url, email=NURSE, password=PASSWORD))
        fleet = opened.enter_context(
            Fleet(
                settings, client_id="bench", now=real_now, on_receipt=lambda scale, word: _receipted(times, scale, word)
            )
        )
        for patient_id in ids:
            fleet.join(_scale(patient_id))
        time.sleep(SETTLE_SECONDS)
        times.screen = screen.seen_at
        _publish(fleet, ids, times, per_second=load.per_second)
        _wait(times, ids)
    return _report(load, ids, times)


def _enrol(settings: Settings, ids: list[str], *, now: datetime) -> None:
    """Those who will be worse have a quiet month behind them, with day noise from the seed."""
    rng = np.random.default_rng(SEED)
    begun = now - timedelta(days=HISTORY_DAYS + 1)
    patients = [
        NewPatient(patient_id=one, enrolled_at=begun if one[0] == "W" else now, scale=_scale(one)) for one in ids
    ]
    readings = (
        HistoricReading(
            patient_id=patient_id,
            measured_at=now - timedelta(days=day),
            weight_kg=STABLE_KG + Decimal(str(round(float(rng.normal(0, 0.2)), 1))),
        )
        for patient_id in ids
        if patient_id[0] == "W"
        for day in range(1, HISTORY_DAYS + 1)
    )
    with database.connect(stack.url(settings)) as conn:
        enrolment.enrol(conn, patients, now=now)
        history.store_history(conn, readings, now=now)


def _publish(fleet: Fleet, ids: list[str], times: Times, *, per_second: int) -> None:
    """One reading of each patient, at an even pace."""
    _say(f"{per_second} readings/s: publishing for {len(ids) / per_second:.0f} s")
    began = time.perf_counter()
    for number, patient_id in enumerate(ids):
        time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        now = real_now()
        weight_kg = HEAVIER_KG if patient_id[0] == "W" else STABLE_KG
        times.published[patient_id] = time.perf_counter()
        fleet.weigh(_scale(patient_id), [Weighing(seq=seconds_seq(now), measured_at=now, weight_kg=weight_kg)])


def _wait(times: Times, ids: list[str]) -> None:
    """Until everything has arrived, or for half a minute: what is missing then is reported as such."""
    end = time.monotonic() + PATIENCE_SECONDS
    worse = {patient_id for patient_id in ids if patient_id[0] == "W"}
    while time.monotonic() < end:
        if len(times.receipt) == len(ids) and worse <= times.episode.keys() and worse <= times.screen.keys():
            return
        time.sleep(0.1)


@contextmanager
def _episodes(settings: Settings, times: Times) -> Iterator[None]:
    """Note when each patient's first episode becomes visible to others."""
    stop = threading.Event()
    conn = psycopg.connect(stack.url(settings), autocommit=True)
    conn.execute("LISTEN vigie_episode")

    def listen() -> None:
        while not stop.is_set():
            for notify in conn.notifies(timeout=0.2):
                times.episode.setdefault(notify.payload, time.perf_counter())

    listening = threading.Thread(target=listen, name="episodes")
    listening.start()
    try:
        yield
    finally:
        stop.set()
        listening.join()
        conn.close()


def _receipted(times: Times, scale: LentScale, word: Word) -> None:
    if word.word == "stored":
        times.receipt.setdefault(scale.device_id, time.perf_counter())


def _report(load: Load, ids: list[str], times: Times) -> dict[str, object]:
    worse = [patient_id for patient_id in ids if patient_id[0] == "W"]
    report: dict[str, object] = {"readings_per_second": load.per_second, "readings": len(ids), "worse": len(worse)}
    for name, asked, arrived in (
        ("receipt", ids, times.receipt),
        ("episode", worse, times.episode),
        ("screen", worse, times.screen),
    ):
        taken = [arrived[one] - times.published[one] for one in asked if one in arrived]
        report[f"{name}_ms"] = _summary(taken) | {"missing": len(asked) - len(taken)}
    _say(f"{load.per_second} readings/s: {report}")
    return report


def _summary(seconds: list[float]) -> dict[str, object]:
    if not seconds:
        return {"median": None, "p99": None}
    median, p99 = np.quantile(np.array(seconds) * 1000, [0.5, 0.99]).round(1).tolist()
    return {"median": median, "p99": p99}


def _scale(patient_id: str) -> LentScale:
    return LentScale(site="bench", device_id=patient_id)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
