"""Several workers, and patients who weigh while days of backlog lie in the broker."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.embedded_broker import EmbeddedBroker
from ingest import subscriptions
from ingest.dialects import FILTERS
from ingest.subscriptions import Share
from schemas.database import Connection
from tests.ingest.conftest import ROOT, Nursery, Start, lend, listens
from tests.ingest.scale import Scale, wait_until

MONDAY = datetime(2026, 1, 5, 6, tzinfo=UTC)


def weigh(scale: Scale, device: str, seqs: range) -> None:
    for seq in seqs:
        at = MONDAY + timedelta(minutes=seq)
        scale.publish(device, {"seq": seq, "measured_at": at.isoformat(), "weight_kg": 82.4})


def weigh_again(scale: Scale) -> bool:
    """As a scale without an answer; never true by itself."""
    weigh(scale, "s1", range(1))
    time.sleep(0.3)
    return False


def receipted(scale: Scale, count: int) -> Callable[[], bool]:
    return lambda: sum(1 for words in list(scale.words.values()) if words) == count


def batches(log: Path) -> int:
    return log.read_text().count('"event": "batch"')


def test_who_weighs_now_is_not_behind_the_backlog(start_ingest: Start, scale: Scale, connection: Connection) -> None:
    lend(connection, "p1", "s1")
    lend(connection, "p2", "s2")
    process = start_ingest("slow", "0.5")  # the database takes half a second for a batch of at most 2,000
    assert wait_until(lambda: listens(connection), seconds=30)
    process.kill()
    process.wait()
    weigh(scale, "s1", range(24_000))
    scale.wait_until_taken()
    start_ingest("slow", "0.5")
    assert wait_until(lambda: any(scale.words.values()), seconds=30)
    time.sleep(2)  # patience with a backlog is half a second in this program
    before = time.monotonic()
    weigh(scale, "s2", range(1))
    assert scale.word("s2", 0) == "stored"
    waited = time.monotonic() - before
    behind = 24_000 - sum(1 for (device, _), words in list(scale.words.items()) if device == "s1" and words)
    assert behind > 4000, "nothing was left to be let past: the machine is too fast for this test"
    assert waited < 3
    assert wait_until(receipted(scale, 24_001), seconds=60)
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (24_001,)


def test_two_workers_share_and_a_killed_one_strands_nothing_longer_than_its_restart(
    nursery: Nursery, scale: Scale, connection: Connection
) -> None:
    lend(connection, "p1", "s1")
    first, second = nursery.start(worker=1), nursery.start(worker=2)
    assert wait_until(lambda: listens(connection), seconds=30)
    time.sleep(1)
    weigh(scale, "s1", range(2000))
    nursery.kill(second)
    assert wait_until(lambda: any(scale.words.values()))
    second = nursery.start(worker=2)
    assert wait_until(receipted(scale, 2000), seconds=30)
    assert nursery.lives(first)
    connection.rollback()
    assert connection.execute("SELECT count(*), count(DISTINCT seq) FROM reading").fetchone() == (2000, 2000)


def test_a_second_ingest_of_the_same_number_says_so_and_ends_and_the_first_goes_on(
    start_ingest: Start, scale: Scale, connection: Connection, tmp_path: Path, database_url: str, broker: EmbeddedBroker
) -> None:
    lend(connection, "p1", "s1")
    first = start_ingest()
    assert wait_until(lambda: listens(connection), seconds=30)
    settings = {"HOME": str(tmp_path), "DATABASE_URL": database_url, "BROKER_URL": broker.url}
    second = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "ingest", "--worker", "1"],
        cwd=ROOT,
        env={**os.environ, **{f"VIGIE_{name}": value for name, value in settings.items()}},  # noqa: TID251
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert (
        "another ingest is at work as worker 1 on this database: end it, or give each its own number" in second.stderr
    )
    weigh(scale, "s1", range(1))
    assert scale.word("s1", 0) == "stored"
    assert first.poll() is None
    assert "took our place" not in (tmp_path / "ingest.log").read_text()


def test_the_only_worker_of_yesterday_is_the_first_of_two_today(
    nursery: Nursery, scale: Scale, connection: Connection, tmp_path: Path
) -> None:
    lend(connection, "p1", "s1")
    alone = nursery.start()
    assert wait_until(lambda: listens(connection), seconds=30)
    nursery.kill(alone)
    weigh(scale, "s1", range(10))
    nursery.start(worker=1)
    assert wait_until(receipted(scale, 10), seconds=30)
    done = batches(tmp_path / "ingest.log")
    weigh(scale, "s1", range(10, 11))
    assert wait_until(receipted(scale, 11))
    time.sleep(0.3)
    assert batches(tmp_path / "ingest.log") == done + 1  # by its share alone, not by the old subscription as well


@pytest.mark.parametrize(
    ("share", "shared", "wanted"),
    [
        (Share(), True, ["vigie/1/+/+/reading", "vigie/1/+/+/status", *FILTERS]),
        (
            Share(worker=2),
            True,
            [f"$share/vigie/{name}" for name in ("vigie/1/+/+/reading", "vigie/1/+/+/status", *FILTERS)],
        ),
        (Share(worker=2), False, ["vigie/1/+/+/reading", "vigie/1/+/+/status", *FILTERS]),
        (Share(worker=1, sites=("a",)), False, ["vigie/1/a/+/reading", "vigie/1/a/+/status", *FILTERS]),
        (Share(worker=2, sites=("b",)), False, ["vigie/1/b/+/reading", "vigie/1/b/+/status"]),
    ],
)
def test_a_worker_subscribes_to_its_part_and_gives_up_the_rest(
    share: Share, wanted: list[str], *, shared: bool
) -> None:
    ours, given_up = subscriptions.filters(share, shared=shared)
    assert ours == wanted
    assert not set(ours) & set(given_up)
    if shared:
        assert len({*ours, *given_up}) == 2 * (2 + len(FILTERS))


def test_disjoint_sites_divide_the_load_where_the_broker_cannot(
    broker: EmbeddedBroker, start_ingest: Start, scale: Scale, connection: Connection
) -> None:
    lend(connection, "p1", "s1")
    start_ingest("sites", "elsewhere")
    assert wait_until(lambda: listens(connection), seconds=30)
    weigh(scale, "s1", range(1))
    time.sleep(1)
    assert not any(scale.words.values())
    start_ingest("sites", "home")
    assert wait_until(lambda: weigh_again(scale) or bool(scale.words["s1", 0]), seconds=30)
