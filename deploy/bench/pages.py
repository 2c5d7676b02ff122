"""How fast are the pages, and do they stay so with 100,000 patients? `vigie api` over an embedded PostgreSQL.

`ms` is what a client on the loopback waits, to the last byte; `server_ms` what the server says it took, from the
request's head to the answer's (`Server-Timing`). One reader, and eight, ask again as soon as they have their answer:
eight are more than any clinic's nurses, and with the load generator they fill a small machine. Eight people open a page
every half second each. Beside it stands a plain FastAPI endpoint that does one indexed query.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from clinician_api.enrol import enrolment
from clinician_api.patient import patient_search
from clinician_api.worklist import entries, filters, weights_to_check, worklist
from deploy.bench import clinics, first_paint, query_plans
from deploy.bench.ingest import BenchError
from deploy.processes.supervisor import Child, Supervisor
from deploy.servers.embedded_broker import free_port
from deploy.servers.embedded_postgres import EmbeddedPostgres
from schemas import clock, database, migrate
from schemas.settings import Settings

SECONDS = 8.0
READERS = {"1_reader": (1, 0.0), "8_people": (8, 0.5), "8_readers": (8, 0.0)}
"""How many, and how long each pauses (s)."""
NURSE, PASSWORD = "bench@vigie.example", "a password of this minute"
TYPED = ("m", "ma", "dur", "mabe", "mabe jean", "lero od", "p-0004", "vichan", "1 79 19", "zzz")
AIMS_MS = {"worklist": 80, "patient": 40, "search": 50}
# As a server of the machine's size would be set; minimal: the seed need not go through the log.
POSTGRES = {
    "shared_buffers": "2GB", "wal_level": "minimal", "max_wal_senders": "0", "maintenance_work_mem": "1GB",
    "max_wal_size": "4GB", "effective_cache_size": "8GB",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Clinic:
    """A running dashboard over a seeded database, and the cookie of who is signed in."""

    settings: Settings
    postgres: EmbeddedPostgres
    cookie: str
    csrf: str


def run(*, patients: tuple[int, ...], seconds: float = SECONDS, home: Path | None = None) -> dict[str, Any]:
    """Measure each size; what happens is told on stderr. `home`: keeps the databases, and uses them again.

    Raises:
        BenchError: a program did not become healthy, or answered wrongly.
    """
    sizes = [_size(number, seconds=seconds, home=home) for number in patients]
    return {"bench": "api", "processors": os.cpu_count(), "aims_server_p99_ms": AIMS_MS, "sizes": sizes}


def _size(patients: int, *, seconds: float, home: Path | None) -> dict[str, object]:
    with _folder(home, patients) as folder, _clinic(folder, patients) as clinic:
        report: dict[str, object] = {"patients": patients}
        report["database_mb"] = round(_database_bytes(clinic) / 1e6)
        asks = _asks(clinic)
        for who, readers in READERS.items():
            timed = {name: _read(clinic, those, readers, seconds=seconds) for name, those in asks.items()}
            timed["plain_endpoint"] = _plain(clinic, readers, seconds=seconds)
            report[who] = timed
            _say(f"{patients} patients, {who}: {timed}")
        report["page_weight_kb"] = {name: _weight(clinic, path) for name, path in _pages(clinic).items()}
        report["first_paint_ms"] = first_paint.measure(clinic.settings.screens_url, clinic.cookie, _pages(clinic))
        report["plans"] = _plans(clinic)
    return report


@contextmanager
def _folder(home: Path | None, patients: int) -> Iterator[Path]:
    if home:
        folder = home / str(patients)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def _clinic(folder: Path, patients: int) -> Iterator[Clinic]:
    with ExitStack() as opened:
        postgres = opened.enter_context(EmbeddedPostgres(folder / "postgres", settings=POSTGRES))
        with database.connect(postgres.url) as conn:
            list(migrate.migrate(conn))
            if conn.execute("SELECT NOT EXISTS (SELECT FROM patient)").fetchone() == (True,):
                _say(f"{patients} patients: seeding a year of weights")
                clinics.seed(conn, patients=patients)
        with database.connect(postgres.url) as conn:
            enrolment.add_user(conn, email=NURSE, display_name="Bench", role="nurse", password=PASSWORD)
        settings = Settings.model_validate(
            {"home": folder, "database_url": postgres.url, "api_port": free_port(), "log_format": "json"}
        )
        opened.enter_context(Supervisor([Child("api", ["api"], settings, log=folder / "programs.log")]))
        cookie, csrf = _sign_in(settings)
        yield Clinic(settings=settings, postgres=postgres, cookie=cookie, csrf=csrf)


def _sign_in(settings: Settings) -> tuple[str, str]:
    with httpx2.Client(base_url=settings.screens_url, timeout=60) as client:
        _until_up(client)
        client.post("/sign-in", data={"email": NURSE, "password": PASSWORD})
        page = client.get("/").text
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        if not found:
            raise BenchError("the dashboard did not let us in")
        return f"vigie={client.cookies['vigie']}", found[1]


def _until_up(client: httpx2.Client) -> None:
    end = clock.real_now() + timedelta(seconds=60)
    while clock.real_now() < end:
        try:
            client.get("/sign-in").raise_for_status()
        except httpx2.HTTPError:
            continue
        return
    raise BenchError("the dashboard did not start")


def _pages(clinic: Clinic) -> dict[str, str]:
    with database.connect(clinic.postgres.url) as conn:
        row = conn.execute("SELECT patient_id FROM episode WHERE cause = 'decompensation' LIMIT 1").fetchone()
    assert row
    return {"worklist": "/", "patient": f"/patients/{row[0]}"}


def _asks(clinic: Clinic) -> dict[str, list[tuple[str, str | None]]]:
    """What readers ask for: the list; everybody's pages in turn; what is typed."""
    with database.connect(clinic.postgres.url) as conn:
        ids = [
            str(one)
            for (one,) in conn.execute("SELECT patient_id FROM patient ORDER BY hashtext(patient_id) LIMIT 400")
        ]
    return {
        "worklist": [("/", None)],
        "drawer": [(f"/?open={one}", None) for one in ids],
        "patient": [(f"/patients/{one}", None) for one in ids],
        "search": [("/search", urlencode({"csrf": clinic.csrf, "q": q})) for q in TYPED],
    }


