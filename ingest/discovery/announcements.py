"""Which announced weights do we follow, and who reads what comes on their topics? The registry, kept in the database.

It must be known before the broker repeats it: what waited there comes first, and could not be read.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple

from ingest.adapters import dialects, esphome, home_assistant
from ingest.adapters.arrival import NATIVE_TOPICS
from ingest.adapters.hearing import Read
from ingest.adapters.home_assistant import Announced
from ingest.claim import NATIVE
from schemas.database import Connection

MOST = 1000
PAYLOAD_BYTES = 65536

KNOWN: LiteralString = "SELECT topic, payload FROM announcement ORDER BY announced_at, topic"
KEEP: LiteralString = """
INSERT INTO announcement (topic, payload, announced_at) VALUES (%(topic)s, %(payload)s, %(now)s)
ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload
"""
FORGET: LiteralString = "DELETE FROM announcement WHERE topic = %(topic)s"


class Found(NamedTuple):
    """An announced topic, and by whose dialect it is read as which scale, or why not."""

    topic: str
    unit: str
    dialect: str | None
    device_id: str | None = None
    problem: str | None = None


class Registry:
    """What is announced now, from the payload of each discovery topic, the older first. For one thread."""

    def __init__(self, known: Iterable[tuple[str, bytes]] = ()) -> None:
        self._payloads = dict(known)
        self._whole: _Whole | None = None  # made when it is asked for: a thousand announcements may come at once

    @property
    def found(self) -> list[Found]:
        return self._made().found

    @property
    def topics(self) -> set[str]:
        """To be subscribed to."""
        return set(self._made().readers)

    def readers(self, topic: str) -> Sequence[Read]:
        return self._made().readers.get(topic, ())

    def learn(self, topic: str, payload: bytes) -> bool:
        """Whether this changes what is known; an announcement without a weight, as one taken back, is none."""
        wanted = len(payload) <= PAYLOAD_BYTES and bool(home_assistant.announced(payload))
        known = self._payloads.get(topic)
        if known == (payload if wanted else None) or (known is None and len(self._payloads) >= MOST):
            return False
        if wanted:
            self._payloads[topic] = payload
        else:
            del self._payloads[topic]
        self._whole = None
        return True

    def payload(self, topic: str) -> bytes | None:
        return self._payloads.get(topic)

    def _made(self) -> "_Whole":
        if self._whole is None:
            self._whole = _Whole()
            for payload in self._payloads.values():
                for one in home_assistant.announced(payload):
                    self._whole.add(one)
        return self._whole


class _Whole:
    """All announcements together: which are read, and by whom."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.readers: dict[str, list[Read]] = {}
        self._names: set[str] = set()

    def add(self, one: Announced) -> None:
        dialect = NATIVE if one.topic.startswith(NATIVE_TOPICS) else dialects.name_of(one.topic)
        problem = one.problem or ("another announces a scale of this name" if one.device_id in self._names else None)
        if dialect:
            is_kg = dialect != esphome.NAME or one.unit.strip().lower() == "kg"
            wrong = None if is_kg else "it is read as kg: set the sensor to kg, or give it a name without weight"
            self.found.append(Found(one.topic, one.unit, dialect, problem=wrong))
        elif problem:
            self.found.append(Found(one.topic, one.unit, None, problem=problem))
        else:
            self._names.add(one.device_id)
            self.readers.setdefault(one.topic, []).append(home_assistant.reader(one))
            self.found.append(Found(one.topic, one.unit, home_assistant.NAME, one.device_id))


def known(conn: Connection) -> Registry:
    """What was announced so far."""
    return Registry((str(topic), bytes(payload)) for topic, payload in conn.execute(KNOWN))  # type: ignore[call-overload] # bytea


def keep(conn: Connection, registry: Registry, topics: Iterable[str], *, now: datetime) -> None:
    """Write down what the registry says of these discovery topics; does not commit."""
    for topic in topics:
        payload = registry.payload(topic)
        if payload is None:
            conn.execute(FORGET, {"topic": topic})
        else:
            conn.execute(KEEP, {"topic": topic, "payload": payload, "now": now})
