"""How fast, how soon and how big is ingest? Beside it, on the same broker, disk and database: what one would write.

A temporary home on the loopback. Vigie validates, judges, stores, gives a receipt for every reading and acknowledges
after the commit, of its own protocol, of a dialect without receipts (openScale-sync), and as two workers;
deploy/bench/rivals.py says what the others leave out. Live: from the first publishing to the last commit, all running.
Drain: a backlog in the broker, from the first commit to the last. Rounds are interleaved, since a machine's mood
changes; a ratio is that of the medians of one run. The last commit's time is the database's.
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg

from deploy.bench import disk, rivals
from deploy.servers.embedded_broker import EmbeddedBroker, free_port
from deploy.servers.embedded_postgres import EmbeddedPostgres
from ingest.wire.connection import V311, Access, Link
from schemas import database, migrate
from schemas.clock import real_now
from schemas.settings import Settings, environment

READINGS, DEVICES, ROUNDS = 60_000, 1000, 3
KNOWN = 2 * DEVICES  # before a latency is measured: plans are cached, and everybody has a last weight, as in a clinic
SLOW = {"paho_each": 10}  # a tenth of the readings is enough to know
IN_THE_PIPE = {"c_floor": 1000}  # its last lines wait in the pipe's buffers for more
LIVE_ONLY = {"vigie_without_receipts", "vigie_two_workers", "paho_each"}
PATIENCE_SECONDS = 180
PATIENTS: LiteralString = """
WITH one AS (INSERT INTO patient (patient_id, enrolled_at)
             SELECT 'p' || n, '2020-01-01Z' FROM generate_series(0, %(devices)s - 1) AS n RETURNING patient_id)
INSERT INTO device_loan (site, device_id, patient_id, lent_at)
SELECT site, replace(patient_id, 'p', 's'), patient_id, '2020-01-01Z'
FROM one, unnest(ARRAY['bench', 'openscale']) AS site
"""
EMPTY: LiteralString = "TRUNCATE reading, receipt, latest_reading, device_sighting, rejection, rival, blob, bridged"
DONE: dict[str, LiteralString] = {
    "vigie": "SELECT count(*) FROM reading",
    "vigie_without_receipts": "SELECT count(*) FROM reading",
    "vigie_two_workers": "SELECT count(*) FROM reading",
    "c_floor": "SELECT count(*) FROM blob",
    "paho_batch": "SELECT count(*) FROM rival",
    "paho_each": "SELECT count(*) FROM rival",
    "mq_bridge": "SELECT count(*) FROM bridged",
}
COMMITS: dict[str, LiteralString] = {
    "reading": "SELECT pg_xact_commit_timestamp(xmin) AS at, count(*) FROM reading GROUP BY 1 ORDER BY 1",
    "blob": "SELECT pg_xact_commit_timestamp(xmin) AS at, count(*) FROM blob GROUP BY 1 ORDER BY 1",
    "rival": "SELECT pg_xact_commit_timestamp(xmin) AS at, count(*) FROM rival GROUP BY 1 ORDER BY 1",
    "bridged": "SELECT pg_xact_commit_timestamp(xmin) AS at, count(*) FROM bridged GROUP BY 1 ORDER BY 1",
}
TO_COMMIT: LiteralString = """
SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY
    extract(epoch FROM pg_xact_commit_timestamp(xmin) - (raw::json ->> 'sent_at')::timestamptz)::float8 * 1000)
