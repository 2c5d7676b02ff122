"""The native dialect: what is a reading, what is refused, and with which words."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters import native, strict_json
from ingest.claim import Claim, Condition, Refusal

GOOD: dict[str, object] = {"seq": 412, "measured_at": "2026-11-22T07:12:05+01:00", "weight_kg": 82.4}


def refusal(payload: bytes) -> tuple[int | None, str]:
    [said] = native.decode(payload)
    assert isinstance(said, Refusal)
    return (said.seq, said.reason)


def test_the_example_of_the_interface_is_a_claim() -> None:
    payload = (
        b'{"seq": 412, "measured_at": "2026-11-22T07:12:05+01:00", "weight_kg": 82.4, '
        b'"sent_at": "2026-11-22T07:12:09+01:00", "battery_pct": 81, "impedance_ohm": 503, "firmware": "1.4.2"}'
    )
    assert native.decode(payload) == [
        Claim(
            seq=412,
            measured_at=datetime(2026, 11, 22, 6, 12, 5, tzinfo=UTC),
            weight_kg=Decimal("82.4"),
            sent_at=datetime(2026, 11, 22, 6, 12, 9, tzinfo=UTC),
            condition=Condition(battery_pct=81, firmware="1.4.2"),
            raw=payload.decode(),
        )
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weight_kg": 400.1}, "weight_kg: must be at most 400"),
        ({"weight_kg": 1.9}, "weight_kg: must be at least 2"),
        ({"weight_kg": 0}, "weight_kg: must be at least 2"),
        ({"weight_kg": -82.4}, "weight_kg: must be at least 2"),
        ({"weight_kg": "82.4"}, "weight_kg: must be a number"),
        ({"weight_kg": True}, "weight_kg: must be a number"),
        ({"weight_kg": None}, "weight_kg: must be a number"),
        ({"weight_kg": [82.4]}, "weight_kg: must be a number"),
        ({"measured_at": "2026-11-22T07:12:05"}, "measured_at: needs an offset"),
        ({"measured_at": "22/11/2026"}, "measured_at: must look like 2026-11-22T07:12:05+01:00"),
        ({"measured_at": "2026-02-30T07:12:05Z"}, "measured_at: is no date and time that exists"),
        ({"measured_at": 1763791925}, "measured_at: must be a text"),
        ({"sent_at": "2026-11-22T07:12:05"}, "sent_at: needs an offset"),
        ({"note": "x" * 300_000}, "payload: one reading must be at most 256 KiB"),
    ],
)
def test_what_is_no_weighing_is_refused_by_its_seq(change: dict[str, object], reason: str) -> None:
    assert refusal(json.dumps(GOOD | change).encode()) == (412, reason)


@pytest.mark.parametrize("field", ["measured_at", "weight_kg"])
def test_a_missing_field_is_named(field: str) -> None:
    assert refusal(json.dumps({k: v for k, v in GOOD.items() if k != field}).encode()) == (412, f"{field}: is missing")


@pytest.mark.parametrize(
    ("seq", "named", "reason"),
    [
        ("-1", -1, "seq: must be at least 0"),
        ("1.0", None, "seq: must be an integer"),
        ("true", None, "seq: must be an integer"),
        ('"412"', None, "seq: must be an integer"),
        ("null", None, "seq: must be an integer"),
        (str(2**63), 2**63, "seq: must be at most 9223372036854775807"),
        (str(10**40), 10**40, "seq: must be at most 9223372036854775807"),
        ("-" + "9" * 300, -int("9" * 300), "seq: must be at least 0"),
        ("1.5", None, "seq: must be an integer"),
        ("4e2", None, "seq: must be an integer"),
        ("9" * 301, None, "seq: must be at most 9223372036854775807"),
    ],
)
def test_a_seq_is_an_integer_that_can_be_kept(seq: str, named: int | None, reason: str) -> None:
    payload = json.dumps(GOOD).replace("412", seq).encode()
    assert refusal(payload) == (named, reason)


@pytest.mark.parametrize(
    ("payload", "seq", "reason"),
    [
        (b'{"seq": 1, "weight_kg": 72.5, "weight_kg": 90}', 1, "payload: a key is given twice"),
        (b'{"seq": 1, "seq": 2, "weight_kg": 90}', None, "payload: a key is given twice"),
        (b'{"seq": 1, "more": [{"a": 1, "a": 2}]}', 1, "payload: a key is given twice"),
        (b'{"seq": 1, "weight_kg": NaN}', 1, "payload: NaN and Infinity are not JSON"),
        (b'{"seq": 1, "more": [[-Infinity]]}', 1, "payload: NaN and Infinity are not JSON"),
        (b'{"seq": 1, "measured_at": "2026-11-22T07:12:05Z", "weight_kg": 1e400}', 1, "weight_kg: must be at most 400"),
        (b"", None, "payload: is not JSON"),
        (b"82.4 kg", None, "payload: is not JSON"),
        (b'{"seq": 1} {"seq": 2}', None, "payload: is not JSON"),
        (b'{"seq": 1\xff}', None, "payload: is not UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, None, "payload: is nested too deeply"),
        (b"null", None, "payload: must be an object"),
        (b"x" * (strict_json.MESSAGE_BYTES + 1), None, "payload: must be at most 2 MiB"),
        (b'{"readings": []}', None, "readings: must be a list of at least one reading"),
        (b'{"readings": {"seq": 1}}', None, "readings: must be a list of at least one reading"),
    ],
)
def test_what_is_not_strict_json_is_refused(payload: bytes, seq: int | None, reason: str) -> None:
    assert refusal(payload) == (seq, reason)


def test_each_item_of_a_batch_stands_for_itself() -> None:
    payload = b'{"sent_at": "2026-11-22T07:00:00Z", "readings": [%s, {"seq": 2, "seq": 2}, {"seq": 3}, 4]}'
    said = native.decode(payload % json.dumps(GOOD).encode())
    assert [type(one) for one in said] == [Claim, Refusal, Refusal, Refusal]
    assert [one.seq for one in said] == [412, None, 3, None]
    assert isinstance(said[0], Claim)
    assert said[0].sent_at == datetime(2026, 11, 22, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "silly", [{"battery_pct": 900}, {"battery_pct": "full"}, {"battery_pct": True}, {"firmware": 3}, {"firmware": "\0"}]
)
def test_a_silly_battery_or_firmware_costs_no_weighing(silly: dict[str, object]) -> None:
    [said] = native.decode(json.dumps(GOOD | silly).encode())
    assert isinstance(said, Claim)
    assert said.condition == Condition()


@pytest.mark.parametrize(
    ("payload", "condition"),
    [
        (b'{"state": "online", "battery_pct": 81}', Condition(online=True, battery_pct=81)),
        (b'{"state": "offline"}', Condition(online=False)),
        (b'{"state": "asleep"}', None),
        (b'{"state": ["online"]}', None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_a_state_is_online_or_offline_or_nothing(payload: bytes, condition: Condition | None) -> None:
    assert native.decode_status(payload) == condition


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(["seq", "measured_at", "weight_kg", "sent_at", "readings", "battery_pct", "firmware", "state"])


@given(payload=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_claim_or_a_refusal(payload: bytes) -> None:
    assert native.decode(payload)
    native.decode_status(payload)


@given(change=st.dictionaries(fields, json_values), cut=st.integers(0, 200), at=st.integers(0, 200), byte=st.binary())
def test_a_message_with_damage_is_a_claim_or_a_refusal_and_a_claim_is_in_bounds(
    change: dict[str, object], cut: int, at: int, byte: bytes
) -> None:
    whole = json.dumps(GOOD | change).encode()
    for payload in (whole, whole[:cut], whole[:at] + byte + whole[at + 1 :]):
        for said in native.decode(payload):
            if isinstance(said, Claim):
                assert Decimal(2) <= said.weight_kg <= Decimal(400)
                assert said.measured_at.utcoffset() is not None
                assert "\0" not in said.raw


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_a_batch_says_something_of_every_seq_in_its_order(seqs: list[int]) -> None:
    payload = json.dumps({"readings": [GOOD | {"seq": seq} for seq in seqs]}).encode()
    assert [said.seq for said in native.decode(payload)] == seqs
