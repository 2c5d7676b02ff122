"""A scale for tests: publishes through the real broker and keeps the words it is given."""

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

RECEIPTS = [("vigie/1/+/+/receipt", 1), ("vigie/1/+/+/+/+/#", 1)]


def wait_until(true: Callable[[], bool], *, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.02)
    return False


def answers(port: int) -> bool:
    """Whether a server listens there."""
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


class Scale:
    """One connection that speaks for many devices; `words` maps (device, seq) to every word given."""

    def __init__(self, port: int) -> None:
        self.words: dict[tuple[str, int], list[str]] = defaultdict(list)
        self.reasons: dict[tuple[str, int], str] = {}
        self._lock = threading.Lock()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="test-scales", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe(RECEIPTS)
        self._listens = threading.Event()
        self._client.on_subscribe = lambda *_: self._listens.set()
        self._client.on_message = self._on_receipt
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> Self:
        assert self._listens.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(
        self, device: str, payload: object, *, retain: bool = False, kind: str = "reading", site: str = "home"
    ) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._last = self._client.publish(f"vigie/1/{site}/{device}/{kind}", data, qos=1, retain=retain)

    def wait_until_taken(self) -> None:
        """Until the broker has what was published last: from then on what waits, waits there."""
        self._last.wait_for_publish(60)
        assert self._last.is_published()

    def word(self, device: str, seq: int, *, times: int = 1) -> str:
        """The word for a seq once it was given `times` times; the same each time."""
        assert wait_until(lambda: len(self.words[device, seq]) >= times), (device, seq, dict(self.words))
        [word] = set(self.words[device, seq])
        return word

    def receipted(self, device: str) -> int:
        """How many readings of a device have their word."""
        return sum(1 for (of, _), words in list(self.words.items()) if of == device and words)

    def _on_receipt(self, _client: Client, _: object, message: MQTTMessage) -> None:
        if not message.topic.endswith("receipt") or b'"stored"' not in message.payload:
            return
        device = message.topic.split("/")[3]
        receipt = json.loads(message.payload)
        with self._lock:
            for seq in receipt["stored"]:
                self.words[device, seq].append("stored")
            for word in ("quarantined", "rejected"):
                for named in receipt[word]:
                    self.words[device, named["seq"]].append(word)
                    self.reasons[device, named["seq"]] = named["reason"]
