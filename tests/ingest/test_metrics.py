"""What Prometheus reads: every reading counted once, under the word it got."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from deploy.embedded_broker import EmbeddedBroker, free_port
from schemas.database import Connection
from tests.ingest.conftest import ROOT, lend, listens
from tests.ingest.scale import Scale, wait_until


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
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    for line in (
        'vigie_ingest_received_total{adapter="native-1"} 4.0',
        "vigie_ingest_stored_total 1.0",
        "vigie_ingest_quarantined_total 1.0",
        "vigie_ingest_duplicate_total 1.0",
        'vigie_ingest_rejected_total{adapter="native-1",reason="weight_kg: must be at most 400"} 1.0',
    ):
        assert line in text
    assert "vigie_ingest_oldest_unacknowledged_seconds" in text
    assert "s1" not in text
