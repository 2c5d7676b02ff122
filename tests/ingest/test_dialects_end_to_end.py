"""Other people's scales through the real broker, the real program and the real database."""

import json

import pytest
from paho.mqtt.client import Client

from schemas.clock import real_now
from schemas.database import Connection
from tests.ingest.adapters import vectors
from tests.ingest.adapters.vectors import OPENSCALE
from tests.ingest.conftest import Start, listens
from tests.ingest.scale import wait_until


def publish(client: Client, topic: str, body: object, *, retain: bool = False) -> None:
    client.publish(topic, json.dumps(body), qos=1, retain=retain).wait_for_publish(10)


@pytest.mark.parametrize("character", ["+", "#", "\0", "/", "é"])
def test_a_name_in_a_payload_with_a_character_that_no_name_has_is_refused_kept_and_followed_by_the_next(
    start_ingest: Start, gateway: Client, connection: Connection, character: str
) -> None:
    start_ingest()
    assert wait_until(lambda: listens(connection), seconds=20)
    odd = f"01010101{character}1010101"
    publish(gateway, "home/gateway/BTtoMQTT/x", vectors.THEENGS | {"id": odd})
    publish(gateway, "application/a1/device/x/event/up", {**vectors.CHIRPSTACK, "deviceInfo": {"devEui": odd}})
    publish(gateway, "stat/x/SENSOR", {"MISCALEV2": {"mac": odd, "weight": 73, "weight_unit": "kg"}})
    publish(gateway, "openScaleSync/measurements/insert", OPENSCALE | {"userId": odd})
    publish(gateway, "scale/body-composition", vectors.BLE_SCALE_SYNC | {"note": f"raw {character} is kept as it came"})
    assert wait_until(lambda: bool(readings(connection)), seconds=10)
    assert readings(connection) == {"ble-scale-sync/default": "72.45 accepted"}
    assert connection.execute("SELECT topic, reason FROM rejection ORDER BY topic").fetchall() == [
        ("application/a1/device/x/event/up", "devEui: must be 16 hexadecimal digits"),
        ("home/gateway/BTtoMQTT/x", "address: must be 12 hexadecimal digits"),
        ("openScaleSync/measurements/insert", "userId: must be an integer"),
        ("stat/x/SENSOR", "address: must be 12 hexadecimal digits"),
    ]


BAD = (  # and why it is no weighing
    (b"", "payload: is not JSON"),
    (b"\x00\x01\xfe", "payload: is not UTF-8"),
    (b"[" * 100_000, "payload: is nested too deeply"),
    (b'{"weight": NaN}', "payload: NaN and Infinity are not JSON"),
    (b'{"weight": -Infinity}', "payload: NaN and Infinity are not JSON"),
    (b'{"weight": 72, "weight": 90}', "payload: a key is given twice"),
    (b'{"weight": true}', "weight: must be a number"),
    (b'{"weight": "72.5"}', "weight: must be a number"),
    (b'{"weight": 1e400}', "weight: must be at most 400 kg"),
    (b'{"weight": "%s"}' % (b"x" * 1_000_000), "weight: must be a number"),
)


def test_every_kind_of_bad_input_of_another_dialect_is_kept_with_its_reason_and_followed_by_the_next_message(
    start_ingest: Start, gateway: Client, connection: Connection
) -> None:
    start_ingest()
    assert wait_until(lambda: listens(connection), seconds=20)
    for number, (payload, _) in enumerate(BAD):
        gateway.publish("scale/body-composition/alice", payload, qos=1).wait_for_publish(10)
        publish(gateway, f"scale/body-composition/u{number}", vectors.BLE_SCALE_SYNC)
    assert wait_until(lambda: len(readings(connection)) == len(BAD), seconds=15)
    kept = connection.execute("SELECT payload, payload_bytes, reason, times FROM rejection").fetchall()
    assert sorted(kept, key=str) == sorted(
        ((payload[: 64 * 1024], len(payload), reason, 1) for payload, reason in BAD), key=str
    )


def readings(conn: Connection) -> dict[str, str]:
    conn.rollback()
    found = conn.execute("SELECT site || '/' || device_id, trim_scale(weight_kg)::text, state FROM standing_reading")
    return {str(scale): f"{kg} {state}" for scale, kg, state in found}


def test_every_dialect_arrives_and_a_deletion_follows(
    start_ingest: Start, gateway: Client, connection: Connection
) -> None:
    publish(gateway, "miscale/Jo/weight", vectors.MISCALE, retain=True)
    start_ingest()
    assert wait_until(lambda: listens(connection), seconds=20)
    today = real_now().strftime("%Y-%m-%dT%H:%M+0000")
    for topic, body in vectors.TOPICS.items():
        if not topic.startswith(("openScaleSync", "webhook", "home7/openScaleSync", "tele", "miscale")):
            publish(gateway, topic, body)
    publish(gateway, "openScaleSync/1/measurements/insert", OPENSCALE | {"date": today})
    publish(gateway, "openScaleSync/1/measurements/delete", {"dateTime": today})
    expected = {
        "ble-scale-sync/default": "72.45 accepted",
        "ble-scale-sync/home7:alice": "72.45 accepted",
        "ble/5C:CA:D3:4C:EE:74": "72.45 accepted",
        "ble/70:87:9E:56:8C:44": "73 accepted",
        "esphome/bathroom:mi_scale_weight": "62.5 accepted",
        "lorawan/0101010101010101": "81.35 accepted",
        "lorawan/0004A30B001C0530": "81.35 accepted",
        "openscale/1": "82.05 excluded",
    }
    assert wait_until(lambda: readings(connection) == expected, seconds=15), readings(connection)
    refused = connection.execute("SELECT topic, reason FROM rejection").fetchall()
    assert refused == [("miscale/Jo/weight", "retained: a copy without a time of its own is no new weighing")]
