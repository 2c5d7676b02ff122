"""The measure of `vigie bench api`: a plain FastAPI endpoint that does one indexed query; `DATABASE PORT`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

import uvicorn
from fastapi import FastAPI
from psycopg_pool import ConnectionPool

LATEST: LiteralString = """
SELECT measured_at, weight_kg::float8 FROM reading WHERE patient_id = %s ORDER BY measured_at DESC LIMIT 1
"""


def create_app(url: str) -> FastAPI:
    """One endpoint, over a pool as large as the dashboard's."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ConnectionPool(url, min_size=1, max_size=8) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/patients/{patient_id}")
    def latest(patient_id: str) -> dict[str, object]:
        with app.state.pool.connection() as conn:
            at, weight_kg = conn.execute(LATEST, (patient_id,)).fetchone()
        return {"measured_at": at, "weight_kg": weight_kg}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_config=None)
