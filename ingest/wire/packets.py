"""Which MQTT packets are these bytes? As much as reading and writing QoS 0 and 1 in bulk needs, of 3.1.1 and of 5.

Sections cited are those of MQTT Version 5.0 (OASIS, 2019).
"""

from collections.abc import Iterable
from typing import NamedTuple

PUBLISH, PUBACK = 0x30, 0x40


class MalformedError(Exception):
    """These bytes are no MQTT: the connection is of no more use."""


class Published(NamedTuple):
    """A message as it came; `mid` is 0 with QoS 0."""

    topic: bytes
    payload: bytes
    mid: int
    qos: int
    retain: bool


class Packet(NamedTuple):
    """Any packet: its first byte, and what follows the remaining length."""

    head: int
    body: bytes


def split(data: bytes) -> tuple[list[Packet], int]:
    """The whole packets in `data`, and where the first incomplete one begins.

    Raises:
        MalformedError: a remaining length of more than four bytes (§1.5.5).
    """
    found, at, size = [], 0, len(data)
    while at + 2 <= size:
        body, length = at + 2, data[at + 1]
        if length & 0x80:
            length, body = _length(data, at + 1)
            if body == 0:
                break
        if body + length > size:
            break
        found.append(Packet(data[at], data[body : body + length]))
        at = body + length
    return found, at


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A variable length and where it ends; 0 as its end if not all of it is there."""
    number = 0
    for place in range(at, min(at + 4, len(data))):
        number |= (data[place] & 0x7F) << 7 * (place - at)
        if data[place] < 0x80:
            return number, place + 1
    if at + 4 <= len(data):
        raise MalformedError
    return 0, 0


def published(packet: Packet, *, properties: bool) -> Published:
    """A PUBLISH of QoS 0 or 1 (§3.3); `properties`: of version 5, and passed over.

    Raises:
        MalformedError: its parts do not fit into it.
    """
    head, body = packet
    topic_end = 2 + (body[0] << 8 | body[1]) if len(body) >= 2 else 2
    at, mid, qos = topic_end, 0, head >> 1 & 3
    if qos:
        mid, at = int.from_bytes(body[at : at + 2]), at + 2
    if properties:
        size, end = _length(body, at)
        at = end + size if end else len(body) + 1
    if at > len(body) or (qos and not mid):
        raise MalformedError
    return Published(body[2:topic_end], body[at:], mid, qos, bool(head & 1))


def publish(topic: str, payload: bytes, *, mid: int, properties: bool) -> bytes:
    """A PUBLISH of QoS 1; `properties`: of version 5, with none.

    Raises:
        ValueError: the topic has more than 65,535 bytes.
    """
    name = topic.encode()
    if len(name) > 0xFFFF:
        raise ValueError("a topic has at most 65,535 bytes")
    body = b"%b%b%b%b%b" % (len(name).to_bytes(2), name, mid.to_bytes(2), b"\0" if properties else b"", payload)
    return bytes([PUBLISH | 2]) + _digits(len(body)) + body


def _digits(length: int) -> bytes:
    digits = bytearray()
    while length >= 0x80:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*digits, length])


def acknowledgements(mids: Iterable[int]) -> bytes:
    """A PUBACK for each, with success (§3.4)."""
    return b"".join([b"\x40\x02" + mid.to_bytes(2) for mid in mids])
