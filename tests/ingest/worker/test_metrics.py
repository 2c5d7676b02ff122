"""What Prometheus reads: every reading counted once, under the word it got."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import httpx2
import pytest

from deploy.servers.embedded_broker import EmbeddedBroker, free_port
from schemas.database import Connection
from tests.fixtures.commands import Start as Program
from tests.ingest.adapters.vectors import TENOVI
from tests.ingest.conftest import ROOT, lend, listens
from tests.ingest.scale import Scale, answers, wait_until
from tests.ingest.web.test_webhook import BEARER, SECRET


@pytest.fixture
def port(database_url: str, broker: EmbeddedBroker, connection: Connection) -> Iterator[int]:
    lend(connection, "p1", "s1")
    port = free_port()
    settings = {"DATABASE_URL": database_url, "BROKER_URL": broker.url, "METRICS_PORT": str(port), "LOG_FORMAT": "json"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.program"],
        cwd=ROOT,
        env={**os.environ, **{f"VIGIE_{name}": value for name, value in settings.items()}},  # noqa: TID251
        stdout=subprocess.DEVNULL,
    )
    assert wait_until(lambda: listens(connection), seconds=30)
    yield port
    process.kill()
    process.wait()


def scraped(port: int) -> str:
    text: str = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return text


def test_each_reading_is_counted_under_its_word(port: int, scale: Scale) -> None:
    good = {"seq": 1, "measured_at": "2026-01-05T06:00:00Z", "weight_kg": 82.4}
    scale.publish("s1", good)
    assert scale.word("s1", 1) == "stored"
    scale.publish("s1", good)
    scale.publish("s1", {**good, "seq": 2, "weight_kg": 8.5})
    scale.publish("s1", {**good, "seq": 3, "weight_kg": 1000})
    assert [scale.word("s1", 1, times=2), scale.word("s1", 2), scale.word("s1", 3)] == [
        "stored",
        "quarantined",
        "rejected",
    ]
    scale.publish("s1", {**good, "weight_kg": 70})
    assert scale.word("s1", 1, times=3) == "stored"
    text = scraped(port)
    for line in (
        'vigie_ingest_received_total{adapter="native-1"} 5.0',
        'vigie_ingest_stored_total{adapter="native-1"} 1.0',
        'vigie_ingest_quarantined_total{adapter="native-1"} 1.0',
        'vigie_ingest_duplicate_total{adapter="native-1"} 1.0',
        'vigie_ingest_rejected_total{adapter="native-1",reason="weight_kg: must be at most 400"} 1.0',
        'vigie_ingest_rejected_total{adapter="native-1",reason="seq_reused"} 1.0',
    ):
        assert line in text
    assert "vigie_ingest_oldest_unacknowledged_seconds" in text
    assert "s1" not in text


def test_the_receiver_of_webhooks_counts_by_adapter_and_who_does_not_know_the_secret(
    start: Program, database_url: str
) -> None:
    port, metrics_port = free_port(), free_port()
    start(
        "deploy.cli",
        "webhook",
        VIGIE_DATABASE_URL=database_url,
        VIGIE_BROKER_URL="mqtt://127.0.0.1:1",
        VIGIE_WEBHOOK_PORT=str(port),
        VIGIE_WEBHOOK_SECRET=SECRET,
        VIGIE_WEBHOOK_METRICS_PORT=str(metrics_port),
    )
    assert wait_until(lambda: answers(port), seconds=30)
    address = f"http://127.0.0.1:{port}/webhook/tenovi/lb"
    for body in (TENOVI, TENOVI, {**TENOVI, "value_1": "heavy"}):
        assert httpx2.post(address, headers=BEARER, json=body).status_code == 200
    assert httpx2.post(address, json=TENOVI).status_code == 401
    text = scraped(metrics_port)
    for line in (
        'vigie_ingest_received_total{adapter="tenovi"} 3.0',
        'vigie_ingest_stored_total{adapter="tenovi"} 1.0',
        'vigie_ingest_duplicate_total{adapter="tenovi"} 1.0',
        'vigie_ingest_rejected_total{adapter="tenovi",reason="weight: must be a number"} 1.0',
        'vigie_ingest_rejected_total{adapter="webhook",reason="secret"} 1.0',
    ):
        assert line in text
