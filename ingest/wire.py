"""How do MQTT packets look on the wire? As much of 3.1.1 and 5 as a worker speaks: QoS 0 and 1, no topic aliases.

Paho takes nine system calls for a message and one `select` for a packet; a bulk of packets here is one read and, for
its acknowledgements, one write. Sections cited are those of MQTT Version 5.0 (OASIS, 2019).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Version = Literal[4, 5]
V311: Version = 4
V5: Version = 5

CONNACK, PUBLISH, PUBACK, SUBACK, DISCONNECT = 0x20, 0x30, 0x40, 0x90, 0xE0
PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"
KEPT_BYTES = 4 * 1024 * 1024  # of one packet; what is longer is cut, and then refused as too long (adapters)
SESSION_EXPIRY, RECEIVE_MAXIMUM, SHARED_AVAILABLE = 0x11, 0x21, 0x2A
SIZE_OF_PROPERTY = {  # §2.2.2.2; 0: two bytes of length before it, -1: two such, -2: a variable byte integer
    0x01: 1, 0x02: 4, 0x03: 0, 0x08: 0, 0x09: 0, 0x0B: -2, 0x11: 4, 0x12: 0, 0x13: 2, 0x15: 0, 0x16: 0, 0x17: 1,
    0x18: 4, 0x19: 1, 0x1A: 0, 0x1C: 0, 0x1F: 0, 0x21: 2, 0x22: 2, 0x23: 2, 0x24: 1, 0x25: 1, 0x26: -1, 0x27: 4,
    0x28: 1, 0x29: 1, 0x2A: 1,
}  # fmt: skip


class ProtocolError(Exception):
    """The other side does not speak MQTT as we know it; the connection is of no use."""


class Packet(NamedTuple):
    """A packet as it came: the upper half of `head` is its kind, the lower half its flags."""

    head: int
    body: bytes

    @property
    def kind(self) -> int:
        return self.head & 0xF0


class Published(NamedTuple):
    """What a PUBLISH brings; `mid` is 0 with QoS 0."""

    topic: bytes
    payload: bytes
    mid: int
    qos: int
    retained: bool


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Who connects, and which session it asks for; limits and its length are MQTT 5's."""

    client_id: str
    clean: bool
    receive_maximum: int = 65535
    session_seconds: int = 0
    username: str | None = None
    password: str | None = None


class Welcome(NamedTuple):
    """A CONNACK; `code` 0: we may come in. `numbers` are its properties that are numbers, MQTT 5's alone."""

    code: int
    session_present: bool
    receive_maximum: int
    shared: bool
    numbers: dict[int, int]