FROM reading WHERE seq >= %(first)s
"""


class BenchError(Exception):
    """A part did not do its work; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The servers of one run, and how much is asked of them."""

    settings: Settings
    broker: EmbeddedBroker
    postgres: EmbeddedPostgres
    readings: int

    def with_metrics(self, port: int) -> "Bench":
        return replace(self, settings=self.settings.model_copy(update={"metrics_port": port}))

    def connect(self) -> database.Connection:
        return psycopg.connect(self.postgres.url, autocommit=True)


def run(*, readings: int = READINGS, rounds: int = ROUNDS, backlog: int = 0, peer: bool = False) -> dict[str, object]:
    """Measure everything; what happens is told on stderr.

    Raises:
        BenchError: a program did not take the readings in time.
    """
    there = {"c_floor": shutil.which("mosquitto_sub") is not None, "mq_bridge": peer}
    names = [name for name in DONE if there.get(name, True)]
    with servers(readings) as bench, bench.connect() as conn:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names:
                measured = live(bench, conn, name)
                if name not in LIVE_ONLY:
                    measured |= drain(bench, conn, name)
                _say(f"round {number + 1}: {name} {measured}")
                found[name].append(measured)
        result = {name: _medians(many) for name, many in found.items()}
        report: dict[str, object] = {"bench": "ingest", "processors": os.cpu_count(), "readings": readings}
        report |= {"devices": DEVICES, "rounds": rounds, **result, "ratios": _ratios(result)}
        report["latency"] = [latency(bench, conn, rate) for rate in (1000, 10_000)]
        if backlog:
            report["backlog"] = memory(bench, conn, backlog)
        report["fdatasync_ms"] = round(statistics.median(disk.sync_seconds(bench.settings.home)) * 1000, 3)
    return report


@contextmanager
def servers(readings: int) -> Iterator[Bench]:
    """A database with patients and their scales, and a broker, in a temporary home."""
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = EmbeddedPostgres(home / "postgres", settings={"track_commit_timestamp": "on"})
        with server as postgres, EmbeddedBroker(home / "broker", port=free_port()) as broker:
            with database.connect(postgres.url) as conn:
                list(migrate.migrate(conn))
                conn.execute(rivals.TABLE)
                conn.execute(rivals.BLOB)
                conn.execute(rivals.BRIDGED)
                conn.execute(PATIENTS, {"devices": DEVICES})
            given = {"home": home, "database_url": postgres.url, "broker_url": broker.url, "log_format": "json"}
            settings = Settings.model_validate(given)
            yield Bench(settings=settings, broker=broker, postgres=postgres, readings=readings)


def forget(bench: Bench, conn: database.Connection) -> None:
    """Empty the tables and end all sessions: each would go on queueing what is published for the others."""
    conn.execute(EMPTY)
    assert bench.settings.broker_url
    access = Access(url=bench.settings.broker_url, tls=bench.settings.broker)
    for client_id in ("vigie-ingest", *(f"vigie-ingest-{number}" for number in range(2, 9)), *rivals.SESSIONS):
        link = Link(access, client_id=client_id, kept=False, version=V311)
        link.open()
        link.close()


def live(bench: Bench, conn: database.Connection, name: str) -> dict[str, float]:
    """Readings a second and what they cost, while they are being published."""
    count = bench.readings // SLOW.get(name, 1)
    forget(bench, conn)
    with consumer(bench, name) as consumers:
        before = _cpu(bench, consumers)
        flooding = flood(bench, count, dialect="openscale" if name == "vigie_without_receipts" else "native")
        until(conn, name, count)
        began = told(flooding)["began"]
        cpu, peak = _cpu(bench, consumers), sum(_peak_mb(one) for one in consumers)
        commits = _commits(conn, name)
    spent = {part: round((cpu[part] - before[part]) * 100_000 / count, 2) for part in cpu}
    return {
        "live_per_second": round(sum(rows for _, rows in commits) / (commits[-1][0].timestamp() - began)),
        **{f"{part}_cpu_s_per_100k": value for part, value in spent.items()},
        "peak_mb": round(peak, 1),
    }


def drain(bench: Bench, conn: database.Connection, name: str) -> dict[str, float]:
    """Readings a second from a backlog that waits in the broker."""
    count = bench.readings // SLOW.get(name, 1)
    forget(bench, conn)
    with consumer(bench, name):
        pass  # its session is with the broker now
    flood(bench, count).wait()
    with consumer(bench, name):
        until(conn, name, count)
        commits = _commits(conn, name)
    seconds = (commits[-1][0] - commits[0][0]).total_seconds()
    return {"drain_per_second": round(sum(rows for _, rows in commits[1:]) / seconds) if seconds else 0}


def latency(bench: Bench, conn: database.Connection, rate: int) -> dict[str, object]:
    """Milliseconds from a reading's sending to its commit and to its receipt, for five seconds at this rate."""
    forget(bench, conn)
    with consumer(bench, "vigie"):
        flood(bench, KNOWN, rate=500).wait()
        said = told(flood(bench, 5 * rate, first=KNOWN, rate=rate))
    (to_commit,) = conn.execute(TO_COMMIT, {"first": KNOWN}).fetchone() or (None,)
    assert isinstance(to_commit, list)
    _say(f"{rate}/s: to commit {to_commit}, to receipt {said}")
    return {
        "readings_per_second": rate,
        "commit_ms": {"p50": round(to_commit[0], 2), "p99": round(to_commit[1], 2)},
        "receipt_ms": {"p50": said["p50"], "p99": said["p99"]},
        "missing": said["missing"],
    }


def memory(bench: Bench, conn: database.Connection, count: int) -> dict[str, float]:
    """What a worker needs at most while it works off a backlog of so many readings."""
    forget(bench, conn)
    with consumer(bench, "vigie"):
        pass
    _say(f"a backlog of {count}")
    flood(bench, count).wait()
    with consumer(bench, "vigie") as consumers:
        began = time.monotonic()
        until(conn, "vigie", count, seconds=count / 1000 + PATIENCE_SECONDS)
        seconds = time.monotonic() - began
        return {
            "readings": count,
            "peak_mb": round(max(map(_peak_mb, consumers)), 1),
            "per_second": round(count / seconds),
        }


