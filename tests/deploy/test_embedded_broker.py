import os
import queue
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from deploy.servers import embedded_broker
from deploy.servers.embedded_broker import EmbeddedBroker, free_port
from tests.fixtures.commands import Start

TOPIC = "vigie/1/home/S1/reading"
Connect = Callable[[int, str], mqtt.Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[mqtt.Client] = []

    def connect(port: int, name: str) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv311)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.disconnect()
        client.loop_stop()


def wait_until_it_answers(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def carried(connect: Connect, port: int, payload: bytes) -> bytes:
    """What a subscriber gets of `payload`, published with QoS 1."""
    subscribed: queue.Queue[bool] = queue.Queue()
    received: queue.Queue[bytes] = queue.Queue()
    subscriber = connect(port, "subscriber")
    subscriber.on_connect = lambda client, *_: client.subscribe("vigie/1/+/+/reading", qos=1)
    subscriber.on_subscribe = lambda *_: subscribed.put(True)
    subscriber.on_message = lambda _client, _data, message: received.put(bytes(message.payload))
    subscriber.connect("127.0.0.1", port)
    subscriber.loop_start()
    assert subscribed.get(timeout=10)
    publisher = connect(port, "publisher")
    publisher.connect("127.0.0.1", port)
    publisher.loop_start()
    publisher.publish(TOPIC, payload, qos=1).wait_for_publish(10)
    return received.get(timeout=10)


@pytest.mark.parametrize("payload", [b"{}", b"x" * (2 * 1024 * 1024 - 100)], ids=["small", "two_mebibytes"])
def test_the_broker_of_the_wheel_carries_a_reading_and_a_large_batch(
    start: Start, connect: Connect, payload: bytes
) -> None:
    port = free_port()
    broker = start("deploy.servers.iotcore_broker", str(port))
    wait_until_it_answers(port)
    assert carried(connect, port, payload) == payload
    assert broker.end(signal.SIGINT) == -signal.SIGINT  # what the kernel sends it when its parent dies


@pytest.mark.skipif(embedded_broker.mosquitto_program() is None, reason="mosquitto is not installed")
def test_mosquitto_carries_a_large_batch(broker: EmbeddedBroker, connect: Connect) -> None:
    payload = b"x" * (2 * 1024 * 1024 - 100)
    assert carried(connect, broker.port, payload) == payload


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that the broker's user may not enter")
@pytest.mark.skipif(embedded_broker.mosquitto_program() is None, reason="mosquitto is not installed")
def test_mosquitto_runs_for_root_in_a_folder_that_only_root_may_enter(tmp_path: Path, connect: Connect) -> None:
    closed = tmp_path / "root"
    closed.mkdir(mode=0o700)
    with EmbeddedBroker(closed / "broker", port=free_port()) as broker:
        assert carried(connect, broker.port, b"{}") == b"{}"
        folder = closed / "broker" / "mosquitto"
    assert (folder / "mosquitto.db").stat().st_uid != 0  # it saved its queues as its own user