class Splitter:
    """Bytes as they come, in packets; an incomplete one waits for its rest, a giant is kept only in its beginning."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are complete now.

        Raises:
            ProtocolError: a length of more than four bytes.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            data, self._skip = data[skipped:], self._skip - skipped
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= 2:
            length, body = data[at + 1], at + 2
            if length >= 0x80:
                found = _variable(data, at + 1)
                if found is None:
                    break
                length, body = found
            if length > KEPT_BYTES and end - body >= KEPT_BYTES:
                yield Packet(data[at], data[body : body + KEPT_BYTES])
                self._skip = max(0, body + length - end)
                at = min(end, body + length)
                continue
            if body + length > end:
                break
            yield Packet(data[at], data[body : body + length])
            at = body + length
        self._rest = data[at:]


def connect(wish: Wish, *, version: Version, keepalive: int) -> bytes:
    name, word = wish.username, wish.password
    flags = (0x80 if name is not None else 0) | (0x40 if word is not None else 0) | (0x02 if wish.clean else 0)
    body = _text("MQTT") + bytes([version, flags]) + keepalive.to_bytes(2)
    if version == V5:
        limits = bytes([SESSION_EXPIRY]) + wish.session_seconds.to_bytes(4)
        limits += bytes([RECEIVE_MAXIMUM]) + wish.receive_maximum.to_bytes(2)
        body += _length(len(limits)) + limits
    body += b"".join(_text(part) for part in (wish.client_id, name, word) if part is not None)
    return _packet(0x10, body)


def subscribe(filters: Sequence[str], *, version: Version, mid: int) -> bytes:
    """QoS 1 for each."""
    wanted = b"".join(_text(name) + b"\x01" for name in filters)
    return _packet(0x82, mid.to_bytes(2) + (b"\0" if version == V5 else b"") + wanted)


def unsubscribe(filters: Sequence[str], *, version: Version, mid: int) -> bytes:
    return _packet(0xA2, mid.to_bytes(2) + (b"\0" if version == V5 else b"") + b"".join(map(_text, filters)))


def publish(topic: str, payload: bytes, *, version: Version, mid: int, retain: bool = False) -> bytes:
    """QoS 1, or QoS 0 if `mid` is 0."""
    head = PUBLISH | (0x02 if mid else 0) | retain
    name = topic.encode()
    return _packet(
        head,
        len(name).to_bytes(2) + name + (mid.to_bytes(2) if mid else b"") + (b"\0" if version == V5 else b"") + payload,
    )


def acknowledgements(mids: Iterable[int]) -> bytes:
    """A PUBACK for each, in one piece."""
    return b"".join([b"\x40\x02" + mid.to_bytes(2) for mid in mids])


def published(packet: Packet, *, version: Version) -> Published:
    """Take a PUBLISH apart.

    Raises:
        ProtocolError: it is shorter than it says.
    """
    head, body = packet
    qos = head >> 1 & 3
    at = 2 + (body[0] << 8 | body[1]) if len(body) >= 2 else 2
    topic, mid = body[2:at], 0
    if qos:
        mid = int.from_bytes(body[at : at + 2])
        at += 2
    if version == V5:
        if at < len(body) and body[at] == 0:
            at += 1
        else:
            size, at = _required_variable(body, at)
            at += size
    if at > len(body):
        raise ProtocolError("a PUBLISH that ends too early")
    return Published(topic, body[at:], mid, qos, bool(head & 1))


def welcome(packet: Packet, *, version: Version) -> Welcome:
    """Take a CONNACK apart.

    Raises:
        ProtocolError: it is none.
    """
    if packet.kind != CONNACK or len(packet.body) < 2:
        raise ProtocolError("no CONNACK")
    limits = dict(_numbers(packet.body, 2)) if version == V5 and len(packet.body) > 2 else {}
    return Welcome(
        code=packet.body[1],
        session_present=bool(packet.body[0] & 1),
        receive_maximum=limits.get(RECEIVE_MAXIMUM, 65535),
        shared=version == V5 and limits.get(SHARED_AVAILABLE, 1) == 1,
        numbers=limits,
    )


def granted(packet: Packet, *, version: Version) -> list[int]:
    """The codes of a SUBACK, one for each filter; 128 or more is a refusal.

    Raises:
        ProtocolError: it ends too early.
    """
    at = 2
    if version == V5:
        size, at = _required_variable(packet.body, at)
        at += size
    return list(packet.body[at:])


def _numbers(body: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The properties that are numbers; texts are passed over."""
    size, at = _required_variable(body, at)
    end = at + size
    while at < end:
        name, at = body[at], at + 1
        known = SIZE_OF_PROPERTY.get(name)
        if known is None:
            raise ProtocolError(f"property {name}")
        if known == -2:
            number, at = _required_variable(body, at)
            yield name, number
        elif known > 0:
            yield name, int.from_bytes(body[at : at + known])
            at += known
        else:
            for _ in range(1 - known):
                at += 2 + int.from_bytes(body[at : at + 2])


def _packet(head: int, body: bytes) -> bytes:
    return bytes([head]) + _length(len(body)) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2) + data


def _length(number: int) -> bytes:
    """A variable byte integer, §1.5.5."""
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _variable(data: bytes, at: int) -> tuple[int, int] | None:
    """A variable byte integer and where it ends, or None if not all of it is there."""
    number = shift = 0
    for place in range(at, min(at + 4, len(data))):
        number |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return number, place + 1
        shift += 7
    if len(data) >= at + 4:
        raise ProtocolError("a length of more than four bytes")
    return None


def _required_variable(data: bytes, at: int) -> tuple[int, int]:
    found = _variable(data, at)
    if found is None:
        raise ProtocolError("a packet that ends too early")
    return found