@contextmanager
def consumer(bench: Bench, name: str) -> Iterator[list[psutil.Process]]:
    """A program that takes readings, from its subscription on; all its processes."""
    commands = list(_commands(bench, name))
    with (bench.settings.home / f"{name}.log").open("ab") as log, bench.connect() as conn:
        conn.execute("DELETE FROM heartbeat")
        env = environment(bench.settings)
        started = [
            subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True) for command in commands
        ]
        try:
            _until_ready(conn, name, bench)
            if len(commands) > 1:
                time.sleep(1.5)
            yield [p for one in started for p in (psutil.Process(one.pid), *psutil.Process(one.pid).children())]
        finally:
            for process in started:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(30)


def _commands(bench: Bench, name: str) -> Iterator[list[str]]:
    url, port = bench.postgres.url, bench.broker.port
    ours = [sys.executable, "-m", "deploy.cli", "ingest"]
    if name == "vigie_two_workers":
        yield from ([*ours, "--worker", number] for number in ("1", "2"))
    elif name.startswith("vigie"):
        yield ours
    elif name == "c_floor":
        yield ["sh", "-c", rivals.pipe(url, port)]
    elif name == "mq_bridge":
        yield rivals.bridge(url, port)
    else:
        yield [sys.executable, "-m", "deploy.bench.rivals", name.removeprefix("paho_"), url, str(port)]


def _until_ready(conn: database.Connection, name: str, bench: Bench) -> None:
    if not name.startswith("vigie"):
        time.sleep(1.5)
        return
    end = time.monotonic() + 30
    while conn.execute("SELECT FROM heartbeat WHERE service = 'ingest' AND detail = 'ok'").fetchone() is None:
        if time.monotonic() > end:
            log = (bench.settings.home / f"{name}.log").read_text().splitlines()
            raise BenchError(f"ingest does not listen: {log[-1] if log else 'it said nothing'}")
        time.sleep(0.05)


def flood(
    bench: Bench, readings: int, *, first: int = 0, rate: int = 0, dialect: str = "native"
) -> "subprocess.Popen[bytes]":
    arguments = [*map(str, (bench.broker.port, first, readings, DEVICES, rate)), dialect]
    command = [sys.executable, "-m", "deploy.bench.flood", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def told(flooding: "subprocess.Popen[bytes]") -> dict[str, float]:
    """What the flood says at its end."""
    said: dict[str, float] = json.loads(flooding.communicate()[0])
    return said


def until(conn: database.Connection, name: str, count: int, *, seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while (done := _done(conn, name)) < count - IN_THE_PIPE.get(name, 0):
        if time.monotonic() > end:
            raise BenchError(f"{name}: {done} of {count} after {seconds:.0f} s")
        time.sleep(0.3)


def _done(conn: database.Connection, name: str) -> int:
    (count,) = conn.execute(DONE[name]).fetchone() or (0,)
    assert isinstance(count, int)
    return count


def _commits(conn: database.Connection, name: str) -> list[tuple[datetime, int]]:
    table = DONE[name].rsplit(maxsplit=1)[-1]
    rows = conn.execute(COMMITS[table]).fetchall()
    return [(at, count) for at, count in rows if isinstance(at, datetime) and isinstance(count, int)]


def _cpu(bench: Bench, consumers: list[psutil.Process]) -> dict[str, float]:
    """Seconds so far of the consumer, the database and the broker."""
    assert bench.postgres.process
    assert bench.broker.process
    server = psutil.Process(bench.postgres.process.pid)
    backends = [one for one in server.children() if one.is_running()]
    return {
        "own": sum(_seconds(one) for one in consumers),
        "database": sum(map(_seconds, backends)),
        "broker": _seconds(psutil.Process(bench.broker.process.pid)),
    }


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _peak_mb(process: psutil.Process) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _medians(many: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(one[key] for one in many), 2) for key in many[0]}


def _ratios(result: dict[str, dict[str, float]]) -> dict[str, float]:
    """Ours to each of theirs; two workers to one."""
    ratios = {
        f"{ours}_{way}_to_{name}": round(result[ours][key] / theirs[key], 2)
        for ours in result
        for name, theirs in result.items()
        for way in ("live", "drain")
        if ours.startswith("vigie") and not name.startswith("vigie")
        if theirs.get(key := f"{way}_per_second") and key in result[ours]
    }
    one, two = (result[name]["live_per_second"] for name in ("vigie", "vigie_two_workers"))
    return ratios | {"two_workers_to_one": round(two / one, 2)}


def _say(sentence: str) -> None:
    print(f"{real_now():%H:%M:%S} {sentence}", file=sys.stderr, flush=True)
