"""How do messages come from the broker, and how do receipts go back? Iterate batches, publish, acknowledge.

A connection is made, dies, and is replaced, so that an acknowledgement can never reach a connection other than the one
that brought its message. The session (fixed client id, clean start off) is the broker's, and what was not acknowledged
comes again. Receipts go over a connection of their own, so that waiting for room never keeps us from hearing that they
arrived; with either of the two the other is given up.

Memory is bounded by what we hold unacknowledged: the receive maximum tells the broker, and where it does not listen
(3.1.1, or mosquitto 2.0.11's window bug) the reading thread waits for room. At a database outage of hours everything
is full, nothing is lost, and keep-alives go on.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from types import TracebackType
from typing import NamedTuple, Self

import structlog
from pydantic.networks import AnyUrl

from ingest import subscriptions, wire
from ingest.link import HungUpError, Link, RefusedError
from ingest.message import Message
from ingest.subscriptions import Share
from ingest.wire import V5, V311, Packet, Published, Version, Wish
from schemas.settings import BrokerSettings

CLIENT_ID = "vigie-ingest"
WINDOW = 4000
SENDING = 1000  # receipts on their way; brokers that speak 3.1.1 may cut off who sends more
HELD_MESSAGES, HELD_BYTES = 2 * WINDOW, 32 * 1024 * 1024
SESSION_SECONDS = 14 * 86400
BATCH_MESSAGES = 2000
BATCH_BYTES = 8 * 1024 * 1024
SMALLEST_WINDOW = 20  # mosquitto's default: with as many unacknowledged, more may be waiting in the broker
QUIET_SECONDS = 1.0
RETRY_SECONDS = (0.1, 5.0)
LOOK_SECONDS = 0.5
BEHIND_SECONDS = 30.0  # a full window for so long, and who weighs now is let past the queue

log = structlog.get_logger()


class NoBrokerError(Exception):
    """The connection is gone; the messages it brought will come again, on another."""


class Delivery(NamedTuple):
    """A message with what is needed to acknowledge it."""

    message: Message
    connection: "Connection"
    mid: int
    qos: int


@dataclass(frozen=True, kw_only=True)
class Access:
    """Where the broker is, and what lets us in."""

    url: AnyUrl
    tls: BrokerSettings


class Connection:
    """Two links to the broker: messages come over one, receipts go over the other; lost together."""

    def __init__(self, access: Access, *, client_id: str, kept: bool, version: Version) -> None:
        """Connect.

        Raises:
            OSError, HungUpError, RefusedError: see `Link`.
        """
        receiving = Wish(
            client_id=client_id, clean=not kept, receive_maximum=WINDOW, session_seconds=SESSION_SECONDS if kept else 0
        )
        self.link = Link(access.url, access.tls, receiving, version=version)
        try:
            sending = Wish(client_id=f"{client_id}-receipts", clean=True)
            self.sending = Link(access.url, access.tls, sending, version=version)
        except BaseException:
            self.link.close()
            raise
        self.closed = self.link.closed
        self.outstanding = 0
        self._held_bytes = 0
        self._since: deque[tuple[float, int]] = deque()  # when how many came that are not acknowledged
        self._room = threading.Condition()
        self._on_their_way: set[int] = set()
        self._arrived = threading.Condition()
        threading.Thread(target=self._hear, name="receipts", daemon=True).start()

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish with QoS 1 and wait until the broker has every one. By one thread at a time.

        Raises:
            NoBrokerError: the connection was lost before.
        """
        waiting = iter(messages)
        window = min(SENDING, self.sending.welcome.receive_maximum)
        while some := list(islice(waiting, window)):
            mids = range(1, len(some) + 1)
            with self._arrived:
                self._on_their_way = set(mids)
            version = self.sending.version
            self.sending.send(
                b"".join(
                    [
                        wire.publish(topic, payload, version=version, mid=mid)
                        for mid, (topic, payload) in zip(mids, some, strict=True)
                    ]
                )
            )
            with self._arrived:
                self._arrived.wait_for(lambda: not self._on_their_way or self.sending.closed.is_set())
                if self._on_their_way:
                    raise NoBrokerError

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker that these messages are dealt with; nothing happens on a connection that is gone."""
        mids = [delivery.mid for delivery in deliveries if delivery.qos]
        if mids and not self.closed.is_set():
            self.link.send(wire.acknowledgements(mids))
        with self._room:
            self.outstanding -= len(mids)
            self._forget(len(mids))
            self._held_bytes -= sum(len(delivery.message.payload) for delivery in deliveries if delivery.qos)
            self._room.notify_all()

    def hold(self, published: Iterable[Published]) -> None:
        """Count what must be acknowledged."""
        with self._room:
            held = [one for one in published if one.qos]
            self.outstanding += len(held)
            self._held_bytes += sum(len(one.payload) for one in held)
            if held:
                self._since.append((time.monotonic(), len(held)))

    @property
    def oldest_seconds(self) -> float:
        """How long ago the oldest message that is not acknowledged came."""
        with self._room:
            return time.monotonic() - self._since[0][0] if self._since else 0.0

    def _forget(self, count: int) -> None:
        while count and self._since:
            at, held = self._since.popleft()
            if held > count:
                self._since.appendleft((at, held - count))
            count -= min(count, held)

    @property
    def has_room(self) -> bool:
        return self.outstanding < HELD_MESSAGES and self._held_bytes < HELD_BYTES

    def wait_for_room(self) -> None:
        """Until enough of what we hold is acknowledged, or the connection is lost."""
        with self._room:
            self._room.wait_for(lambda: self.has_room or self.closed.is_set())

    def close(self) -> None:
        self.link.close()
        self.sending.close()
        for waiting in (self._arrived, self._room):
            with waiting:
                waiting.notify_all()

    def _hear(self) -> None:
        """Note which receipts the broker has."""
        for packets in self.sending.packets():
            with self._arrived:
                self._on_their_way.difference_update(
                    int.from_bytes(packet.body[:2]) for packet in packets if packet.kind == wire.PUBACK
                )
                if not self._on_their_way:
                    self._arrived.notify_all()
        self.close()


class Lane:
    """One session with the broker, over one connection after another; what it brings waits in `pending`."""

    def __init__(
        self,
        access: Access,
        share: Share,
        *,
        client_id: str,
        kept: bool,
        now: Callable[[], datetime],
        news: threading.Condition,
    ) -> None:
        self.detail = "connecting to the broker"
        self.pending: deque[Delivery] = deque()
        self.connection: Connection | None = None
        self._access, self._share, self._client_id, self._kept = access, share, client_id, kept
        self._now = now
        self._news = news
        self._stop = threading.Event()
        self._backlog = False
        self._last_message = 0.0
        self._thread = threading.Thread(target=self._keep_connected, name=client_id, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if connection := self.connection:
            connection.close()
        self._thread.join()

    @property
    def full(self) -> bool:
        """Whether the broker surely waits for us with more."""
        connection = self.connection
        if connection is None:
            return False
        full = WINDOW // 4 if connection.link.version == V5 else SMALLEST_WINDOW
        return connection.outstanding >= full

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
            try:
                self.connection = Connection(self._access, client_id=self._client_id, kept=self._kept, version=version)
                wait = RETRY_SECONDS[0]
                self._serve(self.connection)
            except HungUpError:
                self._say("the broker closed the connection")
                hung_up = True
            except RefusedError as error:
                self._say(f"the broker refuses us: {error}")
            except OSError as error:
                self._say(f"the broker cannot be reached: {error.strerror or type(error).__name__}")
            version = V311 if hung_up and version == V5 else V5
            self._stop.wait(wait if not (hung_up and version == V311) else 0)
            wait = min(RETRY_SECONDS[1], wait * 2)

    def _serve(self, connection: Connection) -> None:
        """Use a connection until it is lost."""
        try:
            if self._stop.is_set():
                return
            self._backlog = connection.link.welcome.session_present
            self._subscribe(connection)
            for packets in connection.link.packets():
                self._receive(packets, connection)
        finally:
            self.connection = None
            connection.close()
            with self._news:
                self.pending.clear()  # it comes again; kept, every reconnection would add to it
            if not self._stop.is_set() and self.detail in ("ok", "connecting to the broker"):
                self._say("the broker closed the connection")

    def _subscribe(self, connection: Connection) -> None:
        wanted, unwanted = subscriptions.filters(self._share, shared=connection.link.welcome.shared)
        version = connection.link.version
        if self._kept and unwanted:
            connection.link.send(wire.unsubscribe(unwanted, version=version, mid=2))
        connection.link.send(wire.subscribe(wanted, version=version, mid=1))

    def _receive(self, packets: Iterable[Packet], connection: Connection) -> None:
        published = []
        version = connection.link.version
        for packet in packets:
            kind = packet.kind
            if kind == wire.PUBLISH:
                published.append(wire.published(packet, version=version))
            elif kind == wire.SUBACK:
                self._subscribed(wire.granted(packet, version=version), connection)
            elif kind == wire.DISCONNECT and packet.body[:1] == b"\x8e":
                self._say("another ingest with our name took our place: give each its own --worker number")
        if published:
            self._deliver(published, connection)

    def _subscribed(self, codes: list[int], connection: Connection) -> None:
        """Without the native topics we are of no use; a broker may know nothing of the others."""
        if any(code >= 128 for code in codes[: subscriptions.NATIVE]):
            self._say("the broker does not let us subscribe to vigie/1/…: check its access rules")
            connection.close()
        else:
            self._say("ok")

    def _deliver(self, published: list[Published], connection: Connection) -> None:
        """Hand messages over; without room, wait for some (QoS 0 is let go: its sender will send it again)."""
        at = self._now()
        counted = sum(one.qos > 0 for one in published)
        waited = self._may_have_waited(connection, counted)
        deliveries = [
            Delivery(
                Message(
                    topic=one.topic.decode(errors="replace").replace("\0", "\ufffd"),
                    payload=one.payload,
                    received_at=at,
                    may_have_waited=waited,
                    retained=one.retained,
                ),
                connection,
                one.mid,
                one.qos,
            )
            for one in published
        ]
        if not connection.has_room:
            deliveries = [delivery for delivery in deliveries if delivery.qos]
        connection.hold(published)
        with self._news:
            self.pending.extend(deliveries)
            self._news.notify()
        connection.wait_for_room()

    def _may_have_waited(self, connection: Connection, more: int) -> bool:
        """Whether a backlog lies in the broker: after a reconnection or a full window, until all is quiet."""
        now = time.monotonic()
        if connection.outstanding + more >= SMALLEST_WINDOW:
            self._backlog = True
        elif connection.outstanding == 0 and now - self._last_message >= QUIET_SECONDS:
            self._backlog = False
        self._last_message = now
        return self._backlog

    def _say(self, detail: str) -> None:
        if detail != self.detail:
            log.info("broker", detail=detail, session=self._client_id)
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
        self._main.stop()

    def batches(self) -> Iterator[list[Delivery]]:
        """Whatever is pending, as soon as there is something, the present first; ends when `stop` is set."""
        while not self._stop.is_set():
            with self._news:
                self._news.wait_for(lambda: any(lane.pending for lane in self._lanes()), timeout=0.2)
            for lane in self._lanes():
                if batch := lane.take():
                    yield batch

    @property
    def outstanding(self) -> int:
        """How many messages wait for their acknowledgement."""
        connections = [lane.connection for lane in self._lanes()]
        return sum(connection.outstanding for connection in connections if connection)

    @property
    def oldest_seconds(self) -> float:
        connections = [lane.connection for lane in self._lanes()]
        return max((connection.oldest_seconds for connection in connections if connection), default=0.0)

    def _lanes(self) -> list[Lane]:
        present = self._present
        return [present, self._main] if present else [self._main]

    def _lane(self, client_id: str, *, kept: bool) -> Lane:
        share = self._share if kept else self._share.of_the_present()
        return Lane(self._access, share, client_id=client_id, kept=kept, now=self._now, news=self._news)

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
