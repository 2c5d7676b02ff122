"""How long does one wait for what a change would have done? Trials of a simulated clinic, answered as in service."""

import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, LiteralString
from uuid import uuid4

from alerts.trials.desk import Desk
from clinician_api.enrol import enrolment
from deploy import alarm_budget
from deploy.bench.ingest import BenchError
from deploy.embedded_postgres import EmbeddedPostgres
from ingest import history
from schemas import clock, database, migrate
from schemas.database import Connection
from simulator import cohort

SEED = 5
ASKED: tuple[dict[str, Any], ...] = (
    {"detector": "guideline", "threshold": 2.5, "budget": None},
    {"detector": "heartphone", "threshold": None, "budget": None},
    {"detector": "vigie", "threshold": 12.0, "budget": None},
    {"detector": "vigie", "threshold": None, "budget": 1.0},
)
ADD_USER: LiteralString = """
INSERT INTO app_user (email, display_name, role, password_hash) VALUES ('bench@vigie.example', 'Bench', 'nurse', '-')
RETURNING user_id
"""
ASK: LiteralString = """
INSERT INTO trial_request (request_id, detector, threshold, budget, based_on, author, asked_at)
VALUES (%(request_id)s, %(detector)s, %(threshold)s, %(budget)s, 0, %(author)s, now()) RETURNING trial_id
"""
STATE: LiteralString = """
SELECT state, result ->> 'seconds', result -> 'own' ->> 'patient_years' FROM trial_answer WHERE trial_id = %s
"""


def run(*, patients: int, days: int = 365, every: Sequence[dict[str, Any]] = ASKED) -> dict[str, Any]:
    """From the click to the answer, the start of a process for it included; the history is stored before.

    Raises:
        BenchError: a trial was not answered.
    """
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        with database.connect(postgres.url) as conn:
            list(migrate.migrate(conn))
        with database.connect(postgres.url) as conn:
            stored = _store(conn, patients=patients, days=days)
        with database.open_pool(postgres.url, service="alerts") as pool:
            desk = Desk(
                url=postgres.url,
                pool=pool,
                clock=clock.Clock(),
                stop=threading.Event(),
                simulated=alarm_budget.simulated,
            )
            with database.connect(postgres.url, autocommit=True) as conn:
                trials = [_try(conn, desk, asked) for asked in every]
    return {"bench": "tryout", "patients": patients, "days": days, "readings": stored, "aim_s": 10, "trials": trials}


def _store(conn: Connection, *, patients: int, days: int) -> int:
    now = clock.Clock().now()
    people = cohort.cohort(patients=patients, days=days, until=now, seed=SEED)
    enrolment.enrol(conn, [one.new_patient for one in people], now=now)
    conn.execute(ADD_USER)
    return history.store_history(conn, (reading for one in people for reading in one.history), now=now).stored


def _try(conn: Connection, desk: Desk, asked: dict[str, Any]) -> dict[str, object]:
    row = conn.execute(ASK, asked | {"request_id": uuid4(), "author": 1}).fetchone()
    assert row
    began = time.perf_counter()
    desk.answer_due()
    waited = time.perf_counter() - began
    state = conn.execute(STATE, row).fetchone()
    if state is None or state[0] != "done":
        raise BenchError(f"{asked} was not answered: {state}")
    computed, years = float(str(state[1])), float(str(state[2]))
    return asked | {"waited_s": round(waited, 2), "computed_s": computed, "patient_years": round(years, 1)}
