"""Is there a connection to the broker? Messages come over it, receipts go back, until it is lost.

Never used again after its loss, so an acknowledgement can never reach a connection other than the one that brought its
message. Receipts go over a paho client of their own, since iotcore withholds its answers to them until we acknowledge,
and so that waiting for room never keeps us from hearing those answers; with either of the two the other is given up.

Memory is bounded by what we hold unacknowledged: the receive maximum tells the broker, and where it does not listen
(3.1.1, or mosquitto 2.0.11's window bug) paho's thread waits for room. A broker that oversteps may miss our
keep-alives meanwhile and hang up; after that it sends a window and no more, since nothing was acknowledged.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple, ParamSpec
from urllib.parse import unquote

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic.networks import AnyUrl

from ingest.message import Message
from ingest.wire import bulk
from ingest.wire.bulk import BulkClient
from ingest.wire.held import Held
from ingest.wire.packets import Published
from ingest.wire.plain import PlainClient
from schemas.settings import BrokerSettings

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
UNSUPPORTED_VERSION, TAKEN_OVER = 132, 142
WINDOW = 4000
SENDING = 1000  # receipts on their way; brokers that speak 3.1.1 may cut off who sends more
SESSION_SECONDS = 14 * 86400
KEEPALIVE_SECONDS = 30
CONNECT_SECONDS = 10
SMALLEST_WINDOW = 20  # mosquitto's default: with as many unacknowledged, more may be waiting in the broker
QUIET_SECONDS = 1.0

Arguments = ParamSpec("Arguments")


class NoBrokerError(Exception):
    """The connection is gone; the messages it brought will come again, on another."""


class RefusedError(Exception):
    """The broker answered, and does not want us; the message is its reason."""


class HungUpError(Exception):
    """The broker closed the connection before it said a word, as 3.1.1 brokers do on a client that speaks 5."""


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


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a lane asks of the broker: a session by this name, kept or not, and its part of the messages.

    `filters` says what to subscribe to and what to give up, told whether the broker knows shared subscriptions; without
    the first `needed` of them the connection is of no use.
    """

    client_id: str
    kept: bool
    filters: Callable[[bool], tuple[list[str], list[str]]]
    needed: int = 0


