"""What does the flood say on the wire? As much of MQTT 3.1.1 as a load generator needs: it must outrun any client.

A client library's cost for each message would be measured with what it is to load. The product itself speaks paho.
Sections cited are those of MQTT Version 3.1.1 (OASIS, 2014).
"""

from collections.abc import Iterator

PUBLISH, PUBACK = 0x30, 0x40
GOODBYE = b"\xe0\x00"


def connect(client_id: str) -> bytes:
    """A clean session, no keep-alive."""
    return _packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text(client_id))


def subscribe(topic_filter: str) -> bytes:
    """With QoS 1."""
    return _packet(0x82, b"\x00\x01" + _text(topic_filter) + b"\x01")


def publish(topic: str, payload: bytes, *, mid: int) -> bytes:
    """With QoS 1."""
    return _packet(PUBLISH | 0x02, _text(topic) + mid.to_bytes(2) + payload)


def acknowledgement(mid: int) -> bytes:
    return b"\x40\x02" + mid.to_bytes(2)


def published(body: bytes) -> tuple[int, bytes]:
    """The packet identifier and the payload of a PUBLISH of QoS 1."""
    at = 2 + int.from_bytes(body[:2])
    return int.from_bytes(body[at : at + 2]), body[at + 2 :]


class Splitter:
    """Bytes as they come, in packets (kind, body); an incomplete one waits for its rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        data, at = self._rest + data, 0
        while (found := _length(data, at + 1)) and found[1] + found[0] <= len(data):
            length, body = found
            yield data[at] & 0xF0, data[body : body + length]
            at = body + length
        self._rest = data[at:]


def _packet(head: int, body: bytes) -> bytes:
    digits, left = bytearray(), len(body)
    while left >= 0x80:
        digits.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([head, *digits, left]) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2) + data


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """A remaining length (§2.2.3) and where it ends, or None if not all of it is there."""
    number = 0
    for place in range(at, min(at + 4, len(data))):
        number |= (data[place] & 0x7F) << 7 * (place - at)
        if data[place] < 0x80:
            return number, place + 1
    return None
