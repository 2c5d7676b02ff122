"""How does a paho client read and write many messages at once? By some of its private names, if they are what we know.

paho asks `select`, takes a lock and makes four system calls for each message: two thirds of ingest's time. This reads
what is there at once, hands packets other than messages to paho, and writes a batch as one packet of its queue. It
needs what `_NAMES` lists, of paho 2.2 (pinned by requirements.lock); `works()` tries it out, and without it
`ingest.wire.plain` is used.
"""

import socket
import time
from collections.abc import Iterable
from functools import cache

from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from ingest.wire import packets
from ingest.wire.client import ByHand
from ingest.wire.packets import MalformedError, Packet, Published

READ_BYTES = 256 * 1024
ANSWERING_SECONDS, NAP_SECONDS = 20e-6, 0.001  # what a broker takes for a publish; the longest nap
_NAMES = (
    "_sock", "_sock_recv", "_in_packet", "_packet_handle", "_packet_queue", "_loop_rc_handle", "_last_bytes_received",
    "_protocol", "_ping_t",
)  # fmt: skip
_IN_PACKET = {
    "command", "have_remaining", "remaining_count", "remaining_mult", "remaining_length", "packet", "to_process", "pos",
}  # fmt: skip


class BulkClient(ByHand):
    """A client that reads and writes in bulk."""

    def __init__(self, *, client_id: str, protocol: MQTTProtocolVersion, kept: bool) -> None:
        super().__init__(client_id=client_id, protocol=protocol, kept=kept)
        self._rest = b""
        self._unanswered = 0

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 paho's signature
        """Read once, as much as is there. paho's own thread calls it when the socket has something."""
        try:
            data = self._sock_recv(READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            data = b""
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self._last_bytes_received = time.monotonic()
        try:
            code = self._read(self._rest + data if self._rest else data)
        except MalformedError:
            code = MQTTErrorCode.MQTT_ERR_PROTOCOL
        return self._loop_rc_handle(code) if code else code

    def _read(self, data: bytes) -> MQTTErrorCode:
        """Messages and acknowledgements are ours, everything else is paho's; all in their order."""
        found, end = packets.split(data)
        self._rest = data[end:]
        came: list[Published] = []
        taken = 0
        properties = self._protocol == MQTTProtocolVersion.MQTTv5
        for packet in found:
            kind = packet.head & 0xF6
            if kind in {packets.PUBLISH, packets.PUBLISH | 2}:
                came.append(packets.published(packet, properties=properties))
            elif packet.head == packets.PUBACK:
                taken += 1
            elif code := self._leave_to_paho(packet):
                return code
        if taken:
            self.acknowledged(taken)
            self._unanswered -= taken
            if self._unanswered > 0:  # woken for each answer, we cost more than all the rest
                time.sleep(min(NAP_SECONDS, self._unanswered * ANSWERING_SECONDS))
        if came:
            self.take(came)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _leave_to_paho(self, packet: Packet) -> MQTTErrorCode:
        size = len(packet.body)
        self._in_packet |= {
            "command": packet.head,
            "packet": bytearray(packet.body),
            "remaining_length": size,
            "pos": 0,
        }
        code = self._packet_handle()
        self._in_packet |= {"command": 0, "packet": bytearray(), "remaining_length": 0, "pos": 0}
        return code

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Acknowledge messages, in this order, as one packet of paho's queue."""
        if answer := packets.acknowledgements(mids):
            self._packet_queue(PacketTypes.PUBACK << 4, answer, 0, 1)

    def send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish with QoS 1, as one packet of paho's queue; by a client that publishes nothing else.

        The next may follow when `acknowledged` has counted all of these, since each batch begins with 1 again.
        """
        properties = self._protocol == MQTTProtocolVersion.MQTTv5
        written = [
            packets.publish(topic, payload, mid=mid, properties=properties)
            for mid, (topic, payload) in enumerate(messages, start=1)
        ]
        if written:
            self._unanswered = len(written)
            self._packet_queue(PacketTypes.PUBLISH << 4, b"".join(written), 0, 1)


@cache
def works() -> bool:
    """Whether this paho is inside what we know: a message in pieces, an acknowledgement and a publish go through it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)  # a paho that sends nothing is not waited for
        try:
            return _goes_through(ours, theirs)
        except Exception:  # noqa: BLE001 whatever a changed paho raises, the plain way is there
            return False


def _goes_through(ours: socket.socket, theirs: socket.socket) -> bool:
    client = BulkClient(client_id="trial", protocol=MQTTProtocolVersion.MQTTv5, kept=False)
    if not all(hasattr(client, name) for name in _NAMES) or set(client._in_packet) != _IN_PACKET:  # noqa: SLF001 see above
        return False
    came: list[Published] = []
    counted: list[int] = []
    client.take, client.acknowledged = came.extend, counted.append
    client._sock, client._ping_t = ours, 1.0  # noqa: SLF001 see above
    wire = packets.publish("a/b", b"payload", mid=7, properties=True) + b"\x40\x02\x00\x01" + b"\xd0\x00"
    for piece in (wire[:5], wire[5:]):
        theirs.sendall(piece)
        client.loop_read()
    client.acknowledge([7])
    client.send([("c", b"d")])
    client.loop_write()
    client._sock = None  # noqa: SLF001 see above
    sent = theirs.recv(100)
    expected = b"\x40\x02\x00\x07" + packets.publish("c", b"d", mid=1, properties=True)
    is_heard = client._ping_t == 0 and counted == [1]  # noqa: SLF001 the answer to a ping went to paho
    return is_heard and sent == expected and came == [Published(b"a/b", b"payload", 7, 1, retain=False)]
