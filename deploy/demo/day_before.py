"""What had the team dealt with before a demonstration begins? All of its patients' past but a few cases."""

import threading
from datetime import datetime
from typing import LiteralString
from uuid import uuid4

from structlog.testing import capture_logs

from alerts.worker import Worker
from clinician_api.patient import episodes
from clinician_api.patient.episodes import Act
from deploy.servers import stack
from schemas import database
from schemas.alert import Outcome
from schemas.clock import Clock
from schemas.settings import Settings

LEFT_OPEN = 8  # one in so many is being dealt with; alarms wait for the morning, and watches for nobody
OUTCOMES: dict[str, tuple[Outcome, ...]] = {
    "decompensation": ("false_food", "confirmed_advice", "false_clothes", "confirmed_diuretic_changed"),
    "weight_loss": ("confirmed_advice", "false_technique"),
    "no_transmission": ("other", "no_contact"),
}
IS_WATCHED: LiteralString = "SELECT EXISTS (SELECT FROM watch)"
OPEN_EPISODES: LiteralString = """
SELECT episode_id, cause, severity, (SELECT user_id FROM app_user WHERE email = %(email)s)
FROM episode WHERE closed_at IS NULL AND severity <> 'watch' ORDER BY episode_id
"""


def work_through(settings: Settings, *, now: datetime, nurse: str) -> None:
    """Judge everybody as of `now`, and let `nurse` (an e-mail) take or close what is found; once per database."""
    url = stack.url(settings)
    with database.connect(url) as conn:
        if conn.execute(IS_WATCHED).fetchone() == (True,):
            return
    with database.open_pool(url, service="alerts") as pool, capture_logs():  # of a past that nobody watched
        clock = Clock(start=now)
        Worker(url=url, pool=pool, clock=clock, stop=threading.Event(), screens_url="").assess_due()
    with database.connect(url, service="api") as conn:
        for number, row in enumerate(conn.execute(OPEN_EPISODES, {"email": nurse}).fetchall()):
            episode_id, cause, severity, author = (str(value) for value in row)
            if severity != "alarm":
                episodes.do(conn, _act(number, int(episode_id), cause, author=int(author), at=now))


def _act(number: int, episode_id: int, cause: str, *, author: int, at: datetime) -> Act:
    outcomes = OUTCOMES[cause]
    taken = number % LEFT_OPEN == 0
    return Act(
        request_id=uuid4(),
        episode_id=episode_id,
        action="take" if taken else "close",
        outcome=None if taken else outcomes[number % len(outcomes)],
        note="",
        author=author,
        at=at,
    )