def _read(
    clinic: Clinic,
    asks: list[tuple[str, str | None]],
    readers: tuple[int, float],
    *,
    seconds: float,
    port: int | None = None,
) -> dict[str, float]:
    asked = {
        "port": port or clinic.settings.api_port, "cookie": clinic.cookie, "readers": readers[0], "pause_s": readers[1],
        "seconds": seconds, "asks": asks,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bench.reader"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(done.stderr.strip().splitlines()[-1])
    both: list[tuple[float, float]] = json.loads(done.stdout)
    client, server = (sorted(seconds * 1000 for seconds in each) for each in zip(*both, strict=True))
    found = {"answers": len(both), "p50_ms": statistics.median(client), "p99_ms": client[int(len(both) * 0.99)]}
    if port is None:  # the plain endpoint does not tell
        found |= {"server_p50_ms": statistics.median(server), "server_p99_ms": server[int(len(both) * 0.99)]}
    return {name: round(value, 1) for name, value in found.items()}


def _plain(clinic: Clinic, readers: tuple[int, float], *, seconds: float) -> dict[str, float]:
    port = free_port()
    command = [sys.executable, "-m", "deploy.bench.plain_api", clinic.postgres.url, str(port)]
    program = subprocess.Popen(command)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            _until_answers(client, "/openapi.json")
        ids = islice(cycle(path for path, _ in _asks(clinic)["patient"]), 400)
        return _read(clinic, [(path, None) for path in ids], readers, seconds=seconds, port=port)
    finally:
        program.terminate()
        program.wait()


def _until_answers(client: httpx2.Client, path: str) -> None:
    end = clock.real_now() + timedelta(seconds=30)
    while clock.real_now() < end:
        try:
            client.get(path)
        except httpx2.TransportError:
            continue
        return


def _weight(clinic: Clinic, path: str) -> dict[str, float]:
    """The page and everything it loads, as it travels; and the page alone."""
    headers = {"Cookie": clinic.cookie, "Accept-Encoding": "gzip"}
    with httpx2.Client(base_url=clinic.settings.screens_url, headers=headers, timeout=60) as client:
        page = client.get(path).text
        loaded = {path, *re.findall(r'(?:href|src)="(/static/[^"]+)"', page)}
        sizes = {one: _travelled(client, one) for one in loaded}
    return {"all": round(sum(sizes.values()) / 1000, 1), "page": round(sizes[path] / 1000, 1)}


def _travelled(client: httpx2.Client, path: str) -> int:
    with client.stream("GET", path) as answer:
        return sum(len(chunk) for chunk in answer.iter_raw())


def _plans(clinic: Clinic) -> dict[str, object]:
    now = clock.real_now()
    wanted = entries.Wanted(
        filter=filters.Filter(), me=1, language="fr", now=now, today=worklist.today(now), most=worklist.IN_A_SECTION + 1
    )
    with database.connect(clinic.postgres.url) as conn:
        one = {"first": "ma", "others": ["je"], "most": 9, "enough": 36}
        checks = {"now": now, "most": worklist.IN_A_SECTION, "enough": 5 * worklist.IN_A_SECTION}
        return {
            "entries": query_plans.worst_step(conn, entries.query(wanted.filter), wanted.values),
            "counts": query_plans.worst_step(conn, entries.COUNTS, {}),
            "weights_to_check": query_plans.worst_step(conn, weights_to_check.WAITING, checks),
            "search": query_plans.worst_step(conn, patient_search.FOUND, one),
        }


def _database_bytes(clinic: Clinic) -> int:
    with database.connect(clinic.postgres.url) as conn:
        row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(str(row[0])) if row else 0


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
