"""Does every part work? `/healthz`, for machines and for whoever is on call; needs no sign-in, tells no secret."""

from typing import LiteralString

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from psycopg_pool import ConnectionPool, PoolTimeout

from schemas.database import Connection

router = APIRouter()
PROGRAMS = ("ingest", "alerts")
YOUNG_SECONDS = 10
PATIENCE_SECONDS = 3

HEARTBEATS: LiteralString = "SELECT service, extract(epoch FROM now() - at)::float8, detail FROM heartbeat"


@router.get("/healthz")
def healthz(request: Request) -> JSONResponse:
    """200 and `ok`, or 503 with each part that does not work and why."""
    parts = _parts(request.app.state.pool)
    well = all(state == "ok" for state in parts.values())
    return JSONResponse({"status": "ok" if well else "failing", "parts": parts}, status_code=200 if well else 503)


def _parts(pool: ConnectionPool[Connection]) -> dict[str, str]:
    try:
        with pool.connection(timeout=PATIENCE_SECONDS) as conn:
            beats = {str(name): (float(str(age)), str(detail)) for name, age, detail in conn.execute(HEARTBEATS)}
    except (PoolTimeout, psycopg.Error):
        return {"database": "does not answer"} | dict.fromkeys(PROGRAMS, "unknown while the database is away")
    return {"database": "ok"} | {program: _state(beats.get(program)) for program in PROGRAMS}


def _state(beat: tuple[float, str] | None) -> str:
    if beat is None:
        return "has never run"
    age_seconds, detail = beat
    return f"silent for {age_seconds:.0f} s" if age_seconds > YOUNG_SECONDS else detail
