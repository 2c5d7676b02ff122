"""What does ble-scale-sync say? A weight in kg, of a user whom it guesses, at no time.

KristianP26/ble-scale-sync: src/exporters/mqtt.ts. Published with QoS 1 and, by default, retained; only final weights.
"""

from collections.abc import Iterator

from ingest.adapters import clocks, hearing, strict_json, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError, Json
from ingest.claim import Claim
from ingest.message import Message, Scale

NAME = "ble-scale-sync"
STATES = (b"online", b"offline")


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """`[home/]scale/body-composition[/user]`."""
    head, _, tail = message.topic.partition("scale/body-composition")
    if message.payload in STATES:
        return  # `…/status`: it connects, publishes and goes; offline is how it mostly is
    scale = hearing.scale(NAME, head.rstrip("/"), tail.lstrip("/") or "default")
    with hearing.of(scale):
        yield scale, _claim(strict_json.parse_object(message.payload), message)


@hearing.adapter(NAME)
def read_webhook(message: Message) -> Iterator[Heard]:
    """The same body by HTTP, with the user in it; what follows our path is the home."""
    body = strict_json.parse_object(message.payload)
    home = message.topic.split("/", 2)[2] if message.topic.count("/") > 1 else ""
    yield from _of_user(body, home, message)


def _of_user(body: Json, home: str, message: Message) -> Iterator[tuple[Scale, Claim]]:
    slug = body.get("user_slug", "default")
    if not isinstance(slug, str):
        raise FaultError("user_slug: must be a text")
    scale = hearing.scale(NAME, home, slug)
    with hearing.of(scale):
        yield scale, _claim(body, message)


def _claim(body: Json, message: Message) -> Claim:
    when = clocks.on_arrival(message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weights.kilograms(body.get("weight"), "kg"),
        raw=hearing.text(message),
        source=NAME,
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )
