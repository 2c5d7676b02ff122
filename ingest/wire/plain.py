"""How does a paho client read and write with nothing but its public names? What `ingest.wire.bulk` falls back to."""

from collections.abc import Iterable

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.wire.client import ByHand
from ingest.wire.packets import Published

BURST, LARGE = 500, 8192  # messages read at once; bytes


class PlainClient(ByHand):
    """As `ingest.wire.bulk.BulkClient`, for any paho 2.

    paho alone asks `select` before each message, which is half of its time, so `loop_read`, which is public and which
    paho's own thread calls, reads all that is there; should paho not call it, messages are handed over one by one.
    """

    def __init__(self, *, client_id: str, protocol: MQTTProtocolVersion, kept: bool) -> None:
        super().__init__(client_id=client_id, protocol=protocol, kept=kept)
        self.max_inflight_messages_set(0)  # the caller keeps to the broker's window, paho does not know it
        self.on_message = self._came
        self.on_publish = self._published
        self._burst: list[Published] = []
        self._bursting = False
        self._small = 0

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read until something other than a message comes, or nothing, or enough came to be handed over."""
        self._bursting = True
        try:
            for _ in range(BURST):
                before = self._small
                code = super().loop_read(max_packets)
                if code or self._small == before:
                    break
        finally:
            self._bursting = False
            self._hand_over()
        return code

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Acknowledge messages, in this order."""
        for mid in mids:
            self.ack(mid, 1)

    def send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish with QoS 1."""
        for topic, payload in messages:
            self.publish(topic, payload, qos=1)

    def _came(self, _client: Client, _: object, message: MQTTMessage) -> None:
        self._small += len(message.payload) < LARGE  # a large one ends the burst: memory is bounded
        topic = message._topic  # noqa: SLF001 as bytes; the public name raises where it is not UTF-8
        self._burst.append(Published(topic, bytes(message.payload), message.mid, message.qos, message.retain))
        if not self._bursting:
            self._hand_over()

    def _published(
        self, _client: Client, _: object, _mid: int, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.acknowledged(1)

    def _hand_over(self) -> None:
        if self._burst:
            some, self._burst = self._burst, []
            self.take(some)
