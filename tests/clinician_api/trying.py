"""A clinic with a decompensation that a nurse confirmed, and the trials that alerts answers for it."""

from datetime import datetime, timedelta
from functools import cache
from typing import LiteralString

from alerts.trials import job, trial_store
from clinician_api.enrol import enrolment
from deploy import alarm_budget
from schemas import database
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK

NOW = CLOCK.now()
DAY = timedelta(days=1)
SIMULATED = cache(alarm_budget.simulated)
CALM = [80.0, 80.3, 79.9, 80.2, 80.1, 79.8, 80.0, 80.2, 79.9, 80.1] * 4
GAIN = [*CALM, 81.0, 81.9, 82.6, 82.7]
"""2.4 kg more than the lowest of the 3 days before, from the last but one on."""
CONFIRM: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, author, at)
VALUES (gen_random_uuid(), %s, 'close', 'confirmed_hospital', (SELECT min(user_id) FROM app_user), %s)
"""
CHOOSE: LiteralString = "INSERT INTO detector_choice (duty, detector, recorded_at) VALUES ('alerting', 'guideline', %s)"


def clinic(conn: Connection) -> None:
    """p-0001 decompensated, p-0002 did not; the guideline was chosen, so that it alone alerts."""
    seed.users(conn)
    enrolment.enrol(conn, [seed.patient(number, now=NOW) for number in (1, 2)], now=NOW)
    for patient_id, weights in (("p-0001", GAIN), ("p-0002", [*CALM, 80.0, 80.2])):
        for back, kg in enumerate(reversed(weights)):
            seed.weigh(conn, patient_id, at=NOW - back * DAY - timedelta(hours=1), kg=kg, seq=back)
    found_at = NOW - timedelta(minutes=30)
    episode = seed.open_episode(conn, "p-0001", "decompensation", severity="alert", at=found_at)
    conn.execute(CONFIRM, (episode, found_at))
    conn.execute(
        "INSERT INTO detector_choice (duty, detector, recorded_at) VALUES ('alerting', 'guideline', %s)", (NOW,)
    )
    conn.commit()


def answer(url: str, *, now: datetime = NOW) -> int:
    """What the worker does with the trial that waits; its number."""
    with database.connect(url, service="alerts", autocommit=True) as conn:
        trial_id = trial_store.claim(conn)
        assert trial_id is not None
        job.answer(conn, trial_id, now=now, simulated=SIMULATED)
    return trial_id
