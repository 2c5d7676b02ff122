"""Who sends the plain notices? Lanes of their own for each gateway, so that no alert waits for one of them."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from psycopg_pool import ConnectionPool

from alerts.delivery import channels, notify, patience, plain_outbox, plain_texts
from alerts.delivery.lanes import Lanes
from alerts.delivery.notify import DeliveryError
from alerts.delivery.plain_outbox import Leased
from schemas.clock import Clock
from schemas.database import Connection

log = structlog.get_logger()

LEASE_SECONDS = 120.0


@dataclass(kw_only=True)
class Post:
    """Sends what is due that is no alert."""

    pool: ConnectionPool[Connection]
    clock: Clock
    stop: threading.Event
    screens_url: str
    lanes: Lanes = field(default_factory=lambda: Lanes(name="post"))

    def send_due(self) -> None:
        """Open a lane for each gateway on which something is due.

        Raises:
            psycopg.Error: the database is away; also one that an ended lane met.
        """
        with self.pool.connection() as conn:
            due = plain_outbox.due(conn, now=self.clock.now(), longest=self._span(patience.NEVER_SECONDS))
        gateways: dict[str, dict[int, str]] = {}
        for notice_id, url in due.items():
            gateways.setdefault(notify.gateway(url), {})[notice_id] = url
        for gateway, urls in gateways.items():
            self.lanes.open(gateway, lambda gateway=gateway, urls=urls: self._drain(gateway, urls))  # type: ignore[misc]
        self.lanes.sweep()

    def close(self) -> None:
        """When the program ends it waits for what is being sent; after an outage of the database it goes on at once."""
        self.lanes.close(wait=self.stop.is_set())

    def _drain(self, gateway: str, urls: dict[int, str]) -> None:
        while not self.stop.is_set():
            now = self.clock.now()
            with self.pool.connection() as conn:  # committed before anything is sent
                leased = plain_outbox.lease(
                    conn,
                    notice_ids=list(urls),
                    now=now,
                    until=now + self._span(LEASE_SECONDS),
                    longest=self._span(patience.NEVER_SECONDS),
                )
            if leased is None:
                return
            self.lanes.open(gateway, lambda: self._drain(gateway, urls))
            self._send(leased, urls[leased.notice_id])

    def _send(self, leased: Leased, url: str) -> None:
        error: DeliveryError | None = None
        try:
            message = plain_texts.message(
                leased.kind, leased.facts, notice_id=leased.notice_id, url=self.screens_url, language=leased.language
            )
            notify.send(message, url=url)
        except DeliveryError as failure:
            error = failure
        now = self.clock.now()
        with self.pool.connection() as conn:
            if error is None:
                plain_outbox.delivered(conn, leased, now=now)
                if leased.channel_id:
                    channels.worked(conn, leased.channel_id, now=now)
            elif leased.kind in plain_texts.NOW_OR_NEVER:
                plain_outbox.give_up(conn, leased, now=now)
            else:
                tried = (now - leased.created_at).total_seconds() / self.clock.rate
                plain_outbox.failed(conn, leased, due_at=now + self._span(patience.retry_seconds(tried)))
        log.info(
            "plain_notice",
            notice_id=leased.notice_id,
            kind=leased.kind,
            attempt=leased.attempts,
            problem=error and str(error),
        )

    def _span(self, real_seconds: float) -> timedelta:
        return timedelta(seconds=real_seconds * self.clock.rate)
