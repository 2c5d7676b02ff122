"""Reading in bulk is reading as paho does, however the bytes come; and a paho that is not as we know it is noticed."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import MQTTErrorCode

from ingest.wire import bulk, packets
from ingest.wire.bulk import BulkClient
from ingest.wire.connection import V5, V311
from ingest.wire.packets import MalformedError, Published
from ingest.wire.plain import PlainClient

TOPICS = st.text(st.characters(codec="utf-8", exclude_characters="\0#+"), min_size=1, max_size=200)
MESSAGES = st.lists(st.tuples(TOPICS, st.binary(max_size=300), st.integers(1, 65535)), min_size=1, max_size=8)
OTHERS = (b"\xd0\x00", b"\x40\x02\x00\x09")  # PINGRESP, PUBACK: go to paho, or are counted


def wire(messages: list[tuple[str, bytes, int]], *, version: int) -> bytes:
    parts = []
    for place, (topic, payload, mid) in enumerate(messages):
        parts.append(packets.publish(topic, payload, mid=mid, properties=version == V5))
        parts.append(OTHERS[place % 2])
    return b"".join(parts)


@contextmanager
def client(
    kind: type[BulkClient] | type[PlainClient], version: int
) -> Iterator[tuple[BulkClient | PlainClient, socket.socket, list[Published]]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        one = kind(client_id="c", protocol=V5 if version == V5 else V311, kept=False)
        came: list[Published] = []
        one.take = came.extend
        one._sock = ours  # noqa: SLF001 what paho's connect does
        yield one, theirs, came
        one._sock = None  # noqa: SLF001


def read(one: BulkClient | PlainClient, theirs: socket.socket, data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        theirs.sendall(data[start:end])
        for _ in range(40):  # paho reads a packet at a time
            assert one.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS


@given(messages=MESSAGES, cuts=st.lists(st.integers(0, 10_000), max_size=6), version=st.sampled_from([V5, V311]))
def test_in_bulk_and_by_paho_the_same_messages_come_in_the_same_order(
    messages: list[tuple[str, bytes, int]], cuts: list[int], version: int
) -> None:
    data = wire(messages, version=version)
    found = []
    for kind in (BulkClient, PlainClient):
        with client(kind, version) as (one, theirs, came):
            read(one, theirs, data, cuts)
            found.append(list(came))
    assert found[0] == found[1] == [Published(t.encode(), p, mid, 1, retain=False) for t, p, mid in messages]


@given(st.binary(max_size=60))
def test_bytes_that_are_no_mqtt_end_the_connection_and_nothing_else(data: bytes) -> None:
    try:
        found, end = packets.split(data)
        for packet in found:
            packets.published(packet, properties=True)
    except MalformedError:
        return
    assert 0 <= end <= len(data)


def test_acknowledgements_of_ours_are_counted_and_ours_go_out_as_one() -> None:
    with client(BulkClient, V5) as (one, theirs, _):
        counted: list[int] = []
        one.acknowledged = counted.append
        theirs.sendall(b"\x40\x02\x00\x01\x40\x03\x00\x02\x10")
        one.loop_read()
        one.acknowledge([3, 65535])
        one.send([("a", b"1"), ("b", b"2")])
        one.loop_write()
        sent = theirs.recv(1000)
    assert counted == [2]
    assert sent.startswith(b"\x40\x02\x00\x03\x40\x02\xff\xff")
    assert [(p.topic, p.mid) for p in (packets.published(x, properties=True) for x in packets.split(sent)[0][2:])] == [
        (b"a", 1), (b"b", 2)
    ]  # fmt: skip


def test_this_paho_is_as_we_know_it_and_another_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    bulk.works.cache_clear()
    assert bulk.works()
    for broken in ("_packet_queue", "_sock_recv", "_packet_handle"):
        bulk.works.cache_clear()
        with monkeypatch.context() as changed:
            changed.setattr(BulkClient, broken, lambda *_: None)
            assert not bulk.works(), broken
    bulk.works.cache_clear()
