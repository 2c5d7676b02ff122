"""Who sends the plain notices? A few threads of their own, so that no alert waits for one of them."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from psycopg_pool import ConnectionPool

from alerts.days import plain_outbox
from alerts.days.plain_outbox import Leased
from alerts.days.texts import OutageNotice
from alerts.delivery import notify, sender
from schemas.clock import Clock
from schemas.database import Connection

log = structlog.get_logger()

LANES = 8
LEASE_SECONDS = 120.0


@dataclass(kw_only=True)
class Post:
    """Sends what is due; a hung gateway holds one thread, and its other notices wait for their lease."""

    pool: ConnectionPool[Connection]
    clock: Clock
    screens_url: str
    _executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(LANES, "post"))
    _sending: list[Future[None]] = field(default_factory=list)

    def send_due(self) -> None:
        """Lease as many notices as there are free threads.

        Raises:
            psycopg.Error: the database is away; also one that an earlier sending met.
        """
        ended = [sending for sending in self._sending if sending.done()]
        self._sending = [sending for sending in self._sending if not sending.done()]
        if free := LANES - len(self._sending):
            now = self.clock.now()
            with self.pool.connection() as conn:
                leased = plain_outbox.lease(conn, now=now, until=now + self._span(LEASE_SECONDS), limit=free)
            self._sending += [self._executor.submit(self._send, one) for one in leased]
        for sending in ended:
            sending.result()

    def close(self) -> None:
        """Let running sends end; what is leased is sent again if we are killed first."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _send(self, leased: Leased) -> None:
        error = self._try(leased)
        now = self.clock.now()
        with self.pool.connection() as conn:
            if error is None:
                plain_outbox.delivered(conn, leased, now=now)
            else:
                wait = self._span(sender.retry_seconds(leased.attempts, permanent=error.permanent))
                plain_outbox.failed(conn, leased, due_at=now + wait)
        log.info("plain_notice", notice_id=leased.notice_id, attempt=leased.attempts, problem=error and str(error))

    def _try(self, leased: Leased) -> notify.DeliveryError | None:
        notice = OutageNotice(
            number=-leased.notice_id,  # never an alert's
            severity="alert",
            link=self.screens_url + "/",
            language=leased.language,
            kind=leased.kind,
            outage=leased.outage_id,
            patients=leased.patients,
        )
        try:
            notify.send(notice, url=leased.notify_url)
        except notify.DeliveryError as error:
            return error
        except Exception as error:  # noqa: BLE001 other people's plugins: one broken channel stops no other
            return notify.DeliveryError(f"the channel failed: {type(error).__name__}", permanent=False)
        return None

    def _span(self, real_seconds: float) -> timedelta:
        return timedelta(seconds=real_seconds * self.clock.rate)
