"""How does a scale speak to the service? MQTT, and every reading kept until a receipt names it. The only paho here.

A fleet is many scales behind one connection, as behind a gateway. It sends what is new at once, and what has no receipt
again, at first after some seconds, then twice as long each time; after a reconnection, everything again.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import unquote

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import ValidationError

from schemas.patient import LentScale
from schemas.settings import Settings
from schemas.topics import Kind, Topic
from simulator import protocol
from simulator.protocol import Receipt, Word
from simulator.weighing import Weighing

BATCH = 100  # readings in one message
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 3.0, 60.0
log = structlog.get_logger()


class NoBrokerError(Exception):
    """There is no broker to speak to; the message says what to set."""


@dataclass(kw_only=True)
class _Kept:
    """A reading without a receipt, and when to send it again (monotonic seconds)."""

    weighing: Weighing
    due: float
    wait: float = FIRST_RETRY_SECONDS


@dataclass(kw_only=True)
class _Store:
    """What one scale keeps."""

    kept: dict[int, _Kept] = field(default_factory=dict)
    clock_ahead: timedelta = timedelta()


class Fleet:
    """Scales that share a connection; a context manager. `now` is the scales' clock, `client_id` names the session.

    `on_receipt` is called in the connection's thread for every reading that got its word. A scale that joined alone
    before the connection has its status as the last will.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        client_id: str,
        now: Callable[[], datetime],
        on_receipt: Callable[[LentScale, Word], None] = lambda _scale, _word: None,
    ) -> None:
        self._settings, self._now, self._on_receipt = settings, now, on_receipt
        self._stores: dict[LentScale, _Store] = defaultdict(_Store)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._client = self._make_client(client_id)
        self._resender = threading.Thread(target=self._resend, name="scale-resend", daemon=True)

    def __enter__(self) -> Self:
        url = self._settings.broker_url
        assert url is not None  # checked by _make_client
        if len(self._stores) == 1:  # MQTT has one last will a connection
            (scale,) = self._stores
            self._client.will_set(_topic(scale, "status"), protocol.status(state="offline"), qos=1, retain=True)
        self._client.connect_async(str(url.host), url.port or (8883 if url.scheme == "mqtts" else 1883), keepalive=30)
        self._client.loop_start()
        self._resender.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._resender.join()
        goodbyes = [
            self._publish(scale, "status", protocol.status(state="offline"), retain=True) for scale in self._stores
        ]
        if goodbyes and (last := goodbyes[-1]) and last.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            last.wait_for_publish(timeout=2)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._client.is_connected()

    @property
    def pending(self) -> int:
        """How many readings have no receipt yet."""
        with self._lock:
            return sum(len(store.kept) for store in self._stores.values())

    def join(self, scale: LentScale, *, clock_ahead: timedelta = timedelta()) -> None:
        """Make a scale part of the fleet; its clock may be ahead."""
        with self._lock:
            self._stores[scale].clock_ahead = clock_ahead
        self._greet([scale])

    def weigh(self, scale: LentScale, weighings: Iterable[Weighing]) -> None:
        """Keep these readings and send them, at most `BATCH` a message; they are forgotten once receipted."""
        fresh = [_Kept(weighing=weighing, due=time.monotonic() + FIRST_RETRY_SECONDS) for weighing in weighings]
        with self._lock:
            self._stores[scale].kept.update({kept.weighing.seq: kept for kept in fresh})
        self._send(scale, [kept.weighing for kept in fresh])

    def _send(self, scale: LentScale, weighings: list[Weighing]) -> None:
        clock_ahead = self._stores[scale].clock_ahead
        for start in range(0, len(weighings), BATCH):
            batch = weighings[start : start + BATCH]
            payload = protocol.readings(batch, sent_at=self._now(), clock_ahead=clock_ahead)
            self._publish(scale, "reading", payload)

    def _publish(self, scale: LentScale, kind: Kind, payload: str, *, retain: bool = False) -> MQTTMessageInfo | None:
        if not self._client.is_connected():  # it waits here, not in paho's queue: a reconnection sends all again
            return None
        return self._client.publish(_topic(scale, kind), payload, qos=1, retain=retain)

    def _greet(self, scales: list[LentScale]) -> None:
        """Listen for receipts, then say that we are there."""
        if not self._client.is_connected():
            return
        for start in range(0, len(scales), BATCH):
            self._client.subscribe([(_topic(scale, "receipt"), 1) for scale in scales[start : start + BATCH]])
        for scale in scales:
            self._publish(scale, "status", protocol.status(state="online"), retain=True)

    def _resend(self) -> None:
        while not self._stop.wait(0.5):
            for scale, weighings in self._due():
                self._send(scale, weighings)

    def _due(self) -> list[tuple[LentScale, list[Weighing]]]:
        """What should be sent again now, postponed to the next time."""
        now = time.monotonic()
        due: dict[LentScale, list[Weighing]] = defaultdict(list)
        with self._lock:
            for scale, store in self._stores.items():
                for kept in store.kept.values():
                    if kept.due <= now:
                        kept.wait = min(2 * kept.wait, LAST_RETRY_SECONDS)
                        kept.due = now + kept.wait
                        due[scale].append(kept.weighing)
        return list(due.items())

    def _make_client(self, client_id: str) -> Client:
        url = self._settings.broker_url
        if url is None:
            raise NoBrokerError("no broker: set VIGIE_BROKER_URL, or start `vigie up` in the same VIGIE_HOME")
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv311)
        if url.username:
            client.username_pw_set(unquote(url.username), unquote(url.password or ""))
        if url.scheme == "mqtts":
            tls = self._settings.broker
            ca, cert, key = (str(file) if file else None for file in (tls.ca_file, tls.cert_file, tls.key_file))
            client.tls_set(ca, cert, key)
        client.reconnect_delay_set(1, 10)
        client.max_inflight_messages_set(1000)
        client.on_connect = self._connected
        client.on_message = self._received
        client.on_disconnect = self._disconnected
        return client

    def _connected(
        self, _client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        if reason.is_failure:
            log.warning("broker_refuses", reason=str(reason))
            return
        with self._lock:
            scales = list(self._stores)
            for store in self._stores.values():
                for kept in store.kept.values():
                    kept.due = 0.0
        self._greet(scales)

    def _disconnected(
        self, _client: Client, _data: object, _flags: DisconnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        if not self._stop.is_set():
            log.warning("broker_lost", reason=str(reason))

    def _received(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        topic = Topic.parse(message.topic)
        try:
            receipt = Receipt.model_validate_json(message.payload)
        except ValidationError:
            log.warning("receipt_not_understood", topic=message.topic)
            return
        if topic and topic.kind == "receipt":
            scale = LentScale(site=topic.site, device_id=topic.device_id)
            for word in receipt.words():
                with self._lock:
                    store = self._stores.get(scale)
                    waited = store.kept.pop(word.seq, None) if store else None
                if waited:
                    self._on_receipt(scale, word)


def _topic(scale: LentScale, kind: Kind) -> str:
    return str(Topic(site=scale.site, device_id=scale.device_id, kind=kind))
