"""Two workers on the same scales: nothing twice, no deadlock, one word for each seq."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ingest.adapters.arrival import Arrival
from ingest.claim import Claim, Condition, Refusal
from ingest.message import Scale
from ingest.storage import store
from schemas import database
from schemas.database import Connection
from tests.ingest.conftest import lend

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def arrival(device: str, seq: int, *, kg: Decimal = Decimal(80)) -> Arrival:
    claim = Claim(
        seq=seq,
        measured_at=NOW - timedelta(days=100 - seq),
        weight_kg=kg,
        sent_at=None,
        condition=Condition(battery_pct=seq),
        raw="{}",
    )
    refusal = Refusal(seq=seq, reason="weight_kg: is missing", raw=b'{"seq": 1}')
    return Arrival(
        topic=f"vigie/1/home/{device}/reading",
        scale=Scale("home", device),
        received_at=NOW,
        may_have_waited=False,
        said=refusal if seq % 10 == 9 else claim,
    )


def test_overlapping_batches_of_two_workers_neither_deadlock_nor_double(
    database_url: str, connection: Connection
) -> None:
    for number in range(10):
        lend(connection, f"p{number}", f"d{number}")
    everything = [arrival(f"d{number}", seq) for number in range(10) for seq in range(60)]

    def worker(seed: int) -> dict[tuple[str, int], str]:
        shuffled = random.Random(seed).sample(everything, len(everything))
        words: dict[tuple[str, int], str] = {}
        with database.connect(database_url, service="ingest") as conn:
            for start in range(0, len(shuffled), 50):
                outcome = store.store(conn, shuffled[start : start + 50], [], now=NOW, rate=1)
                conn.commit()
                words |= {(answer.topic, answer.seq): answer.word for answer in outcome.answers}
        return words

    with ThreadPoolExecutor(4) as pool:
        words, *others = list(pool.map(worker, range(4)))
    assert all(other == words for other in others)
    assert sorted(words.values()).count("stored") == 540
    assert connection.execute("SELECT count(*), count(DISTINCT (device_id, seq)) FROM reading").fetchone() == (540, 540)
    assert connection.execute("SELECT sum(arrivals) FROM latest_reading").fetchone() == (Decimal(540),)
    assert connection.execute("SELECT count(*), sum(times) FROM rejection").fetchone() == (10, 240)


def test_a_step_after_a_change_of_battery_waits_until_a_second_weight_agrees(connection: Connection) -> None:
    """3.6 kg within a day: without a fresh battery it is believed."""
    lend(connection, "p1", "d1")
    lend(connection, "p2", "d2")
    words = []
    for day, (kg, battery) in enumerate([(80, 15), (83.6, 95), (83.5, 95), (80, 94)], start=90):
        batch = []
        for device, pct in (("d1", battery), ("d2", 60)):
            one = arrival(device, day - 80, kg=Decimal(str(kg)))
            assert isinstance(one.said, Claim)
            at = NOW - timedelta(days=100 - day)
            said = replace(one.said, measured_at=at, condition=Condition(battery_pct=pct))
            batch.append(replace(one, said=said, received_at=at + timedelta(seconds=5)))
        words.append([answer.reason for answer in store.store(connection, batch, [], now=NOW, rate=1).answers])
    assert words == [[None, None], ["scale_shift", None], [None, None], [None, None]]


def test_an_outlier_waits_in_quarantine_and_a_patient_is_who_had_the_scale_then(connection: Connection) -> None:
    lend(connection, "p1", "d1")
    connection.execute("UPDATE device_loan SET returned_at = %s", (NOW - timedelta(days=95),))
    connection.commit()
    batch = [arrival("d1", 0), arrival("d1", 2, kg=Decimal(99)), arrival("d1", 8)]
    outcome = store.store(connection, batch, [], now=NOW, rate=1)
    assert [(answer.word, answer.reason) for answer in outcome.answers] == [
        ("stored", None),
        ("quarantined", "implausible_jump"),
        ("stored", None),
    ]
    assert connection.execute("SELECT patient_id FROM reading ORDER BY seq").fetchall() == [("p1",), ("p1",), (None,)]
    assert connection.execute("SELECT arrivals, weight_kg FROM latest_reading").fetchall() == [(2, Decimal(80))]


def refused(number: int, raw: bytes) -> Arrival:
    said = Refusal(seq=None, reason="payload: is not JSON", raw=raw)
    return replace(arrival("broken", number), said=said)


def statements(conn: Connection, batch: list[Arrival], *, log: Path) -> int:
    """How many statements the server is sent to store this."""
    with log.open("w") as file:
        conn.pgconn.trace(file.fileno())
        with conn.pipeline(), conn.transaction():
            store.store(conn, batch, [], now=NOW, rate=1)
        conn.pgconn.untrace()
    return log.read_text().count("\tExecute\t")


def test_refusals_cost_no_more_statements_than_readings_however_many_and_however_alike(
    database_url: str, tmp_path: Path
) -> None:
    with database.connect(database_url, service="ingest") as conn:
        log = tmp_path / "statements"
        readings = statements(conn, [arrival("d1", seq) for seq in range(9)], log=log)
        for batch in (
            [refused(0, b"{")],
            [refused(number, b"{") for number in range(5000)],
            [refused(number, str(number).encode()) for number in range(5000)],
        ):
            assert statements(conn, batch, log=log) <= readings
        kept = conn.execute("SELECT times, count(*) FROM rejection GROUP BY times ORDER BY times").fetchall()
    assert kept == [(1, 5000), (5001, 1)]
