"""Thousands of readings while everything is killed: each is stored once, and every scale's store is empty at the end.

The scales keep a reading until a receipt names it, and send it again until then, as interface.md lets them. What is
killed when comes from a seed. Shorter without `--long`, with fewer readings, but with every kind of death.
"""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from deploy.servers.embedded_broker import EmbeddedBroker
from deploy.servers.embedded_postgres import EmbeddedPostgres
from schemas import database, migrate
from tests.ingest.conftest import Nursery, lend, listens
from tests.ingest.scale import Scale, wait_until

MONDAY = datetime(2026, 1, 5, 6, tzinfo=UTC)
DEVICES = 50
RESEND_SECONDS = 4.0
TOGETHER = 10  # readings in a message


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is weighed, and how often what is killed within `seconds`."""

    readings: int
    seconds: float
    ingest_kills: int
    broker_kills: int
    restarts: int
    pause_seconds: float


SHORT = Plan(readings=6000, seconds=18, ingest_kills=12, broker_kills=2, restarts=1, pause_seconds=3)
LONG = Plan(readings=20_000, seconds=150, ingest_kills=20, broker_kills=5, restarts=3, pause_seconds=60)


@pytest.fixture
def own_postgres(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server that the test may kill."""
    with EmbeddedPostgres(server_folder / f"chaos-{time.monotonic_ns()}") as server:
        with database.connect(server.url) as conn:
            list(migrate.migrate(conn))
        yield server


@dataclass
class Scales:
    """Scales behind one gateway; what has no receipt is sent again."""

    scale: Scale
    readings: int
    sent: int = 0
    due: dict[int, float] = field(default_factory=dict)

    def weigh(self, count: int) -> None:
        """Send so many new ones, and again what was not answered for some seconds, few at a time."""
        now = time.monotonic()
        fresh = range(self.sent, min(self.readings, self.sent + count))
        self.sent = fresh.stop
        self.due |= dict.fromkeys(fresh, now)
        for seq in [seq for seq in self.due if self.scale.words[self.device(seq), seq]]:
            del self.due[seq]
        again = [seq for seq, due in self.due.items() if due <= now][:2000]
        self.due |= dict.fromkeys(again, now + RESEND_SECONDS)
        for device in range(DEVICES):
            own = [seq for seq in again if seq % DEVICES == device]
            for start in range(0, len(own), TOGETHER):
                readings = [self.reading(seq) for seq in own[start : start + TOGETHER]]
                self.scale.publish(f"s{device}", {"readings": readings})

    @staticmethod
    def device(seq: int) -> str:
        return f"s{seq % DEVICES}"

    @staticmethod
    def reading(seq: int) -> dict[str, object]:
        at = MONDAY + timedelta(minutes=seq)
        return {"seq": seq, "measured_at": at.isoformat(), "weight_kg": 82.4}

    @property
    def empty(self) -> bool:
        self.weigh(self.readings)
        return not self.due


@dataclass
class Chaos:
    """What is alive, and how each of it dies."""

    nursery: Nursery
    broker: EmbeddedBroker
    postgres: EmbeddedPostgres
    workers: list[int]
    chance: random.Random

    def start(self, worker: int) -> int:
        return self.nursery.start(worker=worker + 1 if len(self.workers) > 1 else 0)

    def kill_ingest(self) -> None:
        worker = self.chance.randrange(len(self.workers))
        self.nursery.kill(self.workers[worker])
        self.workers[worker] = self.start(worker)

    def kill_broker(self) -> None:
        assert self.broker.process
        self.broker.process.kill()
        self.broker.process.wait()
        self.broker.start()

    def restart_database(self) -> None:
        """As after a power cut: nobody was warned."""
        assert self.postgres.process
        self.postgres.process.send_signal(signal.SIGQUIT)
        self.postgres.process.wait()
        self.postgres.stop()
        self.postgres.start()

    def pause_database(self, seconds: float) -> None:
        assert self.postgres.process
        server = psutil.Process(self.postgres.process.pid)
        processes = [server, *server.children()]
        for process in processes:
            process.suspend()
        threading.Timer(seconds, _resume, [processes]).start()


def _resume(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.resume()


def acts(plan: Plan, chaos: Chaos) -> list[tuple[float, Callable[[], None]]]:
    """What happens when, in seconds from the start; the database is not killed in its sleep."""
    asleep = plan.seconds * 0.4
    awake = asleep + plan.pause_seconds + 1
    kills: list[Callable[[], None]] = [chaos.kill_ingest] * plan.ingest_kills + [chaos.kill_broker] * plan.broker_kills
    times = [(chaos.chance.uniform(1, plan.seconds), act) for act in kills]
    times += [
        (chaos.chance.choice([chaos.chance.uniform(1, asleep - 1), chaos.chance.uniform(awake, plan.seconds)]), act)
        for act in [chaos.restart_database] * plan.restarts
    ]
    times.append((asleep, lambda: chaos.pause_database(plan.pause_seconds)))
    return sorted(times, key=lambda one: one[0])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_reading_is_stored_once_whatever_dies(
    own_postgres: EmbeddedPostgres, broker: EmbeddedBroker, scale: Scale, tmp_path: Path, workers: int, *, long: bool
) -> None:
    plan = LONG if long else SHORT
    with database.connect(own_postgres.url) as conn:
        for device in range(DEVICES):
            lend(conn, f"p{device}", f"s{device}")
    with Nursery(url=own_postgres.url, broker=broker.url, log=tmp_path / "ingest.log") as nursery:
        chaos = Chaos(nursery, broker, own_postgres, [0] * workers, random.Random(workers))
        chaos.workers = [chaos.start(worker) for worker in range(workers)]
        with database.connect(own_postgres.url) as conn:
            assert wait_until(lambda: listens(conn), seconds=30)
        scales = Scales(scale, plan.readings)
        began = time.monotonic()
        for at, act in acts(plan, chaos):
            while time.monotonic() < began + at:
                scales.weigh(int(plan.readings / plan.seconds / 8) + 1)
                time.sleep(0.1)
            act()
        assert wait_until(lambda: scales.empty, seconds=90), f"{len(scales.due)} of {plan.readings} without a receipt"
    assert {word for words in list(scale.words.values()) for word in words} == {"stored"}
    with database.connect(own_postgres.url) as conn:
        counted = conn.execute("SELECT count(*), count(DISTINCT seq), max(seq) FROM reading").fetchone()
        assert counted == (plan.readings, plan.readings, plan.readings - 1)
        assert conn.execute("SELECT sum(arrivals) FROM latest_reading").fetchone() == (plan.readings,)
