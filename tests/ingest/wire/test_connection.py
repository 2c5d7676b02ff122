"""Messages in, receipts out, acknowledgements last: by mosquitto (5) and iotcore (3.1.1), in bulk, in bursts or not."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.networks import AnyUrl

from deploy.servers import embedded_broker
from deploy.servers.embedded_broker import EmbeddedBroker, free_port
from ingest.wire import bulk, subscriber
from ingest.wire.connection import V5, V311, Access, Delivery, NoBrokerError
from ingest.wire.plain import PlainClient
from ingest.wire.subscriber import Subscriber
from ingest.wire.subscriptions import Share
from schemas.clock import real_now
from schemas.settings import BrokerSettings
from tests.ingest.scale import Scale, answers, wait_until

COUNT = 3000  # more than either broker keeps in flight at once


@pytest.fixture(params=["mosquitto", "iotcore"])
def port(request: pytest.FixtureRequest, broker: EmbeddedBroker) -> int:
    return int(request.getfixturevalue("iotcore")) if request.param == "iotcore" else broker.port


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a mosquitto that wants TLS and a password, and the file of its certificate."""
    program, openssl = embedded_broker.mosquitto_program(), shutil.which("openssl")
    passwd = shutil.which("mosquitto_passwd")
    if not (program and openssl and passwd):
        pytest.skip("mosquitto and openssl are not installed")
    port, cert, key, names = free_port(), tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "names"
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    make += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run([passwd, "-b", "-c", str(names), "ingest", "p@ss/word"], check=True, capture_output=True)
    conf = tmp_path / "secure.conf"
    lines = [f"listener {port} 127.0.0.1", f"certfile {cert}", f"keyfile {key}", f"password_file {names}"]
    conf.write_text("\n".join([*lines, "allow_anonymous false", *(["user root"] if os.geteuid() == 0 else []), ""]))
    process = subprocess.Popen([program, "-c", str(conf)])
    assert wait_until(lambda: answers(port))
    yield port, cert
    process.kill()
    process.wait()


def subscribe(port: int) -> Subscriber:
    return to(f"mqtt://127.0.0.1:{port}")


def to(url: str, *, ca_file: Path | None = None) -> Subscriber:
    access = Access(url=AnyUrl(url), tls=BrokerSettings(ca_file=ca_file))
    return Subscriber(access, Share(), now=real_now, stop=threading.Event())


def receipt(delivery: Delivery) -> tuple[str, bytes]:
    seq = delivery.message.payload.decode()
    return delivery.message.topic.replace("/reading", "/receipt"), (
        f'{{"stored": [{seq}], "quarantined": [], "rejected": []}}'.encode()
    )


def answer(count: int, ingest: Subscriber) -> list[bytes]:
    """Receipt and acknowledge so many; what came, in its order."""
    came: list[bytes] = []
    for batch in ingest.batches():
        came += [delivery.message.payload for delivery in batch]
        subscriber.publish([receipt(delivery) for delivery in batch], batch)
        subscriber.acknowledge(batch)
        if len(came) >= count:
            break
    return came


@pytest.mark.parametrize("way", ["bulk", "bursts", "one by one"])
def test_everything_comes_once_in_order_and_is_receipted(port: int, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way != "bulk":
        monkeypatch.setattr(bulk, "works", lambda: False)
    if way == "one by one":
        monkeypatch.delattr(PlainClient, "loop_read")
    with subscribe(port) as ingest:
        assert wait_until(lambda: ingest.detail == "ok", seconds=30)
        with Scale(port) as scale:
            for seq in range(COUNT):
                scale.publish("s1", str(seq).encode())
            came = answer(COUNT, ingest)
            assert wait_until(lambda: len(scale.words) == COUNT)
    assert came == [str(seq).encode() for seq in range(COUNT)]


def test_what_was_not_acknowledged_comes_again_and_the_old_connection_takes_no_receipt(broker: EmbeddedBroker) -> None:
    with subscribe(broker.port) as ingest, Scale(broker.port) as scale:
        assert wait_until(lambda: ingest.detail == "ok", seconds=30)
        scale.publish("s1", b"1")
        before = next(ingest.batches())
        assert ingest.outstanding == 1
        before[0].connection.close()
        with pytest.raises(NoBrokerError):
            subscriber.publish([receipt(before[0])], before)
        again = next(ingest.batches())
        subscriber.acknowledge(before)  # of a connection that is gone: says nothing to the broker
        assert [(one.message.payload, one.message.may_have_waited) for one in again] == [(b"1", True)]
        assert again[0].connection is not before[0].connection
        assert ingest.outstanding == 1
        subscriber.acknowledge(again)
        assert ingest.outstanding == 0


def test_mqtt_5_where_it_is_spoken_and_3_1_1_where_not(broker: EmbeddedBroker, iotcore: int) -> None:
    for port, version in ((broker.port, V5), (iotcore, V311)):
        with subscribe(port) as ingest, Scale(port) as scale:
            assert wait_until(lambda: ingest.detail == "ok", seconds=30)
            scale.publish("s1", b"1")
            [delivery] = next(ingest.batches())
            assert delivery.connection.version == version


@pytest.mark.parametrize(
    ("word", "trusted", "detail"),
    [
        ("p%40ss%2Fword", True, "ok"),
        ("wrong", True, "the broker refuses us: Not authorized"),
        ("p%40ss%2Fword", False, "the broker cannot be reached: "),
    ],
)
@pytest.mark.filterwarnings(  # paho leaves the socket of a failed handshake to the garbage collector
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_broker_that_wants_tls_and_a_password_lets_us_in_with_both_and_says_why_not(
    secure: tuple[int, Path], word: str, detail: str, *, trusted: bool
) -> None:
    port, cert = secure
    with to(f"mqtts://ingest:{word}@127.0.0.1:{port}", ca_file=cert if trusted else None) as ingest:
        assert wait_until(lambda: ingest.detail.startswith(detail)), ingest.detail
