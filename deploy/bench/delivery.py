"""How long from a raised alert to the gateway? One, 100 and 1,000 alerts a minute, and while another gateway hangs.

An embedded PostgreSQL, the alerts program as a process, an SMS gateway on 127.0.0.1. An alert is raised when its rows
commit, as a detector's worker writes them, and handed over when the gateway reads its request. Beside it stands what
one would write instead: a loop that calls `apprise.notify` for each alert as it comes, in memory, with nothing kept.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import LiteralString

import numpy as np

from deploy.bench import rivals_delivery
from deploy.bench.ingest import BenchError
from deploy.processes.supervisor import Child, Supervisor
from deploy.servers import stack
from schemas import database, migrate
from schemas.clock import real_now
from schemas.database import Connection
from schemas.settings import Settings

NURSES = 200
HUNG_SHARE, BESIDE_HUNG = 50, 400
"""While a gateway hangs, one alert in so many is for it, of enough for a p99."""
P99_AIM_MS = 2000.0
"""What the others may take beside a gateway that hangs."""
ALONE, ALONE_APART_SECONDS = 8, 3.0
"""Alerts at 1 a minute find the system at rest; these are as far apart as that needs."""
PATIENCE_SECONDS = 30.0

ADD_NURSE: LiteralString = """
INSERT INTO app_user (email, display_name, role, password_hash, notify_url)
VALUES (%(email)s, 'Bench', 'nurse', '-', %(url)s) RETURNING user_id
"""
NO_BUNDLES: LiteralString = """
INSERT INTO delivery_preference (user_id, bundle) SELECT user_id, false FROM app_user
"""
RAISE: LiteralString = """
WITH new AS (
    INSERT INTO patient (patient_id, enrolled_at) VALUES (gen_random_uuid()::text, %(now)s) RETURNING patient_id
), unwatched AS (
    INSERT INTO watch (patient_id, arrivals_seen, due_at) SELECT patient_id, 0, %(now)s + interval '1 day' FROM new
), opened AS (
    INSERT INTO episode (patient_id, cause, severity, opened_at, last_raised_at, evidence)
    SELECT patient_id, 'decompensation', 'alert', %(now)s, %(now)s, '{}' FROM new RETURNING episode_id
), told AS (
    INSERT INTO episode_event (episode_id, at, kind, severity, evidence)
    SELECT episode_id, %(now)s, 'raised', 'alert', '{}' FROM opened RETURNING event_id, episode_id
)
INSERT INTO notification (episode_id, event_id, user_id, created_at, due_at)
SELECT episode_id, event_id, %(user_id)s, %(now)s, %(now)s FROM told RETURNING event_id
"""


@dataclass(kw_only=True)
class Gateway:
    """Notes when it read each alert's request; one that hangs answers when it is closed."""

    hangs: bool = False
    read_at: dict[int, float] = field(default_factory=dict)
    _ends: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def open(self) -> Iterator[str]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"json://127.0.0.1:{server.server_port}/"
        finally:
            self._ends.set()
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                words = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["message"].split()
                gateway.read_at.setdefault(int(words[2]), time.perf_counter())
                if gateway.hangs:
                    gateway._ends.wait(60)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
                """Many requests, no lines."""

        return Handler


def run(*, seconds: float = 20.0) -> dict[str, object]:
    """Measure, for `seconds` at each rate; what happens is told on stderr.

    Raises:
        BenchError: the program did not start, or an alert did not arrive.
    """
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder, ExitStack() as servers:
        Path(folder).chmod(0o755)
        good, hung = Gateway(), Gateway(hangs=True)
        url, hung_url = servers.enter_context(good.open()), servers.enter_context(hung.open())
        ours = servers.enter_context(_ours(Path(folder), url, hung_url))
        rival = servers.enter_context(rivals_delivery.loop(url, hung_url))
        cases: list[dict[str, object]] = []
        for name, count, apart, share in _cases(seconds):
            found = {who: _measure(send, good, count, apart, share) for who, send in (("vigie", ours), ("loop", rival))}
            ratio = {key: round(found["vigie"][key] / found["loop"][key], 3) for key in ("median_ms", "p99_ms")}
            cases.append({"case": name, "alerts": count, **found, "vigie_to_loop": ratio})
            if share:
                cases[-1]["p99_aim_ms"] = P99_AIM_MS
            _say(json.dumps(cases[-1]))
    return {"bench": "delivery", "processors": os.cpu_count(), "cases": cases}


def _cases(seconds: float) -> list[tuple[str, int, float, int]]:
    """Name, alerts, seconds between two, and one in how many for the hung gateway (0: none)."""
    return [
        ("1 a minute", ALONE, ALONE_APART_SECONDS, 0),
        ("100 a minute", int(seconds * 100 / 60), 0.6, 0),
        ("1000 a minute", int(seconds * 1000 / 60), 0.06, 0),
        ("1000 a minute, another gateway hangs", BESIDE_HUNG, 0.06, HUNG_SHARE),
    ]


def _measure(
    send: Callable[[int, bool], int], gateway: Gateway, count: int, apart: float, share: int
) -> dict[str, float]:
    """Send them one by one; those for the hung gateway are not timed."""
    raised: dict[int, float] = {}
    began = time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, began + number * apart - time.perf_counter()))
        to_hung = bool(share) and number % share == 0
        before = time.perf_counter()
        alert = send(number, to_hung)
        if not to_hung:
            raised[alert] = before
    until = time.perf_counter() + PATIENCE_SECONDS + (count * 5 if share else 0)
    while not raised.keys() <= gateway.read_at.keys():
        if time.perf_counter() > until:
            raise BenchError(f"{len(raised.keys() - gateway.read_at.keys())} alerts did not arrive")
        time.sleep(0.01)
    times = [1000 * (gateway.read_at[alert] - at) for alert, at in raised.items()]
    return {
        "median_ms": round(float(np.median(times)), 1),
        "p99_ms": round(float(np.percentile(times, 99)), 1),
        "most_ms": round(max(times), 1),
    }


@contextmanager
def _ours(home: Path, url: str, hung_url: str) -> Iterator[Callable[[int, bool], int]]:
    """The alerts program over a database with nurses; returns what raises an alert of one of them."""
    given = Settings(home=home, database_url=None, broker_url=None, clock="real", log_format="json")
    with stack.database_server(given) as settings, database.connect(stack.url(settings), autocommit=True) as conn:
        list(migrate.migrate(conn))
        nurses = [_nurse(conn, number, f"{url}?n={number}") for number in range(NURSES)]
        unlucky = _nurse(conn, NURSES, hung_url)
        conn.execute(NO_BUNDLES)
        with Supervisor([Child("alerts", ["alerts"], settings, log=home / "programs.log")]):
            _until_alive(conn)

            def send(number: int, to_hung: bool) -> int:  # noqa: FBT001 two of a kind
                told = {"user_id": unlucky if to_hung else nurses[number % NURSES], "now": real_now()}
                (alert,) = conn.execute(RAISE, told).fetchone() or (0,)
                return int(str(alert))

            yield send


def _nurse(conn: Connection, number: int, url: str) -> int:
    (user_id,) = conn.execute(ADD_NURSE, {"email": f"n{number}@vigie.example", "url": url}).fetchone() or (0,)
    return int(str(user_id))


def _until_alive(conn: Connection) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while conn.execute("SELECT FROM heartbeat WHERE service = 'alerts' AND detail = 'ok'").fetchone() is None:
        if time.monotonic() > until:
            raise BenchError("the alerts program did not start")
        time.sleep(0.1)
    time.sleep(3)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
