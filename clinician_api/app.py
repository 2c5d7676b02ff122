"""What does the web application consist of? Every page, what surrounds them, and what lives as long as it does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from clinician_api import health
from schemas import database
from schemas.clock import Clock
from schemas.settings import Settings


def create_app(settings: Settings, *, clock: Clock) -> FastAPI:
    """The dashboard. `settings.database_url` must be set."""
    assert settings.database_url
    url = settings.database_url.get_secret_value()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with database.open_pool(url, service="api", max_size=8) as app.state.pool:
            yield

    app = FastAPI(title="Vigie", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.clock = settings, clock
    app.include_router(health.router)
    return app
