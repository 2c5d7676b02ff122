"""What the scales' programs publish, in their own words: upstream's examples and test vectors, people invented."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from ingest.adapters import arrival
from ingest.claim import Claim, Refusal, Said
from ingest.message import Message, Scale

NOW = datetime(2026, 8, 22, 5, 12, 5, tzinfo=UTC)  # 07:12:05 in Paris

OPENSCALE: dict[str, object] = {
    "id": 42,
    "userId": 1,
    "date": "2026-08-22T07:12+0200",
    "weight": 82.05,
    "body_fat": 18.0,
    "water": 55.1,
    "muscle": 40.2,
    "lbm": 0.0,
    "bone": 0.0,
    "username": "alice",
    "values": [{"typeId": 1, "key": "WEIGHT", "name": "Weight", "unit": "kg", "isDerived": False, "value": 82.05}],
}
BLE_SCALE_SYNC: dict[str, object] = {
    "weight": 72.45,
    "impedance": 503,
    "bmi": 23.1,
    "bodyFatPercent": 18.2,
    "waterPercent": 57.3,
    "boneMass": 3.1,
    "muscleMass": 56.1,
    "visceralFat": 7,
    "physiqueRating": 5,
    "bmr": 1650,
    "metabolicAge": 35,
}
THEENGS: dict[str, object] = {
    "id": "5C:CA:D3:4C:EE:74",
    "name": "MIBFS",
    "rssi": -69,
    "brand": "Xiaomi",
    "model": "Mi Body Composition Scale",
    "model_id": "XMTZC02HM/XMTZC05HM",
    "type": "SCALE",
    "weighing_mode": "person",
    "unit": "kg",
    "weight": 72.45,
    "impedance": 503,
}
MISCALE: dict[str, object] = {
    "weight": 72.45,
    "weight_unit": "kg",
    "bmi": 23.65,
    "basal_metabolism": 1643.10,
    "visceral_fat": 8.20,
    "lean_body_mass": 57.1,
    "body_fat": 19.90,
    "water": 56.1,
    "bone_mass": 3.10,
    "muscle_mass": 54.9,
    "protein": 20.1,
    "body_type": "Balanced",
    "metabolic_age": 33,
    "impedance": 503,
    "timestamp": "2026-08-22T07:12:05+00:00",
}
TASMOTA: dict[str, object] = {
    "Time": "2026-08-22T07:12:05",
    "MISCALEV1568c44": {
        "mac": "70879e568c44",
        "weight_removed": 0,
        "stabilized": 1,
        "weight_unit": "kg",
        "weight": 73,
        "RSSI": -54,
    },
    "ATC12ab34": {"mac": "a4c13812ab34", "Temperature": 21.5},
}
CHIRPSTACK: dict[str, object] = {
    "deduplicationId": "3ac7e3c4-0000-4000-8000-000000000000",
    "time": "2026-08-22T05:12:05.123456+00:00",
    "deviceInfo": {"tenantName": "t", "deviceName": "scale-17", "devEui": "0101010101010101", "tags": {}},
    "devAddr": "00189440",
    "adr": True,
    "dr": 5,
    "fCnt": 4,
    "fPort": 1,
    "confirmed": False,
    "data": "AAAAAA==",
    "object": {"weight_kg": 81.35, "age_s": 40},
    "rxInfo": [{"gatewayId": "0101", "rssi": -48, "snr": 9}],
}
THINGS_STACK: dict[str, object] = {
    "end_device_ids": {
        "device_id": "dev1",
        "application_ids": {"application_id": "app1"},
        "dev_eui": "0004A30B001C0530",
    },
    "received_at": "2026-08-22T05:12:05.5Z",
    "uplink_message": {
        "f_port": 1,
        "frm_payload": "gkHe",
        "decoded_payload": {"weight_kg": 81.35},
        "received_at": "2026-08-22T05:12:05.3Z",
    },
}
TENOVI: dict[str, object] = {
    "metric": "weight",
    "device_name": "Tenovi Scale",
    "hwi_device_id": "12345678-abcd-1234-abcd-1234567890ab",
    "patient_id": "54321",
    "hardware_uuid": "1234ABCD5678",
    "sensor_code": "12",
    "value_1": "180.20",
    "value_2": "0.00",
    "created": "2026-08-22T05:12:10.025219Z",
    "timestamp": "2026-08-22T05:12:00.000000Z",
    "timezone_offset": 2,
    "estimated_timestamp": False,
    "filter_params": None,
}
WITHINGS: dict[str, object] = {
    "status": 0,
    "body": {
        "updatetime": "1787375600",
        "timezone": "Europe/Paris",
        "measuregrps": [
            {
                "grpid": 12,
                "attrib": 0,
                "date": 1787375520,
                "created": 1787375530,
                "modified": 1787375530,
                "category": 1,
                "deviceid": "d",
                "measures": [{"value": 65750, "type": 1, "unit": -3}, {"value": 1820, "type": 6, "unit": -2}],
            }
        ],
        "more": 0,
        "offset": 0,
    },
}
TOPICS: dict[str, object] = {
    "openScaleSync/1/measurements/insert": OPENSCALE,
    "openScaleSync/1/measurements/update": OPENSCALE,
    "openScaleSync/1/measurements/delete": {"dateTime": "2026-08-22T07:12+0200"},
    "openScaleSync/1/measurements/clear": True,
    "openScaleSync/1/measurements/last": OPENSCALE,
    "home7/openScaleSync/measurements/insert": OPENSCALE,
    "openScaleSync/1/measurements/history": {
        "fields": ["date", "weight", "body_fat", "water", "muscle", "waist"],
        "units": {"weight": "kg", "body_fat": "%"},
        "rows": [[1787202720000, 81.0, None, None, None, None], [1787289120000, 80.0, None, None, None, 90.0]],
    },
    "scale/body-composition": BLE_SCALE_SYNC,
    "home7/scale/body-composition/alice": BLE_SCALE_SYNC,
    "home/TheengsGateway/BTtoMQTT/5CCAD34CEE74": THEENGS,
    "miscale/Jo/weight": MISCALE,
    "stat/tasmota_48D204/SENSOR": TASMOTA,
    "tele/tasmota_48D204/SENSOR": TASMOTA,
    "bathroom/sensor/mi_scale_weight/state": 62.5,
    "application/a1/device/0101010101010101/event/up": CHIRPSTACK,
    "v3/app1@tenant/devices/dev1/up": THINGS_STACK,
    "webhook/tenovi/lb": [TENOVI],
    "webhook/withings/12345": WITHINGS,
    "webhook/openscale/home7": {"event": "insert", **OPENSCALE, "date": "2026-08-22T05:12:07.000Z"},
    "webhook/ble-scale-sync/home7": {**BLE_SCALE_SYNC, "user_name": "Alice", "user_slug": "alice"},
}


def message(
    topic: str, body: object, *, retained: bool = False, waited: bool = False, received_at: datetime = NOW
) -> Message:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(topic=topic, payload=payload, received_at=received_at, retained=retained, may_have_waited=waited)


def heard(topic: str, body: object, *, retained: bool = False, waited: bool = False) -> list[tuple[Scale | None, Said]]:
    return [(a.scale, a.said) for a in arrival.arrivals(message(topic, body, retained=retained, waited=waited))]


def claim(topic: str, body: object, *, retained: bool = False, waited: bool = False) -> Claim:
    [(scale, said)] = heard(topic, body, retained=retained, waited=waited)
    assert scale
    assert isinstance(said, Claim), said
    return said


def refusal(topic: str, body: object, *, retained: bool = False, waited: bool = False) -> Refusal:
    [(_, said)] = heard(topic, body, retained=retained, waited=waited)
    assert isinstance(said, Refusal), said
    return said


def kilograms(topic: str, body: object) -> Decimal:
    return claim(topic, body).weight_kg
