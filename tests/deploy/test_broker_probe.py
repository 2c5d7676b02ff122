"""What `vigie doctor` says of a broker, found out with real messages: of one set well, badly, and closed to us."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.networks import AnyUrl

from deploy.servers import broker_probe
from deploy.servers.embedded_broker import EmbeddedBroker, free_port, mosquitto_program
from schemas.settings import BrokerSettings
from tests.ingest.scale import wait_until

mosquitto = pytest.mark.skipif(mosquitto_program() is None, reason="needs mosquitto")


def sentences(port: int) -> dict[str, bool]:
    answers = broker_probe.probe(AnyUrl(f"mqtt://127.0.0.1:{port}"), BrokerSettings())
    return {answer.sentence: answer.fine for answer in answers}


@pytest.fixture
def plain_broker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    """mosquitto with its defaults and these lines."""
    port, program = free_port(), mosquitto_program()
    assert program
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{getattr(request, 'param', '')}")
    tmp_path.chmod(0o755)
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    assert wait_until(lambda: _answers(port))
    yield port
    process.kill()
    process.wait()


def _answers(port: int) -> bool:
    try:
        list(broker_probe.probe(AnyUrl(f"mqtt://127.0.0.1:{port}"), BrokerSettings()))[:1]
    except OSError:
        return False
    return True


@mosquitto
def test_of_our_own_broker_nothing_is_wrong(broker: EmbeddedBroker) -> None:
    found = sentences(broker.port)
    assert all(found.values()), found
    assert "all of 1500 messages were kept for a client that was away" in found


@mosquitto
def test_the_defaults_of_mosquitto_drop_in_silence_and_that_is_said(plain_broker: int) -> None:
    found = sentences(plain_broker)
    [dropped] = [sentence for sentence, fine in found.items() if not fine]
    assert "max_queued_messages 100000000" in dropped
    assert any(sentence.startswith("20 messages in flight") for sentence in found)


@mosquitto
@pytest.mark.parametrize("plain_broker", ["password_file /dev/null\nallow_anonymous false"], indirect=True)
def test_a_broker_that_lets_nobody_in_is_named(plain_broker: int) -> None:
    [(sentence, fine)] = sentences(plain_broker).items()
    assert not fine
    assert "does not let us in" in sentence
