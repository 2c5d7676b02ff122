"""Who sends the notifications that are due? Lanes for each gateway; several processes share the work."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog
from psycopg_pool import ConnectionPool

from alerts.delivery import channels, notify, outbox, patience, receipts, texts
from alerts.delivery.lanes import Lanes
from alerts.delivery.notify import DeliveryError
from alerts.delivery.outbox import Leased
from alerts.delivery.route import route
from schemas import one_tap
from schemas.clock import Clock
from schemas.database import Connection

log = structlog.get_logger()

LEASE_SECONDS = 120
"""Real seconds: the slowest send that ends by itself takes less."""


@dataclass(kw_only=True)
class Sender:
    """Sends due notifications; `fallback_seconds` (real) on one channel before the next one is tried."""

    pool: ConnectionPool[Connection]
    clock: Clock
    stop: threading.Event
    screens_url: str
    fallback_seconds: float
    lanes: Lanes = field(default_factory=lambda: Lanes(name="alert"))
    _key: bytes = b""

    def send_due(self) -> None:
        """Choose channels, and open a lane for each gateway on which something is due.

        Raises:
            psycopg.Error: the database is away; also one that an ended lane met.
        """
        now = self.clock.now()
        with self.pool.connection() as conn:
            receipts.heed(conn, now=now)
            outbox.withdraw(conn, now=now)
            outbox.set_right(conn, now=now, lease=self._span(LEASE_SECONDS), longest=self._span(patience.NEVER_SECONDS))
            failed = route(conn, now=now, fallback=self._span(self.fallback_seconds))
        if failed:
            log.error("nobody_reached", notifications=failed)
        with self.pool.connection() as conn:
            self._key = self._key or outbox.signing_key(conn)
            due = outbox.due_channels(conn, now=now)
        gateways: dict[str, list[int]] = {}
        for channel_id, url in due.items():
            gateways.setdefault(notify.gateway(url), []).append(channel_id)
        for gateway, channel_ids in gateways.items():
            self.lanes.open(gateway, lambda gateway=gateway, ids=channel_ids: self._drain(gateway, ids))  # type: ignore[misc]
        self.lanes.sweep()

    def close(self) -> None:
        """When the program ends it waits for what is being sent; after an outage of the database it goes on at once."""
        self.lanes.close(wait=self.stop.is_set())

    def _drain(self, gateway: str, channel_ids: Sequence[int]) -> None:
        """Send what is due on these channels, a message at a time; another lane helps while there is more."""
        while not self.stop.is_set():
            leased = self._lease(channel_ids)
            if not leased:
                return
            self.lanes.open(gateway, lambda: self._drain(gateway, channel_ids))
            self._send(leased)

    def _lease(self, channel_ids: Sequence[int]) -> list[Leased]:
        now = self.clock.now()
        with self.pool.connection() as conn:  # committed before anything is sent
            return outbox.lease(conn, channel_ids=channel_ids, now=now, until=now + self._span(LEASE_SECONDS))

    def _send(self, leased: Sequence[Leased]) -> None:
        error: DeliveryError | None = None
        try:
            notify.send(self._message(leased), url=leased[0].url)
        except DeliveryError as failure:
            error = failure
        with self.pool.connection() as conn:
            self._record(conn, leased, error)
        log.info(
            "notification",
            notification_ids=[one.notification_id for one in leased],
            alerts=[one.number for one in leased],
            gateway=notify.gateway(leased[0].url),
            attempt=max(one.attempts for one in leased),
            delivered=error is None,
            problem=error and str(error),
        )

    def _message(self, leased: Sequence[Leased]) -> texts.Message:
        language, repeat = leased[0].language, any(one.attempts > 1 for one in leased)
        alerts = [
            texts.Alert(
                number=one.number,
                severity=one.severity,
                take=f"{self.screens_url}/t/{one_tap.token(one.notification_id, key=self._key)}",
                show=f"{self.screens_url}/episodes/{one.episode_id}",
            )
            for one in leased
        ]
        if len(alerts) == 1:
            told = texts.alert(alerts[0], language=language, repeat=repeat)
        else:
            both = (leased[0].notification_id, leased[-1].notification_id)
            told = texts.bundle(
                alerts,
                page=f"{self.screens_url}/b/{one_tap.bundle_token(*both, key=self._key)}",
                worklist=f"{self.screens_url}/",
                language=language,
                repeat=repeat,
            )
        return replace(told, receipt=one_tap.token(leased[0].notification_id, key=self._key, purpose="receipt"))

    def _record(self, conn: Connection, leased: Sequence[Leased], error: DeliveryError | None) -> None:
        now = self.clock.now()
        channel_id = leased[0].channel_id
        if error is None:
            outbox.delivered(conn, leased, now=now, detail=notify.gateway(leased[0].url))
            channels.worked(conn, channel_id, now=now)
            return
        tried = [now - (one.created_at if one.failed_at else one.channel_since) for one in leased]
        due = [now + self._span(patience.retry_seconds(span.total_seconds() / self.clock.rate)) for span in tried]
        outbox.failed(conn, leased, now=now, due=due, detail=str(error), permanent=error.permanent)
        if channels.failed(conn, channel_id, error, now=now):
            log.error("channel_disabled", channel_id=channel_id, problem=str(error))

    def _span(self, real_seconds: float) -> timedelta:
        """Networks fail in real time, also when the clock runs fast."""
        return timedelta(seconds=real_seconds * self.clock.rate)
