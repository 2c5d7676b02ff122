"""Is this payload JSON, strictly? Its grey zones are refused, for each hides a wrong weight.

A key given twice, NaN, Infinity, `true` for a number: Python reads them all (JSONTestSuite, `n_…` and `i_…`).
"""

import json
import math

Json = dict[str, object]

MAX_DIGITS = 300  # so that every integer is also a float
MESSAGE_BYTES = 2 * 1024 * 1024  # the broker's own limit (deploy/embedded_broker.py)


class FaultError(Exception):
    """Why this is no reading, as it is told to the scale or counted; without `kept`, only counted."""

    def __init__(self, reason: str, *, kept: bool = True) -> None:
        super().__init__(reason)
        self.kept = kept


class GivenTwice(dict[str, object]):
    """An object in which a key stands more than once; `seq` is left out if it is that key."""


class NotJson(float):
    """NaN or Infinity: Python reads it, JSON has no such thing."""


def parse(payload: bytes) -> object:
    """What the payload holds; what `check` refuses is marked, so that a `seq` beside it can still be read.

    Raises:
        FaultError: e.g. "is not JSON".
    """
    try:
        return (_DECODER if len(payload) > MAX_DIGITS else _DECODER_OF_SHORT).decode(payload.decode("utf-8"))
    except UnicodeDecodeError:
        raise FaultError("is not UTF-8") from None
    except RecursionError:
        raise FaultError("is nested too deeply") from None
    except ValueError:
        raise FaultError("is not JSON") from None


def parse_object(payload: bytes) -> Json:
    """A strict JSON object.

    Raises:
        FaultError: e.g. "payload: must be an object".
    """
    found = parse_any(payload)
    if not isinstance(found, dict):
        raise FaultError("payload: must be an object")
    return found


def parse_any(payload: bytes) -> object:
    """Strict JSON of any kind.

    Raises:
        FaultError: e.g. "payload: is not JSON".
    """
    if len(payload) > MESSAGE_BYTES:
        raise FaultError("payload: must be at most 2 MiB")
    try:
        found = parse(payload)
    except FaultError as fault:
        raise FaultError(f"payload: {fault}") from None
    check(found)
    return found


def check(value: object) -> None:
    """Refuse what Python's reader lets through; without recursion, for how deep it lies is the sender's choice.

    Raises:
        FaultError: a key is given twice, or a number is none.
    """
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, GivenTwice):
            raise FaultError("payload: a key is given twice")
        if isinstance(value, NotJson):
            raise FaultError("payload: NaN and Infinity are not JSON")
        if isinstance(value, dict):
            waiting += [inner for inner in value.values() if type(inner) not in _SIMPLE]
        elif isinstance(value, list):
            waiting += [inner for inner in value if type(inner) not in _SIMPLE]


def text(value: object) -> str:
    """JSON again, as it is kept; `ensure_ascii` keeps lone surrogates and NUL out of the database."""
    try:
        return json.dumps(value)
    except RecursionError:
        return '"nested too deeply"'


def kept(value: object) -> bytes:
    """An item of a message as a message of its own, to be kept."""
    return text(value).encode()


def _object(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    spoiled = GivenTwice(found)
    if sum(key == "seq" for key, _ in pairs) > 1:
        del spoiled["seq"]
    return spoiled


def _integer(text: str) -> int | float:
    """Python refuses to read integers of thousands of digits; as numbers they are merely out of bounds."""
    return (
        int(text) if len(text.lstrip("-")) <= MAX_DIGITS else math.copysign(math.inf, -1 if text.startswith("-") else 1)
    )


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=NotJson, parse_int=_integer)
"""Made once: `json.loads` would make one for each message."""
_DECODER_OF_SHORT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=NotJson)
"""What is shorter than `MAX_DIGITS` holds no integer of more digits, and need not ask us about each."""
_SIMPLE = frozenset({str, int, float, bool, type(None)})
