"""The production example, with a certificate of the test's own: who may write and read what."""

import queue
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from deploy.servers import unprivileged
from deploy.servers.embedded_broker import free_port, mosquitto_program
from ingest.adapters import dialects, home_assistant

SOURCES = Path(__file__).parents[2] / "deploy" / "mosquitto"
TOOLS = shutil.which("openssl") and shutil.which("mosquitto_passwd") and mosquitto_program()
pytestmark = pytest.mark.skipif(not TOOLS, reason="mosquitto and openssl are not installed")
USERS = ("ingest", "home/S1", "home/S2")


@dataclass(frozen=True)
class Broker:
    port: int
    ca_file: Path

    def connect(self, user: str, password: str = "secret") -> tuple[mqtt.Client, "queue.Queue[str]"]:
        """A client, connected, and the topics that reach it."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, user, protocol=MQTTProtocolVersion.MQTTv311)
        client.username_pw_set(user, password)
        client.tls_set_context(ssl.create_default_context(cafile=self.ca_file))
        welcomed: queue.Queue[str] = queue.Queue()
        topics: queue.Queue[str] = queue.Queue()
        client.on_connect = lambda _client, _data, _flags, reason, _properties: welcomed.put(str(reason))
        client.on_message = lambda _client, _data, message: topics.put(message.topic)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        assert welcomed.get(timeout=10) == "Success"
        return client, topics


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("mosquitto")
    user = unprivileged.service_user(folder)
    state = folder / "state"
    unprivileged.give(state, user)
    certificate, key = folder / "vigie.crt", folder / "vigie.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    passwords = folder / "vigie.passwd"
    passwords.touch()
    for name in USERS:
        subprocess.run(["mosquitto_passwd", "-b", passwords, name, "secret"], check=True, capture_output=True)
    port = free_port()
    conf = (SOURCES / "vigie.conf").read_text()
    for there, here in (
        ("listener 8883", f"listener {port} 127.0.0.1"),
        ("/etc/mosquitto/certs/vigie.crt", str(certificate)),
        ("/etc/mosquitto/certs/vigie.key", str(key)),
        ("/etc/mosquitto/vigie.passwd", str(passwords)),
        ("/etc/mosquitto/vigie.acl", str(SOURCES / "vigie.acl")),
        ("/var/lib/mosquitto", str(state)),
    ):
        assert there in conf
        conf = conf.replace(there, here)
    (folder / "vigie.conf").write_text(conf)
    program = mosquitto_program()
    assert program
    command = [*unprivileged.command_prefix(user), program, "-c", str(folder / "vigie.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_for(port, process)
        yield Broker(port, certificate)
        process.terminate()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return


def end(*clients: mqtt.Client) -> None:
    for client in clients:
        client.disconnect()
        client.loop_stop()


def subscribe(client: mqtt.Client, topic: str) -> None:
    done: queue.Queue[bool] = queue.Queue()
    client.on_subscribe = lambda *_: done.put(True)
    client.subscribe(topic, qos=1)
    assert done.get(timeout=10)


def test_a_scale_writes_only_as_itself_and_is_not_hung_up_on_for_trying_otherwise(broker: Broker) -> None:
    ingest, heard = broker.connect("ingest")
    subscribe(ingest, "vigie/1/+/+/reading")
    scale, _ = broker.connect("home/S1")
    hung_up: queue.Queue[bool] = queue.Queue()
    scale.on_disconnect = lambda *_: hung_up.put(True)
    scale.publish("vigie/1/home/S2/reading", b"{}", qos=1).wait_for_publish(10)
    with pytest.raises(queue.Empty):
        hung_up.get(timeout=0.2)
    scale.publish("vigie/1/home/S1/reading", b"{}", qos=1).wait_for_publish(10)
    assert heard.get(timeout=10) == "vigie/1/home/S1/reading"
    end(ingest, scale)


def test_a_scale_reads_only_its_own_receipts(broker: Broker) -> None:
    ingest, _ = broker.connect("ingest")
    scale, heard = broker.connect("home/S2")
    subscribe(scale, "#")
    ingest.publish("vigie/1/home/S1/receipt", b"{}", qos=1).wait_for_publish(10)
    ingest.publish("vigie/1/home/S2/receipt", b"{}", qos=1).wait_for_publish(10)
    assert heard.get(timeout=10) == "vigie/1/home/S2/receipt"
    end(ingest, scale)


def test_ingest_may_read_every_dialect() -> None:
    allowed = re.findall(r"^topic read (.*)$", (SOURCES / "vigie.acl").read_text(), flags=re.MULTILINE)
    assert {*dialects.FILTERS, *home_assistant.FILTERS} <= set(allowed)


def test_a_wrong_password_is_refused(broker: Broker) -> None:
    with pytest.raises(AssertionError, match="Not authorized"):
        broker.connect("home/S1", "guess")
