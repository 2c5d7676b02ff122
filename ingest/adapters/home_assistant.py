"""Which topics carry a weight? What devices announce to Home Assistant's MQTT discovery, retained, in two shapes.

home-assistant.io/integrations/mqtt: `homeassistant/device/ID/config` with components, and one message for each entity.
Keys may be abbreviated. Masses of bone and muscle are announced as weights too.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ingest.adapters import strict_json
from ingest.adapters.strict_json import FaultError, Json
from ingest.adapters.weights import KG_IN

FILTERS = ("homeassistant/+/+/config", "homeassistant/+/+/+/config")
LONG = {
    "stat_t": "state_topic",
    "dev_cla": "device_class",
    "unit_of_meas": "unit_of_measurement",
    "cmps": "components",
    "uniq_id": "unique_id",
    "val_tpl": "value_template",
}
OF_THE_BODY = ("bone", "muscle", "fat", "lean", "water", "ideal", "target", "goal")


class Announced(NamedTuple):
    """A topic on which somebody says weights, in this unit, under this name."""

    topic: str
    unit: str
    name: str


def announced(payload: bytes) -> list[Announced]:
    """The weights that a discovery message announces; nothing for other entities, removed ones, nonsense."""
    try:
        body = _long(strict_json.parse_object(payload))
    except FaultError:
        return []
    return [found for entity in _entities(body) if (found := _weight(entity))]


def _entities(body: Json) -> Iterator[Json]:
    """Each with what it inherits: the device's state topic, and `~`."""
    components = body.get("components")
    entities = list(components.values()) if isinstance(components, dict) else [body]
    for entity in entities:
        if isinstance(entity, dict):
            yield {"state_topic": body.get("state_topic"), "~": body.get("~"), **_long(entity)}


def _long(entity: Json) -> Json:
    return {LONG.get(key, key): value for key, value in entity.items()}


def _weight(entity: Json) -> Announced | None:
    topic, unit, name = (entity.get(key) for key in ("state_topic", "unit_of_measurement", "name"))
    if entity.get("device_class") != "weight" or not isinstance(topic, str) or not isinstance(unit, str):
        return None
    words = f"{name} {entity.get('unique_id')} {entity.get('value_template')}"
    if unit not in KG_IN or any(part in words.lower() for part in OF_THE_BODY):
        return None
    base = entity.get("~")
    whole = topic.replace("~", base) if isinstance(base, str) else topic
    return Announced(topic=whole, unit=unit, name=name if isinstance(name, str) else "")
