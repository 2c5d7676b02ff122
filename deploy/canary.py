"""How does the canary come to be, and live? Enrolled like a patient, weighed by a scale, told to one address."""

import threading
from datetime import date, timedelta
from typing import LiteralString
from uuid import uuid4

from psycopg.types.json import Jsonb

from clinician_api.patient import episodes
from deploy.processes.program import stopped_by_signals
from deploy.servers import stack
from schemas import canary, database, heartbeat
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import Settings
from simulator import canary as bird

EMAIL = "canary@vigie.invalid"

ADD_PERSON: LiteralString = """
INSERT INTO app_user (email, display_name, role, password_hash, notify_url) VALUES (%s, 'Canary', 'canary', '-', %s)
ON CONFLICT (email) DO UPDATE SET notify_url = excluded.notify_url
"""
ADD_PATIENT: LiteralString = "INSERT INTO patient (patient_id, enrolled_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"
ADD_PLAN: LiteralString = """
INSERT INTO plan (patient_id, settings, recorded_at) SELECT %(patient)s, %(plan)s, %(now)s
WHERE NOT EXISTS (SELECT FROM plan WHERE patient_id = %(patient)s)
"""
LEND: LiteralString = """
INSERT INTO device_loan (site, device_id, patient_id, lent_at) SELECT %(site)s, %(device)s, %(patient)s, %(since)s
WHERE NOT EXISTS (SELECT FROM device_loan WHERE site = %(site)s AND device_id = %(device)s)
"""
OPEN: LiteralString = "SELECT episode_id FROM episode WHERE patient_id = %s AND closed_at IS NULL ORDER BY episode_id"
PERSON: LiteralString = "SELECT user_id FROM app_user WHERE email = %s"


def enrol(conn: Connection, *, notify_url: str, clock: Clock) -> None:
    """Make the canary, or give its alerts another address."""
    now = clock.now()
    since = now - timedelta(days=bird.PAST_DAYS + 1)
    values = {
        "patient": canary.PATIENT, "plan": Jsonb(canary.PLAN), "now": now, "since": since, "site": canary.SITE,
        "device": canary.DEVICE,
    }  # fmt: skip
    conn.execute(ADD_PERSON, (EMAIL, notify_url))
    conn.execute(ADD_PATIENT, (canary.PATIENT, since))
    conn.execute(ADD_PLAN, values)
    conn.execute(LEND, values)


def run(settings: Settings, clock: Clock) -> None:
    """Weigh every morning, until a signal."""
    stop = threading.Event()

    def before(day: date) -> None:
        with database.connect(stack.url(settings)) as conn:
            close_what_is_over(conn, day, clock=clock)

    beating = heartbeat.beating(stack.url(settings), service="api", program="canary")
    with stopped_by_signals(stop.set), beating:
        bird.run(settings, clock=clock, stop=stop, before=before)


def close_what_is_over(conn: Connection, day: date, *, clock: Clock) -> None:
    """After a morning in which it was well again, so that its next illness is an alert of its own."""
    if canary.is_ill(day - timedelta(days=1)):
        return
    (author,) = conn.execute(PERSON, (EMAIL,)).fetchone() or (None,)
    for (episode_id,) in conn.execute(OPEN, (canary.PATIENT,)).fetchall():
        act = episodes.Act(
            request_id=uuid4(), episode_id=int(str(episode_id)), action="close", outcome="other", note="canary",
            author=int(str(author)), at=clock.now(),
        )  # fmt: skip
        episodes.do(conn, act)
