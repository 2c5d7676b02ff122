"""What do scales publish? Batches of it, as long as the program runs, whatever the broker does.

A session (fixed client id, clean start off) is the broker's; connections come and go, and what was not acknowledged
comes again. At a database outage of hours everything is full, nothing is lost.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from types import TracebackType
from typing import Self

import structlog

from ingest.wire import subscriptions
from ingest.wire.connection import V5, V311, Access, Connection, Delivery, HungUpError, RefusedError, Session
from ingest.wire.subscriptions import Share

CLIENT_ID = "vigie-ingest"
BATCH_MESSAGES = 2000
MANY = 500
BATCH_BYTES = 8 * 1024 * 1024
RETRY_SECONDS = (0.1, 5.0)
LOOK_SECONDS = 0.5
STORING_SECONDS, NAP_SECONDS = 50e-6, 0.01  # what a reading takes at least; the longest nap
BEHIND_SECONDS = 30.0  # a full window for so long, and who weighs now is let past the queue

log = structlog.get_logger()


class Lane:
    """One session with the broker, over one connection after another; what it brings waits in `pending`."""

    def __init__(
        self,
        access: Access,
        session: Session,
        *,
        now: Callable[[], datetime],
        news: threading.Condition,
        awaited: Callable[[], bool] = lambda: True,
    ) -> None:
        self.detail = "connecting to the broker"
        self.pending: deque[Delivery] = deque()
        self.connection: Connection | None = None
        self._access, self._session, self._now, self._news = access, session, now, news
        self._awaited = awaited
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_connected, name=session.client_id, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def full(self) -> bool:
        """Whether the broker surely waits for us with more."""
        connection = self.connection
        return connection is not None and connection.is_full

    def take(self) -> list[Delivery]:
        """What is pending, in the order of delivery, but no more than a batch."""
        batch: list[Delivery] = []
        size = 0
        while self.pending and len(batch) < BATCH_MESSAGES and size < BATCH_BYTES:
            batch.append(self.pending.popleft())
            size += len(batch[-1].message.payload)
        return batch

    def _keep_connected(self) -> None:
        """Connect again and again: with MQTT 5, and with 3.1.1 where a broker hangs up on that (iotcore does)."""
        version, wait = V5, RETRY_SECONDS[0]
        while not self._stop.is_set():
            hung_up = False
            connection = Connection(self._access, self._session, version=version, deliver=self._deliver, now=self._now)
            try:
                self._serve(connection)
            except HungUpError:
                self._say("the broker closed the connection")
                hung_up = True
            except RefusedError as error:
                self._say(f"the broker refuses us: {error}")
            except OSError as error:
                self._say(f"the broker cannot be reached: {error.strerror or type(error).__name__}")
            if connection.served and not connection.taken_over:
                wait = RETRY_SECONDS[0]
            version = V311 if hung_up and version == V5 else V5
            self._stop.wait(wait if not (hung_up and version == V311) else 0)
            wait = min(RETRY_SECONDS[1], wait * 2)

    def _serve(self, connection: Connection) -> None:
        """Use a connection until it is lost."""
        try:
            self.connection = connection
            connection.open()
            while not (connection.closed.wait(0.1) or self._stop.is_set()):
                self._say(connection.detail)
        finally:
            self.connection = None
            connection.close()
            with self._news:
                self.pending.clear()  # it comes again; kept, every reconnection would add to it
        if connection.taken_over:
            self._say("another ingest with our name took our place: give each its own --worker number")
        elif not self._stop.is_set():
            self._say(connection.detail)

    def _deliver(self, deliveries: list[Delivery]) -> None:
        """Hand over; while nobody waits for it, let more come before it is read.

        Reading each message as it comes, while the database is busy with others, had cost more than all the rest.
        """
        with self._news:
            self.pending.extend(deliveries)
            if awaited := self._awaited():
                self._news.notify()
        if not awaited:
            time.sleep(min(NAP_SECONDS, len(self.pending) * STORING_SECONDS))

    def _say(self, detail: str) -> None:
        if detail != self.detail:
            log.info("broker", detail=detail, session=self._session.client_id)
        self.detail = detail


class Subscriber:
    """What scales publish, as long as the context lasts, whatever the broker does.

    A broker delivers in order, so who weighs now would wait behind days of backlog. When the window has been full for
    `BEHIND_SECONDS`, a second session without a past is opened: it brings only what is published from now on, and
    those messages again come in their turn, which is harmless. It closes when the backlog is gone, and begins anew
    when the database was away, for by then it has a past itself.
    """

    def __init__(
        self,
        access: Access,
        share: Share,
        *,
        now: Callable[[], datetime],
        stop: threading.Event,
        able: Callable[[], bool] = lambda: True,
    ) -> None:
        self._access, self._share, self._now, self._stop, self._able = access, share, now, stop, able
        self._news = threading.Condition()
        self._ready: Callable[[], bool] = lambda: True
        self._waiting = False
        self._name = CLIENT_ID if share.worker in (None, 1) else f"{CLIENT_ID}-{share.worker}"
        self._main = self._lane(self._name, kept=True)
        self._present: Lane | None = None
        self._behind = 0.0
        self._watching = threading.Thread(target=self._watch, name="lanes", daemon=True)

    @property
    def detail(self) -> str:
        return self._main.detail

    def __enter__(self) -> Self:
        self._main.start()
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watching.join()
        if (connection := self._main.connection) and self._share.is_one_of_several:
            connection.leave()
        self._main.stop()

    def batches(self, *, ready: Callable[[], bool] = lambda: True) -> Iterator[list[Delivery]]:
        """Whatever is pending, as soon as there is something and `ready`, the present first; ends when `stop` is set.

        Taken earlier, a batch would be smaller, and wait behind other small ones; many are worth decoding meanwhile.
        """
        self._ready = ready
        while not self._stop.is_set():
            with self._news:
                self._waiting = True
                self._news.wait_for(self._is_worth_it, timeout=0.2)
                self._waiting = False
            for lane in self._lanes():
                if batch := lane.take():
                    yield batch

    def look(self) -> None:
        """`ready` has changed."""
        with self._news:
            self._news.notify()

    def _is_worth_it(self) -> bool:
        """Whether what is pending is worth a batch now."""
        pending = sum(len(lane.pending) for lane in self._lanes())
        return pending > 0 and (pending >= MANY or self._ready())

    def _is_awaited(self) -> bool:
        return self._waiting and self._is_worth_it()

    @property
    def outstanding(self) -> int:
        """How many messages wait for their acknowledgement."""
        connections = [lane.connection for lane in self._lanes()]
        return sum(connection.held.messages for connection in connections if connection)

    @property
    def oldest_seconds(self) -> float:
        connections = [lane.connection for lane in self._lanes()]
        return max((connection.held.oldest_seconds for connection in connections if connection), default=0.0)

    def _lanes(self) -> list[Lane]:
        present = self._present
        return [present, self._main] if present else [self._main]

    def _lane(self, client_id: str, *, kept: bool) -> Lane:
        share = self._share if kept else self._share.of_the_present()
        session = Session(
            client_id=client_id,
            kept=kept,
            filters=lambda shared: subscriptions.filters(share, shared=shared),
            needed=subscriptions.NATIVE,
        )
        return Lane(self._access, session, now=self._now, news=self._news, awaited=self._is_awaited)

    def _watch(self) -> None:
        while not self._stop.wait(min(LOOK_SECONDS, BEHIND_SECONDS)):
            full = self._main.full and self._able()
            self._behind = self._behind + LOOK_SECONDS if full else max(0.0, self._behind - 4 * LOOK_SECONDS)
            if self._present and (self._behind == 0 or not self._able()):
                self._close_present()
            elif not self._present and self._behind >= BEHIND_SECONDS and self._able():
                log.info("behind", detail="who weighs now is let past the queue")
                self._behind = BEHIND_SECONDS
                self._present = self._lane(f"{self._name}-now", kept=False)
                self._present.start()
        self._close_present()

    def _close_present(self) -> None:
        if present := self._present:
            self._present = None
            self._behind = 0.0
            present.stop()
            log.info("behind", detail="no more")


def publish(messages: Iterable[tuple[str, bytes]], deliveries: Sequence[Delivery]) -> None:
    """Publish receipts with QoS 1 over the connection that brought the last of these; returns once the broker has all.

    Raises:
        NoBrokerError: the connection was lost before.
    """
    deliveries[-1].connection.publish(messages)


def acknowledge(deliveries: Sequence[Delivery]) -> None:
    """Let the broker forget these messages, in the order in which it delivered them (MQTT-4.6.0-2)."""
    for connection, some in groupby(deliveries, key=lambda delivery: delivery.connection):
        connection.acknowledge(list(some))
