"""Who sends what is due? One lane per gateway, so that a dead SMS gateway delays no e-mail."""

import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from psycopg_pool import ConnectionPool

from alerts import messages
from alerts.delivery import notify, outbox
from schemas.clock import Clock
from schemas.database import Connection

log = structlog.get_logger()

AT_ONCE = 5
LEASE_SECONDS = 120
"""Real seconds: 5 sends of at most 20 s each fit in."""
FIRST_RETRY_SECONDS = 5
LONGEST_RETRY_SECONDS = 15 * 60
PERMANENT_RETRY_SECONDS = 60 * 60
"""A bad address is tried again, slowly: somebody may have corrected it."""
LANES = 16


@dataclass(kw_only=True)
class Sender:
    """Sends due notifications; several senders, in several processes, share the work."""

    pool: ConnectionPool[Connection]
    clock: Clock
    stop: threading.Event
    screens_url: str
    _executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(LANES, "lane"))
    _lanes: dict[str, Future[int]] = field(default_factory=dict)

    def send_due(self) -> None:
        """Start a lane for each gateway that has none running.

        Raises:
            psycopg.Error: the database is away; also one that a finished lane met.
        """
        with self.pool.connection() as conn:
            channels = outbox.channels(conn)
        users: dict[str, list[int]] = {}
        for channel in channels:
            users.setdefault(notify.gateway(channel.notify_url), []).append(channel.user_id)
        finished = [gateway for gateway, lane in self._lanes.items() if lane.done()]
        ended = [self._lanes.pop(gateway) for gateway in finished]
        for gateway in users.keys() - self._lanes.keys():
            self._lanes[gateway] = self._executor.submit(self._drain, users[gateway])
        for lane in ended:
            lane.result()

    def close(self) -> None:
        """Let running sends end; what they have leased is sent again if we are killed first."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _drain(self, user_ids: list[int]) -> int:
        """Send what is due to these users, a few at a time; how many were tried."""
        tried = 0
        while leased := self._lease(user_ids):
            for notification in leased:
                if self.stop.is_set():  # the rest is sent once its lease has run out
                    return tried
                self._send(notification)
                tried += 1
        return tried

    def _lease(self, user_ids: list[int]) -> list[outbox.Leased]:
        now = self.clock.now()
        with self.pool.connection() as conn:  # committed before anything is sent
            return outbox.lease(conn, user_ids=user_ids, now=now, until=now + self._span(LEASE_SECONDS), limit=AT_ONCE)

    def _send(self, leased: outbox.Leased) -> None:
        notice = messages.Notice(
            number=leased.number,
            severity=leased.severity,
            link=f"{self.screens_url}/episodes/{leased.episode_id}",
            language=leased.language,
        )
        error = self._try(notice, leased)
        now = self.clock.now()
        with self.pool.connection() as conn:
            if error is None:
                outbox.delivered(conn, leased, now=now, detail=notify.gateway(leased.notify_url))
            else:
                due_at = now + self._span(retry_seconds(leased.attempts, permanent=error.permanent))
                outbox.failed(conn, leased, now=now, due_at=due_at, detail=str(error))
        log.info(
            "notification",
            notification_id=leased.notification_id,
            alert=leased.number,
            gateway=notify.gateway(leased.notify_url),
            attempt=leased.attempts,
            delivered=error is None,
            problem=error and str(error),
        )

    def _try(self, notice: messages.Notice, leased: outbox.Leased) -> notify.DeliveryError | None:
        try:
            notify.send(notice, url=leased.notify_url)
        except notify.DeliveryError as error:
            return error
        except Exception as error:  # noqa: BLE001 173 plugins of other people: one broken channel stops no other
            return notify.DeliveryError(f"the channel failed: {type(error).__name__}", permanent=False)
        return None

    def _span(self, real_seconds: float) -> timedelta:
        """Networks fail in real time, also when the clock runs fast."""
        return timedelta(seconds=real_seconds * self.clock.rate)


def retry_seconds(attempts: int, *, permanent: bool) -> float:
    """5 s, doubled with each attempt up to 15 minutes, for ever; jittered, so that 800 do not knock at once."""
    if permanent:
        return PERMANENT_RETRY_SECONDS
    seconds = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 10))
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 jitter, not a secret
