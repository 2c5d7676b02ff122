"""What do all adapters have in common? Scales are named with care, and a fault becomes a refusal."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ingest.adapters.strict_json import FaultError
from ingest.claim import Refusal, Said
from ingest.message import Message, Scale

T = TypeVar("T")
Heard = tuple[Scale | None, Said]
Read = Callable[[Message], Iterator[Heard]]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)  # as in schemas.topics
MAC = re.compile(r"[0-9A-F]{12}", re.ASCII)


class _OfScaleError(Exception):
    """A fault in a message of which the scale is known."""

    def __init__(self, scale: Scale, fault: FaultError) -> None:
        super().__init__(str(fault))
        self.scale = scale
        self.fault = fault


def adapter(dialect: str) -> Callable[[Read], Read]:
    """Make a reader of messages one that refuses, with the reason, what it raises FaultError for."""

    def decorate(read: Read) -> Read:
        return lambda message: each([message], read, dialect=dialect, raw=lambda whole: whole.payload)

    return decorate


def each(
    items: Iterable[T], read: Callable[[T], Iterator[Heard]], *, dialect: str, raw: Callable[[T], bytes]
) -> Iterator[Heard]:
    """What each of these says; a fault costs no other. `raw` is an item as it is kept, so that it can be read again."""
    for item in items:
        try:
            yield from read(item)
        except _OfScaleError as of:
            yield of.scale, _refusal(of.fault, raw(item), dialect)
        except FaultError as fault:
            yield None, _refusal(fault, raw(item), dialect)


def _refusal(fault: FaultError, raw: bytes, dialect: str) -> Refusal:
    return Refusal(seq=None, reason=str(fault), raw=raw, source=dialect, kept=fault.kept)


@contextmanager
def of(scale: Scale) -> Iterator[None]:
    """Faults in here are this scale's."""
    try:
        yield
    except FaultError as fault:
        raise _OfScaleError(scale, fault) from None


def scale(site: str, *parts: str | None) -> Scale:
    """A scale by what its dialect calls it, e.g. a home and a user; empty parts are left out.

    Raises:
        FaultError: the name is too long or holds what a name may not.
    """
    device_id = ":".join(part for part in parts if part)
    if NAME.fullmatch(device_id) is None:
        raise FaultError("name: a scale's must be 1 to 64 letters, digits, or . _ : -")
    return Scale(site, device_id)


def bluetooth(address: object) -> Scale:
    """A scale by its Bluetooth address, the same whichever gateway hears it, as `ble/5C:CA:D3:4C:EE:74`.

    Raises:
        FaultError: this is no address.
    """
    digits = re.sub(r"[:-]", "", address).upper() if isinstance(address, str) else ""
    if MAC.fullmatch(digits) is None:
        raise FaultError("address: must be 12 hexadecimal digits")
    return Scale("ble", ":".join(digits[i : i + 2] for i in range(0, 12, 2)))


def text(message: Message) -> str:
    """The payload of a message that is known to be UTF-8, as it is kept."""
    return message.payload.decode()
