"""How long does one wait for what a change would have done? Trials of a simulated clinic, answered as in service."""

import threading
import time
from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import uuid4

from alerts.trials.desk import Desk
from deploy import alarm_budget
from deploy.bench import simulated_clinic
from deploy.bench.ingest import BenchError
from schemas import clock, database
from schemas.database import Connection

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
    with simulated_clinic.stored(patients=patients, days=days, seed=SEED) as (url, stored):
        with database.connect(url) as conn:
            conn.execute(ADD_USER)
        with database.open_pool(url, service="alerts") as pool:
            desk = Desk(
                url=url,
                pool=pool,
                clock=clock.Clock(),
                stop=threading.Event(),
                simulated=alarm_budget.simulated,
            )
            with database.connect(url, autocommit=True) as conn:
                trials = [_try(conn, desk, asked) for asked in every]
    return {"bench": "tryout", "patients": patients, "days": days, "readings": stored, "aim_s": 10, "trials": trials}


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
