"""Does ingest stay the same for a long time? Half of what it can take, for minutes: memory and lag must be flat.

The most it takes is measured first, live. Then scales publish at half that rate; every second the process's memory, the
age of its oldest unacknowledged message and their number are noted. Flat: the last fifth is as the second, unless the
machine held ingest up and more messages waited than ever before: memory follows the most that ever waited.
"""

import os
import statistics
import sys
import time
import urllib.request

import psutil

from deploy.bench import ingest
from deploy.bench.ingest import Bench, BenchError
from deploy.servers.embedded_broker import free_port
from schemas import database

EVERY_SECONDS = 1.0
PROBE = 20_000
OLDEST = "vigie_ingest_oldest_unacknowledged_seconds "
WAITING = "vigie_ingest_unacknowledged "


def run(*, minutes: float = 10.0) -> dict[str, object]:
    """Measure; what happens is told on stderr.

    Raises:
        BenchError: ingest did not take the readings.
    """
    with ingest.servers(PROBE) as bench, bench.connect() as conn:
        most = ingest.live(bench, conn, "vigie")["live_per_second"]
        rate = max(100, int(most / 2) // 100 * 100)
        print(f"at most {most:.0f}/s live; {minutes:g} minutes at {rate}/s", file=sys.stderr, flush=True)
        return {"bench": "soak", "processors": os.cpu_count(), "live_per_second": most, "rate": rate} | _soak(
            bench, conn, rate=rate, seconds=minutes * 60
        )


def _soak(bench: Bench, conn: database.Connection, *, rate: int, seconds: float) -> dict[str, object]:
    ingest.forget(bench, conn)
    port = free_port()
    watched = bench.with_metrics(port)
    samples: list[tuple[float, float, float]] = []
    with ingest.consumer(watched, "vigie") as processes:
        flood = ingest.flood(watched, int(rate * seconds), rate=rate)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(EVERY_SECONDS)
            samples.append((_memory_mb(processes[0]), *_waiting(port)))
        said = ingest.told(flood)
        if said["missing"]:
            raise BenchError(f"{said['missing']} readings have no receipt")
    fifth = max(1, len(samples) // 5)
    second, last = samples[fifth : 2 * fifth] or samples, samples[-fifth:]
    return {
        "seconds": seconds,
        "receipt_ms": {"p50": said["p50"], "p99": said["p99"]},
        "memory_mb": {"second_fifth": _median(second, 0), "last_fifth": _median(last, 0)},
        "oldest_unacknowledged_ms": {
            "second_fifth": round(_median(second, 1) * 1000, 1),
            "last_fifth": round(_median(last, 1) * 1000, 1),
        },
        "most_unacknowledged_until_the_end_of": {
            "second_fifth": max(waiting for _, _, waiting in samples[: 2 * fifth]),
            "last_fifth": max(waiting for _, _, waiting in samples),
        },
    }


def _memory_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 1024 / 1024)


def _waiting(port: int) -> tuple[float, float]:
    """How long the oldest unacknowledged message waits, in seconds, and how many there are."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    oldest, number = (
        next(float(line.removeprefix(name)) for line in lines if line.startswith(name)) for name in (OLDEST, WAITING)
    )
    return oldest, number


def _median(samples: list[tuple[float, float, float]], which: int) -> float:
    return round(statistics.median(sample[which] for sample in samples), 4)
