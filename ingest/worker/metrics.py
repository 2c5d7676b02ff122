"""What is ingest doing, in numbers? For Prometheus, on 127.0.0.1 at VIGIE_METRICS_PORT.

The receiver of webhooks counts the same, at VIGIE_WEBHOOK_METRICS_PORT.
Counters begin at nothing with each program. No label holds a device or a patient: each value of one is kept for ever.
"""

from collections import Counter as Tally
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from ingest.adapters.arrival import Arrival
from ingest.storage.store import Outcome

REGISTRY = CollectorRegistry()
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600)
MAX_REASONS = 200  # an adapter's reason may quote what came

RECEIVED = Counter("vigie_ingest_received", "What messages said, by dialect", ["adapter"], registry=REGISTRY)
STORED = Counter("vigie_ingest_stored", "New readings accepted", ["adapter"], registry=REGISTRY)
QUARANTINED = Counter("vigie_ingest_quarantined", "New readings that wait for a human", ["adapter"], registry=REGISTRY)
DUPLICATE = Counter("vigie_ingest_duplicate", "Readings known before", ["adapter"], registry=REGISTRY)
REJECTED = Counter("vigie_ingest_rejected", "What is no reading", ["adapter", "reason"], registry=REGISTRY)
COMMIT = Histogram(
    "vigie_ingest_commit_seconds", "From taking a batch up to its commit", buckets=SECONDS, registry=REGISTRY
)
OLDEST = Gauge("vigie_ingest_oldest_unacknowledged_seconds", "How long it has been here", registry=REGISTRY)
OUTSTANDING = Gauge("vigie_ingest_unacknowledged", "Messages not acknowledged yet", registry=REGISTRY)

_reasons: set[str] = set()


def serve(port: int) -> None:
    """Answer Prometheus on 127.0.0.1 from now on.

    Raises:
        OSError: the port is taken.
    """
    start_http_server(port, addr="127.0.0.1", registry=REGISTRY)


def watch(*, oldest_seconds: Callable[[], float], unacknowledged: Callable[[], float]) -> None:
    """Tell, whenever asked, what waits to be acknowledged."""
    OLDEST.set_function(oldest_seconds)
    OUTSTANDING.set_function(unacknowledged)


def count(arrivals: Sequence[Arrival], outcome: Outcome, *, seconds: float) -> None:
    """Count a batch that was committed after `seconds`."""
    for source, number in Tally(arrival.said.source for arrival in arrivals).items():
        RECEIVED.labels(source).inc(number)
    for (source, reason), number in outcome.refused_for.items():
        REJECTED.labels(source, _bounded(reason)).inc(number)
    for counter, tally in ((STORED, outcome.new), (QUARANTINED, outcome.doubted), (DUPLICATE, outcome.known)):
        for source, number in tally.items():
            counter.labels(source).inc(number)
    COMMIT.observe(seconds)


def _bounded(reason: str) -> str:
    if reason not in _reasons and len(_reasons) >= MAX_REASONS:
        return "other"
    _reasons.add(reason)
    return reason
