"""Does every part work? `/healthz`, for machines and for whoever is on call; needs no sign-in, tells no secret."""

from collections.abc import Iterable
from typing import LiteralString

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from psycopg_pool import ConnectionPool, PoolTimeout

from schemas.database import Connection
from schemas.heartbeat import ENDED, WORKER

router = APIRouter()
PROGRAMS = ("ingest", "alerts")
YOUNG_SECONDS = {"webhook": 30}  # it beats every ten seconds, the others every two
PATIENCE_SECONDS = 3

HEARTBEATS: LiteralString = "SELECT service, extract(epoch FROM now() - at)::float8, detail FROM heartbeat"


@router.get("/healthz")
def healthz(request: Request) -> JSONResponse:
    """200 and `ok`, or 503 with each part that does not work and why; the webhooks' receiver if there is to be one.

    And every further ingest worker that has not ended in order.
    """
    programs = (*PROGRAMS, "webhook") if request.app.state.settings.webhook_port else PROGRAMS
    parts = _parts(request.app.state.pool, programs)
    well = all(state == "ok" for state in parts.values())
    return JSONResponse({"status": "ok" if well else "failing", "parts": parts}, status_code=200 if well else 503)


def _parts(pool: ConnectionPool[Connection], programs: Iterable[str]) -> dict[str, str]:
    try:
        with pool.connection(timeout=PATIENCE_SECONDS) as conn:
            beats = {str(name): (float(str(age)), str(detail)) for name, age, detail in conn.execute(HEARTBEATS)}
    except (PoolTimeout, psycopg.Error):
        return {"database": "does not answer"} | dict.fromkeys(programs, "unknown while the database is away")
    workers = sorted(name for name, (_, detail) in beats.items() if name.startswith(WORKER) and detail != ENDED)
    return {"database": "ok"} | {
        program: _state(beats.get(program), young_seconds=YOUNG_SECONDS.get(program, 10))
        for program in (*programs, *workers)
    }


def _state(beat: tuple[float, str] | None, *, young_seconds: float) -> str:
    if beat is None:
        return "has never run"
    age_seconds, detail = beat
    return f"silent for {age_seconds:.0f} s" if age_seconds > young_seconds else detail