class Link:
    """One paho client, from CONNECT to its loss; `closed` is set when it is lost."""

    def __init__(self, access: Access, *, client_id: str, kept: bool, version: MQTTProtocolVersion) -> None:
        self.version = version
        self.closed = threading.Event()
        self.lost: Callable[[], None] = self.closed.set
        self.session_present = False
        self.welcomed_at = 0.0
        self.window = SENDING
        self.shared = False
        self.kept_seconds = SESSION_SECONDS
        self.taken_over = False
        self._kept = kept
        self._answered = threading.Event()
        self._refusal: ReasonCode | None = None
        self._access = access
        kind = BulkClient if bulk.works() else PlainClient
        self.client: BulkClient | PlainClient = kind(client_id=client_id, protocol=version, kept=kept)
        self.client.on_connect = self.guarded(self._on_connect)
        self.client.on_disconnect = self._on_disconnect

    def open(self) -> None:
        """Connect and be welcomed.

        Raises:
            OSError: nobody answers there, or TLS fails.
            HungUpError: somebody answers, but not to this version of MQTT.
            RefusedError: we are not allowed in.
        """
        url, client = self._access.url, self.client
        secure = url.scheme == "mqtts"
        if secure:
            client.tls_set_context(_tls(self._access.tls))
        if url.username:
            client.username_pw_set(unquote(url.username), unquote(url.password) if url.password else None)
        client.connect_timeout = CONNECT_SECONDS
        host, port = (url.host or "").strip("[]"), url.port or (8883 if secure else 1883)
        if self.version == V5:
            client.connect(host, port, KEEPALIVE_SECONDS, clean_start=not self._kept, properties=self._limits())
        else:
            client.connect(host, port, KEEPALIVE_SECONDS)
        client.loop_start()
        try:
            self._await_welcome()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection and its thread; the session stays with the broker."""
        self.lost()
        self.client.disconnect()
        self.client.loop_stop()

    def guarded(self, callback: Callable[Arguments, None]) -> Callable[Arguments, None]:
        """An exception ends paho's thread in silence; it must end the connection, so that another is made."""

        def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
            try:
                callback(*args, **kwargs)
            except BaseException:
                self.lost()
                raise

        return guarded

    def _limits(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_SECONDS if self._kept else 0
        properties.ReceiveMaximum = WINDOW
        return properties

    def _await_welcome(self) -> None:
        if not self._answered.wait(CONNECT_SECONDS):
            raise TimeoutError("the broker does not answer")
        if self._refusal and self._refusal.value != UNSUPPORTED_VERSION:
            raise RefusedError(str(self._refusal))
        if self._refusal or self.closed.is_set():
            raise HungUpError

    def _on_connect(
        self, _client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusal = reason
        self.session_present = bool(flags.session_present)
        self.welcomed_at = time.monotonic()
        self.window = min(SENDING, getattr(properties, "ReceiveMaximum", SENDING))
        self.shared = self.version == V5 and getattr(properties, "SharedSubscriptionAvailable", 1) == 1
        self.kept_seconds = getattr(properties, "SessionExpiryInterval", SESSION_SECONDS)
        self._answered.set()

    def _on_disconnect(
        self, _client: Client, _: object, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.taken_over = self.taken_over or reason.value == TAKEN_OVER
        self.lost()
        self._answered.set()


class Connection:
    """Two links to the broker: messages come over one, receipts go over the other; lost together."""

    def __init__(
        self,
        access: Access,
        session: Session,
        *,
        version: MQTTProtocolVersion,
        deliver: Callable[[list[Delivery]], None],
        now: Callable[[], datetime],
    ) -> None:
        self.detail = "connecting to the broker"
        self.served = False
        self.version = version
        self._session, self._deliver, self._now = session, deliver, now
        self._backlog: bool | None = None
        self._last_message = 0.0
        self._on_their_way = 0
        self._arrived = threading.Condition()
        self.link = Link(access, client_id=session.client_id, kept=session.kept, version=version)
        self.sending = Link(access, client_id=f"{session.client_id}-receipts", kept=False, version=version)
        self.link.lost = self.sending.lost = self._lose
        self.closed = self.link.closed
        self.held = Held(self.closed.is_set)
        self.link.client.take = self.link.guarded(self._take)
        self.link.client.on_subscribe = self.link.guarded(self._on_subscribe)
        self.sending.client.acknowledged = self.sending.guarded(self._on_acknowledged)

    def open(self) -> None:
        """Connect and subscribe; messages may come before this returns.

        Raises:
            OSError, HungUpError, RefusedError: see `Link`.
        """
        self.sending.open()
        self.link.open()
        wanted, unwanted = self._session.filters(self.link.shared)
        self.follow(wanted, given_up=unwanted if self._session.kept else [])

    def follow(self, wanted: Sequence[str], *, given_up: Sequence[str]) -> None:
        """Subscribe to some topics, and no longer to others."""
        if given_up:
            self.link.client.unsubscribe(list(given_up))
        if wanted:
            self.link.client.subscribe([(name, 1) for name in wanted])

    def leave(self) -> None:
        """Take no more from a shared subscription; what is unacknowledged stays ours."""
        if self.link.shared:
            self.follow([], given_up=self._session.filters(True)[0])

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish with QoS 1 and wait until the broker has every one. By one thread at a time.

        Raises:
            NoBrokerError: the connection was lost before.
        """
        waiting = iter(messages)
        while some := list(islice(waiting, self.sending.window)):
            with self._arrived:
                self._on_their_way = len(some)
            self.sending.client.send(some)
            with self._arrived:
                self._arrived.wait_for(lambda: self._on_their_way <= 0 or self.closed.is_set())
                if self._on_their_way > 0:
                    raise NoBrokerError

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker that these messages are dealt with; nothing happens on a connection that is gone."""
        some = [delivery for delivery in deliveries if delivery.qos]
        if not self.closed.is_set():
            self.link.client.acknowledge([delivery.mid for delivery in some])
        self.held.remove([len(delivery.message.payload) for delivery in some])

    @property
    def taken_over(self) -> bool:
        """Whether another client came with our name."""
        return self.link.taken_over or self.sending.taken_over

    @property
    def is_full(self) -> bool:
        """Whether the broker surely waits for us with more."""
        return self.held.messages >= (WINDOW // 4 if self.version == V5 else SMALLEST_WINDOW)

    def close(self) -> None:
        """End both links and their threads."""
        self._lose()
        self.link.close()
        self.sending.close()

    def _lose(self) -> None:
        """From any thread: let everybody who waits for this connection know."""
        if not self.closed.is_set() and self.detail == "ok":
            self.detail = "the broker closed the connection"
        self.closed.set()
        self.sending.closed.set()
        self.held.wake()
        with self._arrived:
            self._arrived.notify_all()

    def _on_acknowledged(self, count: int) -> None:
        with self._arrived:
            self._on_their_way -= count
            if self._on_their_way <= 0:
                self._arrived.notify_all()

    def _on_subscribe(
        self, _client: Client, _: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        """Without the native topics we are of no use; a broker may know nothing of the others."""
        if any(reason.is_failure for reason in reasons[: self._session.needed]):
            self.detail = "the broker does not let us subscribe to vigie/1/…: check its access rules"
            self._lose()
        else:
            self.served = True
            self.detail = "ok"

    def _take(self, came: list[Published]) -> None:
        """Hand over what came, then wait for room; without room QoS 0 is let go, its sender will send it again."""
        if self.closed.is_set():
            return
        now = self._now()
        some: list[Delivery] = []
        for published in came:
            if published.qos or self.held.has_room:
                message = Message(
                    topic=_topic(published.topic),
                    payload=published.payload,
                    received_at=now,
                    may_have_waited=self._may_have_waited(len(some) + published.qos),
                    retained=published.retain,
                )
                some.append(Delivery(message, self, published.mid, published.qos))
        self.held.add([len(delivery.message.payload) for delivery in some if delivery.qos])
        self._deliver(some)
        self.held.wait_for_room()

    def _may_have_waited(self, more: int) -> bool:
        """Whether a backlog lies in the broker: after a reconnection or a full window, until all is quiet."""
        now = time.monotonic()
        if self._backlog is None:
            self._backlog, self._last_message = self.link.session_present, self.link.welcomed_at
        if self.held.messages + more >= SMALLEST_WINDOW:
            self._backlog = True
        elif self.held.messages == 0 and now - self._last_message >= QUIET_SECONDS:
            self._backlog = False
        self._last_message = now
        return self._backlog


def _topic(topic: bytes) -> str:
    """The topic; a broker should not, but may, let through what is not UTF-8."""
    try:
        return topic.decode().replace("\0", "\ufffd")
    except UnicodeDecodeError:
        return "not UTF-8"


def _tls(files: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca_file)
    if files.cert_file:
        context.load_cert_chain(files.cert_file, files.key_file)
    return context
