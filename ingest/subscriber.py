"""How do messages come from the broker, and how do receipts go back? The only paho here; callbacks become iteration.

One paho client is one connection: it is made, dies, and is replaced, so that an acknowledgement can never reach a
connection other than the one that brought its message. The session (fixed client id, clean start off) is the broker's,
and what was not acknowledged comes again. The network thread never waits, so keep-alives and the answers to our
receipts go on through any outage of the database; memory is bounded by the window of unacknowledged messages (MQTT 5
receive maximum) and, for brokers that overstep it, by giving up the connection.
"""

import queue
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import ParamSpec, Self

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic.networks import AnyUrl

from ingest.arrival import Message
from schemas.settings import BrokerSettings
from schemas.topics import READINGS, STATUSES

CLIENT_ID = "vigie-ingest"
WINDOW = 1000
PENDING_MESSAGES = 100_000  # some 100 MB; mosquitto 2.0.11 sends far more than the window (performance.md §1c)
PENDING_BYTES = 64 * 1024 * 1024
SESSION_SECONDS = 14 * 86400
KEEPALIVE_SECONDS = 30
BATCH_MESSAGES = 2000
BATCH_BYTES = 8 * 1024 * 1024
SMALLEST_WINDOW = 20  # mosquitto's default: with as many unacknowledged, more may be waiting in the broker
QUIET_SECONDS = 1.0
PATIENCE_SECONDS = 20.0
RETRY_SECONDS = (0.1, 5.0)

Arguments = ParamSpec("Arguments")

log = structlog.get_logger()


class NoBrokerError(Exception):
    """The connection is gone; the messages it brought will come again, on another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A message with what is needed to acknowledge it."""

    message: Message
    connection: "Connection"
    mid: int
    qos: int


