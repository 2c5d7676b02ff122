"""Which topics carry a weight, and how is it read? What devices announce to Home Assistant's discovery, in two shapes.

home-assistant.io/integrations/mqtt: `homeassistant/device/ID/config` with components, and one message for each entity.
Keys may be abbreviated. Masses of bone and muscle are announced as weights too. Of the templates, which are programs,
only those are read that name a place in a JSON object, or the whole payload.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.adapters import clocks, esphome, hearing, strict_json, weights
from ingest.adapters.hearing import Heard, Read
from ingest.adapters.strict_json import FaultError, Json
from ingest.adapters.weights import KG_IN
from ingest.claim import Claim
from ingest.message import Message, Scale

NAME = "home-assistant"
FILTERS = ("homeassistant/+/+/config", "homeassistant/+/+/+/config")
LONG = {
    "stat_t": "state_topic",
    "dev": "device",
    "dev_cla": "device_class",
    "ids": "identifiers",
    "unit_of_meas": "unit_of_measurement",
    "cmps": "components",
    "uniq_id": "unique_id",
    "val_tpl": "value_template",
}
# Two filters that leave a number as it is; Theengs Gateway writes the first, many hands the second.
SAME = r"\s*(?:\|\s*(?:is_defined|float)\s*)*"
STEP = re.compile(r"""\.([A-Za-z_]\w*)|\[(?:'([^'\\]*)'|"([^"\\]*)")\]""", re.ASCII)
PLACE = re.compile(rf"\{{\{{-?\s*value_json((?:{STEP.pattern})+){SAME}-?\}}\}}", re.ASCII)
WHOLE = re.compile(rf"\{{\{{-?\s*value{SAME}-?\}}\}}", re.ASCII)
TOPIC = re.compile(r"[^$+#][^+#]{0,999}")


class Announced(NamedTuple):
    """A topic on which somebody says weights, in this unit, at this place of a JSON object (empty: a bare number).

    `device_id` names the scale; `problem` says why it cannot be read.
    """

    topic: str
    unit: str
    device_id: str
    place: tuple[str, ...] = ()
    problem: str | None = None


def is_announcement(topic: str) -> bool:
    """Whether it is one of FILTERS."""
    levels = topic.split("/")
    return levels[0] == "homeassistant" and levels[-1] == "config" and len(levels) in (4, 5)


def announced(payload: bytes) -> list[Announced]:
    """The weights that a discovery message announces; nothing for other entities, removed ones, nonsense."""
    try:
        body = _long(strict_json.parse_object(payload))
    except FaultError:
        return []
    return [found for entity in _entities(body) if (found := _weight(entity))]


def reader(found: Announced) -> Read:
    """Who reads the messages on this topic; nothing of those that say something else than this weight."""
    scale = Scale(NAME, found.device_id)

    @hearing.adapter(NAME)
    def read(message: Message) -> Iterator[Heard]:
        with hearing.of(scale):
            claim = _at_place(found, message) if found.place else esphome.claim(message, unit=found.unit, source=NAME)
            if claim:
                yield scale, claim

    return read


def _at_place(found: Announced, message: Message) -> Claim | None:
    value: object = strict_json.parse_object(message.payload)
    for key in found.place:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    if value is None:
        raise FaultError("weight: there is no value", kept=False)
    when = clocks.on_arrival(message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weights.kilograms(value, found.unit),
        raw=hearing.text(message),
        source=NAME,
        time_source=when.time_source,
        repeats_within=when.repeats_within,
    )


def _entities(body: Json) -> Iterator[Json]:
    """Each with what it inherits: the device and its state topic, and `~`."""
    components = body.get("components")
    entities = list(components.values()) if isinstance(components, dict) else [body]
    for entity in entities:
        if isinstance(entity, dict):
            inherited = {key: body.get(key) for key in ("state_topic", "~", "device")}
            yield {**inherited, **_long(entity)}


def _long(entity: Json) -> Json:
    return {LONG.get(key, key): value for key, value in entity.items()}


def _weight(entity: Json) -> Announced | None:
    topic, unit, template = (entity.get(key) for key in ("state_topic", "unit_of_measurement", "value_template"))
    if entity.get("device_class") != "weight" or not isinstance(topic, str):
        return None
    words = f"{entity.get('name')} {entity.get('unique_id')} {template}"
    if any(part in words.lower() for part in esphome.NOT_OF_THE_BODY):
        return None
    base = entity.get("~")
    whole = topic.replace("~", base) if isinstance(base, str) else topic
    place, device_id = _place(template), _device_id(entity)
    problem = None
    if TOPIC.fullmatch(whole) is None or not whole.isprintable():  # brokers hang up on control characters
        problem = "its topic cannot be followed"
    elif not isinstance(unit, str) or unit.strip().lower() not in KG_IN:
        problem = "its unit is not kg, g, lb, st or jin"
    elif place is None:
        problem = f"cannot read this template: {str(template)[:200]}"
    elif device_id is None:
        problem = "its unique_id, or its device's identifier, must be 1 to 64 letters, digits, or . _ : -"
    return Announced(whole, str(unit), device_id or "", place or (), problem)


def _place(template: object) -> tuple[str, ...] | None:
    """The keys that lead to the weight; none for the whole payload; None if only a program could tell."""
    if template is None:
        return ()
    text = template.strip() if isinstance(template, str) else ""
    if WHOLE.fullmatch(text):
        return ()
    if found := PLACE.fullmatch(text):
        return tuple("".join(step.groups(default="")) for step in STEP.finditer(found[1]))
    return None


def _device_id(entity: Json) -> str | None:
    """The entity's name, which stays; its device's where it has none: one device may weigh several people."""
    device = entity.get("device")
    identifiers = _long(device).get("identifiers") if isinstance(device, dict) else None
    first = identifiers[0] if isinstance(identifiers, list) and identifiers else identifiers
    name = entity.get("unique_id") or first
    return name if isinstance(name, str) and hearing.NAME.fullmatch(name) else None
