"""Every dialect, in upstream's own words: whose scale, how heavy, when, by whose clock."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters import arrival, bluetooth_sig, dialects
from ingest.adapters.arrival import Arrival
from ingest.adapters.strict_json import FaultError
from ingest.claim import Claim, Refusal, Retraction
from ingest.message import Message
from ingest.storage import ordinary
from tests.ingest.adapters import vectors
from tests.ingest.adapters.vectors import NOW, claim, heard, kilograms, refusal

GROUP = {
    "grpid": 12,
    "attrib": 0,
    "date": 1787375520,
    "category": 1,
    "measures": [{"value": 65750, "type": 1, "unit": -3}],
}
MINUTE = datetime(2026, 8, 22, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("topic", "scale", "kg", "at", "clock"),
    [
        ("openScaleSync/1/measurements/insert", "openscale/1", "82.05", MINUTE, "device"),
        ("openScaleSync/1/measurements/last", "openscale/1", "82.05", MINUTE, "device"),
        ("home7/openScaleSync/measurements/insert", "openscale/home7:1", "82.05", MINUTE, "device"),
        ("scale/body-composition", "ble-scale-sync/default", "72.45", NOW, "server"),
        ("home7/scale/body-composition/alice", "ble-scale-sync/home7:alice", "72.45", NOW, "server"),
        ("home/TheengsGateway/BTtoMQTT/5CCAD34CEE74", "ble/5C:CA:D3:4C:EE:74", "72.45", NOW, "server"),
        ("miscale/Jo/weight", "miscale/Jo", "72.45", NOW, "server"),
        ("stat/tasmota_48D204/SENSOR", "ble/70:87:9E:56:8C:44", "73", NOW, "server"),
        ("bathroom/sensor/mi_scale_weight/state", "esphome/bathroom:mi_scale_weight", "62.5", NOW, "server"),
        (
            *("application/a1/device/0101010101010101/event/up", "lorawan/0101010101010101", "81.35"),
            *(datetime(2026, 8, 22, 5, 11, 25, 123456, tzinfo=UTC), "gateway"),
        ),
        (
            *("v3/app1@tenant/devices/dev1/up", "lorawan/0004A30B001C0530", "81.35"),
            *(datetime(2026, 8, 22, 5, 12, 5, 300000, tzinfo=UTC), "gateway"),
        ),
        ("webhook/tenovi/lb", "tenovi/12345678-abcd-1234-abcd-1234567890ab", "81.737", MINUTE, "device"),
        ("webhook/tenovi/kg", "tenovi/12345678-abcd-1234-abcd-1234567890ab", "180.2", MINUTE, "device"),
        ("webhook/withings/12345", "withings/12345", "65.75", MINUTE, "device"),
        ("webhook/openscale/home7", "openscale/home7:1", "82.05", MINUTE, "device"),
        ("webhook/ble-scale-sync/home7", "ble-scale-sync/home7:alice", "72.45", NOW, "server"),
    ],
)
def test_a_dialect_says_whose_scale_how_heavy_and_when(
    topic: str, scale: str, kg: str, at: datetime, clock: str
) -> None:
    [(whose, said)] = heard(topic, vectors.TOPICS.get(topic, vectors.TENOVI))
    assert whose
    assert isinstance(said, Claim)
    assert "/".join(whose) == scale
    assert (said.seq, said.weight_kg, said.measured_at, said.time_source) == (None, Decimal(kg), at, clock)


@pytest.mark.parametrize(
    ("weight", "unit", "kg"),
    [
        (61.75, "kg", "61.75"),
        (131.7, "lb", "59.738"),  # of 0x181d 237233…
        (140.65, "lb", "63.798"),  # of 0x181b 0326e6…
        (144.9, "jin", "72.45"),
        (11.5, "st", "73.028"),
        (72450, "g", "72.45"),
        (3, "kg", "3"),
    ],
)
def test_units_are_converted_exactly(weight: float, unit: str, kg: str) -> None:
    broadcast = vectors.THEENGS | {"weight": weight, "unit": unit}
    assert kilograms("home/OpenMQTTGateway/BTtoMQTT/5CCAD34CEE74", broadcast) == Decimal(kg)


# 0x2A9D, 0x2A9C: flags, fields little-endian.
@pytest.mark.parametrize(
    ("data", "kg", "wall", "user"),
    [
        ("069A38EA07081607 0C0501", "72.45", datetime(2026, 8, 22, 7, 12, 5), 1),  # noqa: DTZ001 a wall clock
        ("009A38", "72.45", None, None),
        ("01F136", "63.798", None, None),
        ("029A38000000000000 00", "72.45", None, None),
        ("049A38FF", "72.45", None, None),
        ("0E9A38EA070816070C0501E6002C07", "72.45", datetime(2026, 8, 22, 7, 12, 5), 1),  # noqa: DTZ001
    ],
)
def test_a_weight_measurement_of_the_standard_is_read_byte_by_byte(
    data: str, kg: str, wall: datetime | None, user: int | None
) -> None:
    measured = bluetooth_sig.weight_measurement(bytes.fromhex(data))
    assert (measured.weight_kg, measured.wall_clock, measured.user) == (Decimal(kg), wall, user)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "bytes: are too few"),
        ("009A", "bytes: are too few"),
        ("029A38EA07", "bytes: are too few"),
        ("00FFFF", "weight: the measurement was unsuccessful"),
        ("109A38", "weight: is below zero"),
        ("029A38EA070D1607 0C05", "time: is no date and time that exists"),
        ("000000", "weight: must be at least 2 kg"),
    ],
)
def test_bytes_that_are_no_weight_are_refused(data: str, reason: str) -> None:
    with pytest.raises(FaultError, match=reason):
        bluetooth_sig.weight_measurement(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "kg"),
    [
        ("0004 B600 9A38", "72.45"),
        ("0604 B600 EA07081607 0C05 01 9A38", "72.45"),
        ("F807 B600 0100 0200 0300 0400 0500 0600 0700 9A38 0000", "72.45"),
        ("0000 B600", None),
    ],
)
def test_a_body_composition_may_carry_the_weight(data: str, kg: str | None) -> None:
    measured = bluetooth_sig.body_composition(bytes.fromhex(data))
    assert (measured and measured.weight_kg) == (kg and Decimal(kg))


def test_bytes_that_a_gateway_read_from_a_scale_are_a_weighing_by_the_scales_clock() -> None:
    read = {"id": "5C:CA:D3:4C:EE:74", "service": "0x181d", "characteristic": "0x2a9d"}
    said = claim("home/OMG/BTtoMQTT/5CCAD34CEE74", read | {"read": "069A38EA070816070C0501"})
    assert (said.weight_kg, said.measured_at, said.time_source) == (Decimal("72.45"), NOW, "device")


def test_a_lorawan_scale_may_pass_on_the_standards_bytes() -> None:
    up = vectors.CHIRPSTACK | {"object": {"2a9d": "AJo4"}}
    assert kilograms("application/a1/device/0101010101010101/event/up", up) == Decimal("72.45")


def test_history_is_every_row_cut_to_the_minute_and_said_anew_by_nobody() -> None:
    topic = "openScaleSync/1/measurements/history"
    rows = {
        "fields": ["date", "weight"],
        "rows": [[1787375527123, 82.05], [1787289120000, 80.0], [1787289120000, None]],
    }
    said = [said for _, said in heard(topic, rows, retained=True)]
    assert [(s.measured_at, s.restates) for s in said if isinstance(s, Claim)] == [
        (MINUTE, False),
        (datetime(2026, 8, 21, 5, 12, tzinfo=UTC), False),
    ]


def test_an_update_a_deletion_and_a_clearing_take_back_and_an_update_says_anew() -> None:
    [_, (_, updated)] = heard("openScaleSync/1/measurements/update", vectors.OPENSCALE)
    [(_, deleted)] = heard("openScaleSync/1/measurements/delete", {"dateTime": "2026-08-22T07:12+0200"})
    [(_, cleared)] = heard("openScaleSync/1/measurements/clear", b"true")
    assert isinstance(updated, Retraction)
    assert isinstance(deleted, Retraction)
    assert isinstance(cleared, Retraction)
    assert (updated.kind, updated.origin, updated.keeps) == ("superseded", "42", (MINUTE, Decimal("82.05")))
    assert (deleted.kind, deleted.since, deleted.until) == ("excluded", MINUTE, MINUTE + timedelta(minutes=1))
    assert cleared.since.year == 1
    assert cleared.until > NOW


@pytest.mark.parametrize("topic", [t for t in vectors.TOPICS if "history" not in t and not t.startswith("webhook")])
def test_nothing_is_said_by_what_says_nothing(topic: str) -> None:
    for payload in (b"unavailable", b"unknown", b"nan", b"", b"null", b"{}", b"online"):
        assert not any(isinstance(said, Claim) for _, said in heard(topic, payload)), payload


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("openScaleSync/1/measurements/last", {}),
        ("scale/body-composition/status", b"offline"),
        ("home/TheengsGateway/BTtoMQTT/AABBCCDDEEFF", {"id": "AA:BB:CC:DD:EE:FF", "tempc": 21.5, "type": "THB"}),
        ("stat/tasmota_48D204/SENSOR", {"Time": "2026-08-22T07:12:05", "ENERGY": {"Power": 3}}),
        ("bathroom/sensor/temperature/state", b"21.5"),
        ("bathroom/sensor/bone_mass_weight/state", b"3.1"),
        ("webhook/tenovi/lb", {**vectors.TENOVI, "metric": "pulse"}),
        ("webhook/nobody", b"{}"),
        ("webhook", b"{}"),
        ("something/else", b"{}"),
    ],
)
def test_what_is_no_scales_business_says_nothing(topic: str, body: object) -> None:
    assert heard(topic, body) == []


@pytest.mark.parametrize(
    ("topic", "change", "reason"),
    [
        ("openScaleSync/1/measurements/insert", {"userId": 2}, "userId: is not the user of the topic"),
        ("openScaleSync/1/measurements/insert", {"weight": 0.0}, "weight: must be at least 2 kg"),
        ("openScaleSync/1/measurements/insert", {"weight": True}, "weight: must be a number"),
        ("openScaleSync/1/measurements/insert", {"weight": "82"}, "weight: must be a number"),
        ("openScaleSync/1/measurements/insert", {"weight": 1e30}, "weight: must be at most 400 kg"),
        ("openScaleSync/1/measurements/insert", {"date": None}, "date: must be a time like 2026-11-22T07:12+0100"),
        ("openScaleSync/1/measurements/other", {}, "topic: must end in insert, update, delete"),
        ("home/TheengsGateway/BTtoMQTT/5CCAD34CEE74", {"unit": "stone?"}, "unit: must be kg, g, lb, st or jin"),
        ("home/TheengsGateway/BTtoMQTT/5CCAD34CEE74", {"id": "+/#"}, "address: must be 12 hexadecimal digits"),
        ("miscale/Jo/weight", {"weight_unit": None}, "unit: must be kg, g, lb, st or jin"),
        ("application/a1/device/0202020202020202/event/up", {}, "devEui: is not the device of the topic"),
        ("v3/app1@tenant/devices/other/up", {}, "device_id: is not the device of the topic"),
        ("webhook/tenovi/stone", {}, "unit: must be kg, g, lb, st or jin"),
    ],
)
def test_what_is_no_weighing_is_refused_with_its_reason(topic: str, change: dict[str, object], reason: str) -> None:
    bodies: dict[str, dict[str, object]] = {
        "openScaleSync": vectors.OPENSCALE,
        "home": vectors.THEENGS,
        "miscale": vectors.MISCALE,
        "application": vectors.CHIRPSTACK,
        "v3": vectors.THINGS_STACK,
        "webhook": vectors.TENOVI,
    }
    assert refusal(topic, {**bodies[topic.split("/", maxsplit=1)[0]], **change}).reason.startswith(reason)


def test_a_codec_that_is_missing_is_named() -> None:
    up = {key: value for key, value in vectors.CHIRPSTACK.items() if key != "object"}
    said = refusal("application/a1/device/0101010101010101/event/up", up)
    assert said.reason == "object: is missing; the device profile needs a codec"


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("webhook/tenovi/lb", [{**vectors.TENOVI, "value_1": "heavy"}, "x", vectors.TENOVI]),
        (
            "webhook/openscale/home7",
            {"event": "insert", "measurements": [{**vectors.OPENSCALE, "weight": 0.0}, 1, vectors.OPENSCALE]},
        ),
        ("openScaleSync/1/measurements/all", [{**vectors.OPENSCALE, "weight": 450.0}, 1, vectors.OPENSCALE]),
        (
            "openScaleSync/1/measurements/history",
            {"fields": ["date", "weight"], "rows": [[1787202720000, 450.0], [], [1787289120000, 80.0]]},
        ),
        (
            "webhook/withings/12345",
            {"body": {"measuregrps": [{**GROUP, "date": "noon"}, 1, GROUP]}},
        ),
    ],
)
def test_a_bad_item_costs_no_other_and_is_kept_so_that_it_can_be_read_again(topic: str, body: object) -> None:
    first, second, third = (said for _, said in heard(topic, body))
    assert isinstance(third, Claim)
    for bad in (first, second):
        assert isinstance(bad, Refusal)
        assert refusal(topic, bad.raw).reason == bad.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(0, 310).map(lambda n: 10**n) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """An upstream message of which some value is another, or some bytes are."""
    topic, body = draw(st.sampled_from(sorted(vectors.TOPICS.items(), key=lambda item: item[0])))
    text = json.dumps(_changed(draw, body))
    payload = text.encode()
    at = draw(st.integers(0, len(payload)))
    return topic, draw(st.sampled_from([payload, payload[:at], payload[:at] + draw(st.binary()) + payload[at + 1 :]]))


def _changed(draw: st.DrawFn, body: object) -> object:
    """The body with one value somewhere in it replaced."""
    if isinstance(body, dict) and body and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(body)))
        return {**body, key: _changed(draw, body[key])}
    if isinstance(body, list) and body and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(body) - 1))
        return [*body[:at], _changed(draw, body[at]), *body[at + 1 :]]
    return draw(json_values)


def check(message: Message, arrivals: Iterable[Arrival] | None = None) -> None:
    """Whatever is said, by default by the dialect of this topic, is in bounds and can be stored."""
    said = list(arrival.arrivals(message) if arrivals is None else arrivals)
    asked = ordinary.ask(said, [], rate=1)
    assert len(asked.claims) + len(asked.rest) == len(said)
    for one in said:
        assert isinstance(one.said, Claim | Refusal | Retraction)
        if isinstance(one.said, Claim):
            assert one.scale
            assert Decimal(2) <= one.said.weight_kg <= Decimal(400)
            assert one.said.measured_at.utcoffset() == timedelta()
            assert "\0" not in one.said.raw
            one.said.raw.encode()


@given(damaged(), st.booleans(), st.booleans())
def test_a_damaged_message_is_a_reading_in_bounds_or_a_reasoned_refusal(
    damage: tuple[str, bytes], retained: bool, waited: bool
) -> None:
    topic, payload = damage
    check(vectors.message(topic, payload, retained=retained, waited=waited))


@given(st.sampled_from(sorted(vectors.TOPICS)), st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_reading_or_a_reasoned_refusal(topic: str, payload: bytes) -> None:
    check(vectors.message(topic, payload))


levels = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=70)


@given(st.sampled_from(dialects.FILTERS), st.data())
def test_any_name_in_a_topic_is_a_scale_or_a_reasoned_refusal(topic_filter: str, data: st.DataObject) -> None:
    topic = "/".join(data.draw(levels) if level == "+" else level for level in topic_filter.split("/"))
    assert dialects.reader_of(topic)
    check(vectors.message(topic, data.draw(st.sampled_from(sorted(vectors.TOPICS.values(), key=str)))))
