"""What devices announce to Home Assistant: found, read by the plain templates, and taken through kills and restarts."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client

from deploy.servers.embedded_broker import EmbeddedBroker
from ingest.adapters import arrival, home_assistant
from ingest.adapters.home_assistant import Announced
from ingest.claim import Claim
from ingest.discovery.announcements import Found, Registry
from ingest.message import Message
from schemas.database import Connection
from tests.fixtures.commands import Start as Program
from tests.ingest.adapters.test_dialects import check
from tests.ingest.adapters.vectors import NOW
from tests.ingest.conftest import Nursery, listens
from tests.ingest.scale import wait_until

CLASSIC = {
    "name": "Weight",
    "unique_id": "0x00158d_weight",
    "state_topic": "zigbee2mqtt/scale",
    "value_template": "{{ value_json.weight }}",
    "unit_of_measurement": "kg",
    "device_class": "weight",
    "state_class": "measurement",
    "device": {"identifiers": ["zigbee2mqtt_0x00158d"]},
}
DEVICE = {
    "dev": {"ids": ["bath"]},
    "state_topic": "bath/state",
    "cmps": {
        "weight": {"p": "sensor", "dev_cla": "weight", "unit_of_meas": "lb", "name": "Weight"},
        "bone": {"p": "sensor", "dev_cla": "weight", "unit_of_meas": "kg", "name": "Bone mass"},
        "date": {"p": "sensor", "dev_cla": "timestamp", "name": "Measured"},
    },
}
SCALE = "zigbee2mqtt/scale", "kg", "0x00158d_weight"
WRONG = "it is read as kg: set the sensor to kg, or give it a name without weight"
TEMPLATE = "{{ (value_json.weight | float) / 1000 }}"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (CLASSIC, [Announced(*SCALE, ("weight",))]),
        (DEVICE, [Announced("bath/state", "lb", "bath")]),
        (
            {"~": "bath/scale", "stat_t": "~/state", "dev_cla": "weight", "unit_of_meas": "st", "uniq_id": "b"},
            [Announced("bath/scale/state", "st", "b")],
        ),
        (CLASSIC | {"value_template": TEMPLATE}, [Announced(*SCALE, (), f"cannot read this template: {TEMPLATE}")]),
        (
            CLASSIC | {"unit_of_measurement": "oz"},
            [Announced(SCALE[0], "oz", SCALE[2], ("weight",), "its unit is not kg, g, lb, st or jin")],
        ),
        (CLASSIC | {"state_topic": "#"}, [Announced("#", *SCALE[1:], ("weight",), "its topic cannot be followed")]),
        (
            CLASSIC | {"unique_id": "la balance", "device": None},
            [
                Announced(
                    *(*SCALE[:2], "", ("weight",)),
                    "its unique_id, or its device's identifier, must be 1 to 64 letters, digits, or . _ : -",
                )
            ],
        ),
        (
            CLASSIC | {"state_topic": "a\ud800"},
            [Announced("a\ud800", *SCALE[1:], ("weight",), "its topic cannot be followed")],
        ),
        (CLASSIC | {"name": "Muscle mass"}, []),
        (CLASSIC | {"device_class": "temperature"}, []),
        (CLASSIC | {"state_topic": None}, []),
        ({"components": [1, 2]}, []),
        ([], []),
    ],
)
def test_a_weight_is_found_in_what_is_announced(body: object, found: list[Announced]) -> None:
    assert home_assistant.announced(json.dumps(body).encode()) == found


@pytest.mark.parametrize(
    ("template", "payload"),
    [
        (None, "72.45"),
        ("{{ value }}", "72.45"),
        ("{{value|float}}", "72.45"),
        ("{{ value_json.weight }}", '{"weight": 72.45}'),
        ("{{ value_json.weight | is_defined }}", '{"weight": 72.45}'),
        ("{{ value_json['weight'] }}", '{"weight": 72.45}'),
        ('{{- value_json["the weight"] -}}', '{"the weight": 72.45}'),
        ("{{ value_json.a.b }}", '{"a": {"b": 72.45}}'),
        ("{{ value_json['MISCALEV2'].Weight }}", '{"MISCALEV2": {"Weight": 72.45, "battery": 80}}'),
    ],
)
@pytest.mark.parametrize(("unit", "kg"), [("kg", "72.450"), ("lb", "32.863")])
def test_the_plain_templates_are_read_and_the_unit_converted_exactly(
    template: str | None, payload: str, unit: str, kg: str
) -> None:
    [(scale, said)] = heard({"value_template": template, "unit_of_measurement": unit}, payload)
    assert (scale, str(said)) == ("home-assistant/0x00158d_weight", kg)


@pytest.mark.parametrize("payload", ['{"battery": 80}', '{"weight": null}', '{"weight": "72.45"}', "72.45", "{"])
def test_what_is_no_number_at_its_place_is_no_weight(payload: str) -> None:
    assert [said for _, said in heard({}, payload) if said] == []


def heard(change: dict[str, object], payload: str) -> list[tuple[str, object]]:
    """Each scale with the weight in kg, or None for a refusal."""
    message = Message(topic=SCALE[0], payload=payload.encode(), received_at=NOW)
    return [
        ("/".join(one.scale or ()), one.said.weight_kg if isinstance(one.said, Claim) else None)
        for read in registry(CLASSIC | change).readers(SCALE[0])
        for one in arrival.heard(message, read)
    ]


def registry(*bodies: object) -> Registry:
    return Registry((f"homeassistant/sensor/{n}/config", json.dumps(body).encode()) for n, body in enumerate(bodies))


def test_a_topic_that_a_dialect_reads_is_left_to_it_and_of_two_with_one_name_the_older_stands() -> None:
    known = registry(
        CLASSIC,
        CLASSIC | {"state_topic": "scale/body-composition"},
        CLASSIC | {"state_topic": "vigie/1/home/s1/reading"},
        CLASSIC | {"state_topic": "bath/sensor/scale/state", "value_template": None, "unique_id": "bath"},
        CLASSIC | {"state_topic": "bath/sensor/my_weight/state", "unique_id": "mine"},
        CLASSIC | {"state_topic": "bath/sensor/your_weight/state", "unit_of_measurement": "lb"},
        CLASSIC | {"state_topic": "thief/scale"},
    )
    assert known.found == [
        Found("zigbee2mqtt/scale", "kg", "home-assistant", "0x00158d_weight"),
        Found("scale/body-composition", "kg", "ble-scale-sync"),
        Found("vigie/1/home/s1/reading", "kg", "native-1"),
        Found("bath/sensor/scale/state", "kg", "home-assistant", "bath"),
        Found("bath/sensor/my_weight/state", "kg", "esphome"),
        Found("bath/sensor/your_weight/state", "lb", "esphome", problem=WRONG),
        Found("thief/scale", "kg", None, problem="another announces a scale of this name"),
    ]
    assert known.topics == {"zigbee2mqtt/scale", "bath/sensor/scale/state"}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["weight", "kg", "{{ value }}", "a/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*CLASSIC, *DEVICE, "~", "stat_t", "dev_cla", "cmps"]), inner)
    ),
    max_leaves=10,
)
bodies = st.binary() | values.map(lambda value: json.dumps(value).encode())


@given(bodies, bodies)
def test_any_announcement_and_any_message_are_a_reading_or_a_reasoned_refusal(config: bytes, payload: bytes) -> None:
    known = Registry([("homeassistant/sensor/x/config", config), ("homeassistant/sensor/y/config", CONFIG)])
    for topic in known.topics:
        assert topic.encode().decode().isprintable()
        message = Message(topic=topic, payload=payload, received_at=NOW)
        for read in known.readers(topic):
            check(message, arrival.heard(message, read))


CONFIG = json.dumps(CLASSIC).encode()


def announce(gateway: Client, node: str, body: object) -> None:
    payload = b"" if body is None else json.dumps(body).encode()
    gateway.publish(f"homeassistant/sensor/{node}/config", payload, qos=1, retain=True).wait_for_publish(10)


def weigh(gateway: Client, topic: str, payload: object) -> None:
    gateway.publish(topic, json.dumps(payload), qos=1).wait_for_publish(10)


def readings(conn: Connection) -> dict[str, list[str]]:
    conn.rollback()
    rows = conn.execute(
        "SELECT device_id, array_agg(trim_scale(weight_kg)::text ORDER BY weight_kg) FROM reading"
        " WHERE site = 'home-assistant' GROUP BY device_id"
    )
    return {str(device): weights for device, weights in rows.fetchall()}  # type: ignore[misc] # text[]


def test_announced_scales_are_taken_through_kills_and_workers_and_let_go_when_taken_back(
    broker: EmbeddedBroker,
    nursery: Nursery,
    gateway: Client,
    connection: Connection,
    database_url: str,
    start: Program,
) -> None:
    announce(gateway, "zigbee", CLASSIC)
    announce(gateway, "program", CLASSIC | {"unique_id": "p", "value_template": TEMPLATE})
    first, _ = nursery.start(worker=1), nursery.start(worker=2)
    assert wait_until(lambda: listens(connection) and listens(connection, "ingest-2"), seconds=30)
    assert wait_until(lambda: is_followed(connection, gateway, "zigbee2mqtt/scale", {"weight": 70}, kg="70"))
    announce(gateway, "bath", DEVICE)  # while ingest runs
    assert wait_until(lambda: is_followed(connection, gateway, "bath/state", 160, kg="72.575"))
    weigh(gateway, "zigbee2mqtt/scale", {"weight": 72.45, "battery": 80})
    nursery.kill(first)
    weigh(gateway, "zigbee2mqtt/scale", {"weight": 72.7})
    weigh(gateway, "bath/state", 161)
    announce(gateway, "bath", None)  # while nobody listens; what was said before counts
    first = nursery.start(worker=1, step="before-commit", number=1)
    assert wait_until(lambda: nursery.is_dead(first), seconds=30)
    nursery.start(worker=1)
    expected = {"0x00158d_weight": ["70", "72.45", "72.7"], "bath": ["72.575", "73.028"]}
    assert wait_until(lambda: readings(connection) == expected, seconds=30), readings(connection)
    assert wait_until(lambda: announcements(connection) == ["program", "zigbee"])
    weigh(gateway, "bath/state", 162)
    weigh(gateway, "zigbee2mqtt/scale", {"weight": 73})
    expected["0x00158d_weight"].append("73")
    assert wait_until(lambda: readings(connection) == expected), readings(connection)
    scales = start("deploy.cli", "scales", VIGIE_DATABASE_URL=database_url, VIGIE_BROKER_URL=broker.url)
    assert scales.process.wait(60) == 0
    assert (
        f"announced: zigbee2mqtt/scale in kg, not read: cannot read this template: {TEMPLATE}"
        in scales.output.read_text()
    )


def is_followed(conn: Connection, gateway: Client, topic: str, payload: object, *, kg: str) -> bool:
    """Say a weight once more; whether it has come. Said again within 10 minutes it is the same weighing."""
    weigh(gateway, topic, payload)
    time.sleep(0.2)
    return any(kg in weights for weights in readings(conn).values())


def announcements(conn: Connection) -> list[str]:
    conn.rollback()
    return [str(topic).split("/")[2] for (topic,) in conn.execute("SELECT topic FROM announcement ORDER BY topic")]
