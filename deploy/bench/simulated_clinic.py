"""A clinic of simulated patients with their past, in a database of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clinician_api.enrol import enrolment
from deploy.servers.embedded_postgres import EmbeddedPostgres
from ingest.past import history
from schemas import clock, database, migrate
from simulator import cohort


@contextmanager
def stored(*, patients: int, days: int, seed: int) -> Iterator[tuple[str, int]]:
    """Its address, for as long as the context lasts, and how many weights it holds."""
    now = clock.Clock().now()
    people = cohort.cohort(patients=patients, days=days, until=now, seed=seed)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        with database.connect(postgres.url) as conn:
            list(migrate.migrate(conn))
        with database.connect(postgres.url) as conn:
            enrolment.enrol(conn, [one.new_patient for one in people], now=now)
            weights = history.store_history(conn, (reading for one in people for reading in one.history), now=now)
        yield postgres.url, weights.stored