class Connection:
    """One connection to the broker, from CONNECT to its loss."""

    def __init__(
        self, deliver: Callable[[Delivery], None], *, protocol: MQTTProtocolVersion, now: Callable[[], datetime]
    ):
        self.closed = threading.Event()
        self.welcomed = False
        self.served = False
        self.detail = "connecting to the broker"
        self._deliver = deliver
        self._now = now
        self._window = WINDOW
        self._unconfirmed: deque[MQTTMessageInfo] = deque()
        self._outstanding = 0
        self._backlog = False
        self._last_message = time.monotonic()
        self._lock = threading.Lock()
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=CLIENT_ID,
            protocol=protocol,
            clean_session=None if protocol == MQTTProtocolVersion.MQTTv5 else False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self.client.on_connect = self._guarded(self._on_connect)
        self.client.on_subscribe = self._guarded(self._on_subscribe)
        self.client.on_message = self._guarded(self._on_message)
        self.client.on_disconnect = self._on_disconnect

    def open(self, url: AnyUrl, tls: BrokerSettings) -> None:
        """Connect and start the network thread.

        Raises:
            OSError: nobody answers there, or TLS fails.
        """
        secure = url.scheme == "mqtts"
        if secure:
            self.client.tls_set_context(_tls(tls))
        if url.username:
            self.client.username_pw_set(url.username, url.password)
        self.client.max_inflight_messages_set(0)  # `publish` keeps to the broker's window, paho does not know it
        host, port = (url.host or "").strip("[]"), url.port or (8883 if secure else 1883)
        if self.client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_SECONDS
            properties.ReceiveMaximum = WINDOW
            self.client.connect(host, port, KEEPALIVE_SECONDS, clean_start=False, properties=properties)
        else:
            self.client.connect(host, port, KEEPALIVE_SECONDS)
        self.client.loop_start()

    def give_up(self, detail: str) -> None:
        """Let this connection be replaced."""
        self.detail = detail
        self.closed.set()

    def close(self) -> None:
        """End the connection and its thread; the session stays with the broker."""
        self.closed.set()
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish with QoS 1, ahead of any later acknowledgement on this connection's one stream of bytes.

        It does not wait for the broker's answer: iotcore withholds it until we acknowledge what it sent.

        Raises:
            NoBrokerError: the connection is lost, or the broker has stopped taking what we publish.
        """
        for topic, payload in messages:
            self._wait_for_room()
            info = self.client.publish(topic, payload, qos=1)
            if self.closed.is_set() or info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise NoBrokerError
            self._unconfirmed.append(info)

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that this message is dealt with; nothing happens on a connection that is gone."""
        if delivery.qos > 0 and not self.closed.is_set():
            self.client.ack(delivery.mid, delivery.qos)
            with self._lock:
                self._outstanding -= 1
                self._last_message = time.monotonic()

    def _guarded(self, callback: Callable[Arguments, None]) -> Callable[Arguments, None]:
        """An exception ends paho's thread in silence; it must end the connection, so that another is made."""

        def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
            try:
                callback(*args, **kwargs)
            except BaseException:
                self.give_up("a fault of ours in the network thread: see the log")
                raise

        return guarded

    def _wait_for_room(self) -> None:
        """Keep to the broker's window (its receive maximum): paho does not know it."""
        unconfirmed, until = self._unconfirmed, time.monotonic() + PATIENCE_SECONDS
        while unconfirmed and unconfirmed[0].is_published():
            unconfirmed.popleft()
        while len(unconfirmed) >= self._window and not unconfirmed[0].is_published():
            if time.monotonic() > until:
                self.give_up("the broker does not take our receipts")
            if self.closed.is_set():
                raise NoBrokerError
            unconfirmed[0].wait_for_publish(0.5)

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self.give_up(f"the broker refuses us: {reason}")
            return
        self.welcomed = True
        self._backlog = bool(flags.session_present)
        self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        client.subscribe([(READINGS, 1), (STATUSES, 1)])

    def _on_subscribe(
        self, _client: Client, _: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self.give_up(f"the broker does not let us subscribe to {READINGS} and {STATUSES}: check its rules")
        else:
            self.served = True
            self.detail = "ok"

    def _on_message(self, _client: Client, _: object, received: MQTTMessage) -> None:
        message = Message(
            topic=_text(received),
            payload=bytes(received.payload),
            received_at=self._now(),
            may_have_waited=self._may_have_waited(received.qos),
            retained=received.retain,
        )
        self._deliver(Delivery(message=message, connection=self, mid=received.mid, qos=received.qos))

    def _may_have_waited(self, qos: int) -> bool:
        """Whether a backlog lies in the broker: after a reconnection or a full window, until all is quiet."""
        with self._lock:
            now = time.monotonic()
            if self._outstanding >= SMALLEST_WINDOW:
                self._backlog = True
            elif self._outstanding == 0 and now - self._last_message >= QUIET_SECONDS:
                self._backlog = False
            self._last_message = now
            self._outstanding += qos > 0
            return self._backlog

    def _on_disconnect(
        self, _client: Client, _: object, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if not self.closed.is_set() and (self.served or not self.welcomed):
            self.detail = f"the broker closed the connection: {reason}"
        self.closed.set()


class Subscriber:
    """The readings and states that scales publish, connected as long as the context lasts, whatever the broker does."""

    def __init__(self, url: AnyUrl, *, tls: BrokerSettings, now: Callable[[], datetime], stop: threading.Event) -> None:
        self._url = url
        self._tls = tls
        self._now = now
        self._stop = stop
        self._pending: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._pending_bytes = 0
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._keep_connected, name="subscriber", daemon=True)
        self.detail = "connecting to the broker"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def batches(self) -> Iterator[list[Delivery]]:
        """Whatever is pending, in the order of delivery, as soon as there is something; ends when `stop` is set."""
        while not self._stop.is_set():
            try:
                batch = [self._take(seconds=0.2)]
            except queue.Empty:
                continue
            size = len(batch[0].message.payload)
            while len(batch) < BATCH_MESSAGES and size < BATCH_BYTES:
                try:
                    batch.append(self._take(seconds=0))
                except queue.Empty:
                    break
                size += len(batch[-1].message.payload)
            yield batch

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish with QoS 1, before whatever is acknowledged afterwards.

        Raises:
            NoBrokerError: there is no connection, or it was lost meanwhile.
        """
        if self._connection is None:
            raise NoBrokerError
        self._connection.publish(messages)

    def _deliver(self, delivery: Delivery) -> None:
        """Take a message without ever waiting, for this thread also brings the broker's answers to our receipts.

        Without room for it the connection is given up: what is not acknowledged comes again when there is some.
        """
        if self._has_room():
            with self._lock:
                self._pending_bytes += len(delivery.message.payload)
            self._pending.put(delivery)
        elif delivery.qos > 0:
            delivery.connection.give_up("more messages are waiting than memory is meant for")

    def _has_room(self) -> bool:
        return self._pending.qsize() < PENDING_MESSAGES and self._pending_bytes < PENDING_BYTES

    def _take(self, *, seconds: float) -> Delivery:
        """The next message; raises `queue.Empty` if none comes in time."""
        delivery = self._pending.get(timeout=seconds) if seconds else self._pending.get_nowait()
        with self._lock:
            self._pending_bytes -= len(delivery.message.payload)
        return delivery

    def _keep_connected(self) -> None:
        """Connect again and again: with MQTT 5, and with 3.1.1 where a broker hangs up on that (iotcore does)."""
        protocol, wait = MQTTProtocolVersion.MQTTv5, RETRY_SECONDS[0]
        while not self._stop.is_set():
            connection = Connection(self._deliver, protocol=protocol, now=self._now)
            reached = self._serve(connection)
            if connection.served:
                wait = RETRY_SECONDS[0]
            self._stop.wait(wait)
            while not (self._has_room() or self._stop.is_set()):
                self._stop.wait(0.1)
            wait = min(RETRY_SECONDS[1], wait * 2)
            other = reached and not connection.welcomed and protocol == MQTTProtocolVersion.MQTTv5
            protocol = MQTTProtocolVersion.MQTTv311 if other else MQTTProtocolVersion.MQTTv5

    def _serve(self, connection: Connection) -> bool:
        """Use a connection until it is lost; whether anybody answered."""
        try:
            connection.open(self._url, self._tls)
        except OSError as error:
            self._say(f"the broker cannot be reached: {error.strerror or type(error).__name__}")
            return False
        self._connection = connection
        while not (connection.closed.wait(0.1) or self._stop.is_set()):
            self._say(connection.detail)
        self._connection = None
        connection.close()
        if not self._stop.is_set():
            self._say(connection.detail)
        return True

    def _say(self, detail: str) -> None:
        if detail != self.detail:
            log.info("broker", detail=detail)
        self.detail = detail


def _text(received: MQTTMessage) -> str:
    """The topic; a broker should not, but may, let through what is not UTF-8."""
    try:
        return received.topic.replace("\0", "\ufffd")
    except UnicodeDecodeError:
        return "not UTF-8"


def _tls(files: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca_file)
    if files.cert_file:
        context.load_cert_chain(files.cert_file, files.key_file)
    return context
