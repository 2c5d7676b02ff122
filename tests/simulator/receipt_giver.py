"""A real receipt-giver on a real broker: says `stored` to every reading, as ingest would, or keeps quiet."""

import json
import threading
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


class ReceiptGiver:
    """`heard` are the messages, by topic; while `deaf` it answers none of them."""

    def __init__(self, port: int, *, deaf: bool = False, quarantine: frozenset[int] = frozenset()) -> None:
        self.port, self.deaf, self.quarantine = port, deaf, quarantine
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="receipts")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self.ready.set()
        self._client.on_message = self._answer

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def seqs(self) -> list[int]:
        """Every seq heard, as often as it was heard."""
        bodies = [body for topic, body in self.heard if topic.endswith("/reading")]
        return [reading["seq"] for body in bodies for reading in body.get("readings", [body])]

    def _connected(self, client: Client, *_: object) -> None:
        client.subscribe([("vigie/1/+/+/reading", 1), ("vigie/1/+/+/status", 1)])

    def _answer(self, client: Client, _data: object, message: MQTTMessage) -> None:
        body = json.loads(message.payload)
        self.heard.append((message.topic, body))
        if self.deaf or not message.topic.endswith("/reading"):
            return
        seqs = {reading["seq"] for reading in body.get("readings", [body])}
        doubted = [{"seq": seq, "reason": "implausible_jump"} for seq in sorted(seqs & self.quarantine)]
        receipt = {"stored": sorted(seqs - self.quarantine), "quarantined": doubted, "rejected": [], "at": "now"}
        client.publish(message.topic.removesuffix("reading") + "receipt", json.dumps(receipt), qos=1)
