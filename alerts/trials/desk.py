"""Who sees to it that each trial is answered? One at a time, in a process beside the one that assesses and sends."""

import threading
from dataclasses import dataclass
from multiprocessing import get_context

import structlog
from psycopg_pool import ConnectionPool

from alerts.trials import job, trial_store
from alerts.trials.job import Simulated
from schemas.clock import Clock
from schemas.database import Connection

log = structlog.get_logger()
LOOK_SECONDS = 0.2


@dataclass(kw_only=True)
class Desk:
    """Takes trials as they are asked for; any number of processes may."""

    url: str
    pool: ConnectionPool[Connection]
    clock: Clock
    stop: threading.Event
    simulated: Simulated

    def answer_due(self) -> None:
        """Answer all that wait."""
        while not self.stop.is_set():
            with self.pool.connection() as conn:
                trial_id = trial_store.claim(conn)
            if trial_id is None:
                return
            self._answer(trial_id)

    def _answer(self, trial_id: int) -> None:
        # Spawned, not forked: this process has threads and open connections.
        process = get_context("spawn").Process(
            target=job.run, args=(self.url, trial_id, self.clock.now(), self.simulated), daemon=True
        )
        process.start()
        while process.is_alive() and not self.stop.is_set():
            process.join(LOOK_SECONDS)
        if process.is_alive():
            process.terminate()  # the lease ends, and it is taken again
            process.join()
        log.info("trial_answered" if process.exitcode == 0 else "trial_interrupted", trial=trial_id)
