"""Several workers, and patients who weigh while days of backlog lie in the broker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy import doctor
from deploy.servers.embedded_broker import EmbeddedBroker
from ingest.adapters.dialects import FILTERS
from ingest.wire import subscriptions
from ingest.wire.subscriptions import Share
from schemas.database import Connection
from schemas.settings import Settings
from tests.ingest.conftest import ROOT, Nursery, Start, lend, listens
from tests.ingest.scale import Scale, wait_until

MONDAY = datetime(2026, 1, 5, 6, tzinfo=UTC)


def weigh(scale: Scale, device: str, seqs: range, *, site: str = "home") -> None:
    for seq in seqs:
        at = MONDAY + timedelta(minutes=seq)
        scale.publish(device, {"seq": seq, "measured_at": at.isoformat(), "weight_kg": 82.4}, site=site)


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


def test_each_worker_beats_for_itself_and_only_the_one_that_was_killed_is_missed(
    nursery: Nursery, connection: Connection, database_url: str
) -> None:
    pids = {worker: nursery.start(worker=worker) for worker in (1, 2, 3)}

    def beats() -> dict[object, object]:
        connection.rollback()
        return dict(connection.execute("SELECT service, detail FROM heartbeat").fetchall())  # type: ignore[arg-type] # pairs

    assert wait_until(lambda: beats() == {"ingest": "ok", "ingest-2": "ok", "ingest-3": "ok"}, seconds=30)
    os.kill(pids[3], signal.SIGTERM)
    nursery.kill(pids[2])
    assert wait_until(lambda: beats() == {"ingest": "ok", "ingest-2": "ok", "ingest-3": "ended"}, seconds=30)
    connection.execute("UPDATE heartbeat SET at = at - interval '40 s' WHERE service IN ('ingest-2', 'ingest-3')")
    connection.commit()
    found = doctor.examine(Settings(database_url=SecretStr(database_url)))
    programs = {finding.subject: finding.fine for finding in found if finding.subject.startswith("ingest")}
    assert programs == {"ingest": True, "ingest-2": False}


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


def test_a_worker_that_ends_in_order_leaves_its_share_to_the_others(
    nursery: Nursery, scale: Scale, connection: Connection
) -> None:
    lend(connection, "p1", "s1")
    nursery.start(worker=1)
    second = nursery.start(worker=2)
    assert wait_until(lambda: listens(connection) and listens(connection, "ingest-2"), seconds=30)
    os.kill(second, signal.SIGTERM)
    assert wait_until(lambda: nursery.is_dead(second), seconds=15)
    weigh(scale, "s1", range(200))
    assert wait_until(receipted(scale, 200))


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


NATIVE = ("vigie/1/+/+/reading", "vigie/1/+/+/status")
OTHERS = ("vigie/1/+/+/+/+/#", *FILTERS)


@pytest.mark.parametrize(
    ("share", "shared", "wanted"),
    [
        (Share(), True, [*NATIVE, *OTHERS]),
        (
            Share(worker=2),
            True,
            [f"$share/vigie/{name}" for name in (*NATIVE, *OTHERS)],
        ),
        (Share(worker=2), False, [*NATIVE, *OTHERS]),
        (Share(worker=1, sites=("a",)), False, ["vigie/1/a/+/reading", "vigie/1/a/+/status", *OTHERS]),
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
        assert len({*ours, *given_up}) == 2 * (2 + len(OTHERS))


def test_disjoint_sites_on_a_3_1_1_broker_share_and_a_killed_worker_strands_nothing_longer_than_its_restart(
    iotcore: int, start_ingest: Start, connection: Connection
) -> None:
    """iotcore hangs up on MQTT 5 and knows no shared subscriptions."""
    url = f"mqtt://127.0.0.1:{iotcore}"
    start_ingest("sites", "1", "home", broker_url=url)
    lyon = start_ingest("sites", "2", "lyon", broker_url=url)
    assert wait_until(lambda: listens(connection) and listens(connection, "ingest-2"), seconds=30)
    with Scale(iotcore) as scale:
        weigh(scale, "s1", range(1000))
        weigh(scale, "s2", range(500), site="lyon")
        assert wait_until(lambda: bool(scale.words["s2", 0]))
        lyon.kill()
        lyon.wait()
        weigh(scale, "s2", range(500, 1000), site="lyon")
        assert wait_until(lambda: scale.receipted("s1") == 1000, seconds=30)
        assert scale.receipted("s2") < 1000, "nobody else took what is the dead worker's"
        start_ingest("sites", "2", "lyon", broker_url=url)
        assert wait_until(lambda: scale.receipted("s2") == 1000, seconds=30)
    connection.rollback()
    counted = connection.execute("SELECT site, count(*), count(DISTINCT seq) FROM reading GROUP BY site ORDER BY site")
    assert counted.fetchall() == [("home", 1000, 1000), ("lyon", 1000, 1000)]
