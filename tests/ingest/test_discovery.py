"""What devices announce to Home Assistant: the weights among it, from any shape, through a real broker."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import publish

from deploy.embedded_broker import EmbeddedBroker
from ingest import discovery
from ingest.adapters import home_assistant
from ingest.adapters.home_assistant import Announced
from ingest.discovery import Found
from schemas.settings import Settings

CLASSIC = {
    "name": "Weight",
    "unique_id": "ble-scale-sync_weight",
    "state_topic": "scale/body-composition",
    "value_template": "{{ value_json.weight }}",
    "unit_of_measurement": "kg",
    "device_class": "weight",
    "state_class": "measurement",
    "device": {"identifiers": ["ble-scale-sync"]},
}
DEVICE = {
    "device": {"identifiers": ["openscale_1"]},
    "state_topic": "openScaleSync/1/measurements/last",
    "components": {
        "weight": {"platform": "sensor", "device_class": "weight", "unit_of_measurement": "kg", "name": "Weight"},
        "bone": {"platform": "sensor", "device_class": "weight", "unit_of_measurement": "kg", "name": "Bone mass"},
        "date": {"platform": "sensor", "device_class": "timestamp", "name": "Measured"},
    },
}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (CLASSIC, [Announced("scale/body-composition", "kg", "Weight")]),
        (DEVICE, [Announced("openScaleSync/1/measurements/last", "kg", "Weight")]),
        (
            {"~": "bath/scale", "stat_t": "~/state", "dev_cla": "weight", "unit_of_meas": "lb", "name": "Scale"},
            [Announced("bath/scale/state", "lb", "Scale")],
        ),
        (CLASSIC | {"name": "Muscle mass"}, []),
        (CLASSIC | {"device_class": "temperature"}, []),
        (CLASSIC | {"unit_of_measurement": "%"}, []),
        (CLASSIC | {"state_topic": None}, []),
        ({"components": [1, 2]}, []),
        ([], []),
    ],
)
def test_a_weight_is_found_in_what_is_announced(body: object, found: list[Announced]) -> None:
    assert home_assistant.announced(json.dumps(body).encode()) == found


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["weight", "kg"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*CLASSIC, *DEVICE, "~", "stat_t", "dev_cla", "cmps"]), inner)
    ),
    max_leaves=10,
)


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_any_announcement_is_weights_or_nothing(payload: bytes) -> None:
    for found in home_assistant.announced(payload):
        assert found.unit in ("kg", "kgs", "g", "lb", "lbs", "st", "jin", "catty")


def test_what_is_retained_at_the_broker_is_found_with_who_would_read_it(broker: EmbeddedBroker) -> None:
    other = CLASSIC | {"state_topic": "zigbee2mqtt/scale"}
    for topic, body in (
        ("homeassistant/sensor/ble-scale-sync/weight/config", CLASSIC),
        ("homeassistant/device/openscale_1/config", DEVICE),
        ("homeassistant/sensor/other/config", other),
    ):
        publish.single(topic, json.dumps(body), qos=1, retain=True, port=broker.port)
    settings = Settings.model_validate({"broker_url": broker.url})
    assert settings.broker_url
    assert discovery.announced(settings.broker_url, settings.broker, seconds=1) == [
        Found("openScaleSync/1/measurements/last", "kg", "openscale-sync"),
        Found("scale/body-composition", "kg", "ble-scale-sync"),
        Found("zigbee2mqtt/scale", "kg", None),
    ]
