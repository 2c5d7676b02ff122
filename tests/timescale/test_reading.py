"""The same readings, the same questions, the same answers: on plain PostgreSQL and on TimescaleDB."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from ingest import service
from ingest.adapters.arrival import Arrival
from ingest.claim import Claim
from ingest.message import Scale
from ingest.past import history
from ingest.service import Batch
from ingest.storage import ordinary
from schemas.database import Connection
from schemas.reading import HistoricReading

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
INSERT: LiteralString = """
INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,
                     quarantine_reason, source, raw)
VALUES ('home', 'S1', %(seq)s, %(patient_id)s, %(measured_at)s, %(now)s, %(now)s, %(weight_kg)s, %(reason)s, 'csv', '')
ON CONFLICT DO NOTHING
"""
DAILY: LiteralString = "SELECT patient_id, day, weight_kg, readings FROM reading_daily ORDER BY patient_id, day"
CHUNKS: LiteralString = "SELECT show_chunks('reading')::text"
COMPRESSED: LiteralString = """
SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading' AND is_compressed
"""
MATERIALIZED: LiteralString = """
SELECT materialization_hypertable_schema, materialization_hypertable_name
FROM timescaledb_information.continuous_aggregates
"""
JOB: LiteralString = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = %s AND hypertable_name LIKE %s"


@pytest.fixture(params=["plain", "timescale"])
def either(request: pytest.FixtureRequest) -> Connection:
    """Each test runs on both databases."""
    name = {"plain": "connection", "timescale": "timescale"}[request.param]
    conn: Connection = request.getfixturevalue(name)
    return conn


def insert(
    conn: Connection,
    *,
    at: datetime,
    weight_kg: float = 80,
    seq: int | None = None,
    patient_id: str | None = "P1",
    reason: str | None = None,
) -> int:
    values = {"measured_at": at, "weight_kg": weight_kg, "seq": seq, "patient_id": patient_id}
    return conn.execute(INSERT, {**values, "reason": reason, "now": NOW}).rowcount


def daily(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute(DAILY).fetchall()


def run_job(conn: Connection, procedure: str, relation: str = "%") -> None:
    (job,) = conn.execute(JOB, (procedure, relation)).fetchone() or (None,)
    assert job is not None, f"no job runs {procedure}"
    conn.commit()
    conn.autocommit = True
    conn.execute("CALL run_job(%s)", (job,))
    conn.autocommit = False


def materialized_days(conn: Connection) -> int:
    (schema, table) = conn.execute(MATERIALIZED).fetchone() or ("", "")
    counted = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(schema), str(table)))
    (days,) = conn.execute(counted).fetchone() or (0,)
    assert isinstance(days, int)
    return days


def compress(conn: Connection) -> None:
    conn.execute("SELECT compress_chunk(chunk, if_not_compressed => true) FROM show_chunks('reading') AS chunk")
    conn.commit()


def test_a_day_has_its_first_accepted_weight_and_begins_at_midnight_in_paris(either: Connection) -> None:
    insert(
        either, at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC), weight_kg=81
    )  # 00:30 of the 29th, when the hour changes
    insert(either, at=datetime(2026, 3, 29, 21, 30, tzinfo=UTC), weight_kg=82)  # 23:30, summer time
    insert(either, at=datetime(2026, 3, 29, 22, 30, tzinfo=UTC), weight_kg=83)  # the next day
    insert(either, at=datetime(2026, 3, 28, 23, 10, tzinfo=UTC), weight_kg=99, reason="implausible_jump")
    insert(either, at=datetime(2026, 3, 28, 23, 10, tzinfo=UTC), weight_kg=70, patient_id=None)
    assert daily(either) == [
        ("P1", datetime(2026, 3, 28, 23, tzinfo=UTC), 81, 2),
        ("P1", datetime(2026, 3, 29, 22, tzinfo=UTC), 83, 1),
    ]


@pytest.mark.parametrize("seq", [None, 7])
def test_the_same_reading_twice_is_one(either: Connection, seq: int | None) -> None:
    assert insert(either, at=NOW, seq=seq) == 1
    assert insert(either, at=NOW, seq=seq) == 0
    assert insert(either, at=NOW, seq=8) == 1


def test_readings_are_a_hypertable(timescale: Connection) -> None:
    insert(timescale, at=NOW)
    insert(timescale, at=NOW - timedelta(days=60))
    assert len(timescale.execute(CHUNKS).fetchall()) == 2


def test_a_compressed_month_takes_late_readings_and_refuses_duplicates(timescale: Connection) -> None:
    at = datetime(2025, 9, 1, 12, tzinfo=UTC)
    insert(timescale, at=at, seq=1, weight_kg=80)
    compress(timescale)
    assert timescale.execute(COMPRESSED).fetchone() == (1,)
    assert insert(timescale, at=at, seq=1, weight_kg=80) == 0
    assert insert(timescale, at=at, seq=None, weight_kg=80) == 1
    assert insert(timescale, at=at, seq=None, weight_kg=80) == 0
    assert insert(timescale, at=at - timedelta(hours=1), seq=2, weight_kg=79) == 1
    assert daily(timescale) == [("P1", datetime(2025, 8, 31, 22, tzinfo=UTC), 79, 3)]


def test_old_months_are_compressed_by_their_job(timescale: Connection) -> None:
    insert(timescale, at=datetime(2020, 1, 1, tzinfo=UTC))
    timescale.commit()
    run_job(timescale, "policy_compression", "reading")
    assert timescale.execute(COMPRESSED).fetchone() == (1,)


def test_readings_are_kept_for_twenty_years_and_no_longer(timescale: Connection) -> None:
    insert(timescale, at=datetime(1999, 1, 1, tzinfo=UTC))
    insert(timescale, at=datetime(2020, 1, 1, tzinfo=UTC))
    timescale.commit()
    run_job(timescale, "policy_retention", "reading")
    assert timescale.execute("SELECT extract(year FROM measured_at)::int FROM reading").fetchall() == [(2020,)]


def test_the_daily_weights_are_the_same_before_and_after_their_job_and_a_late_reading(timescale: Connection) -> None:
    (now,) = timescale.execute("SELECT now()").fetchone() or (None,)
    assert isinstance(now, datetime)
    noon = now.replace(hour=12)
    for days in range(1, 30):
        insert(timescale, at=noon - timedelta(days=days), weight_kg=80 + days / 10)
    timescale.commit()
    before = daily(timescale)
    timescale.commit()
    run_job(timescale, "policy_refresh_continuous_aggregate")
    assert materialized_days(timescale) > 20
    assert daily(timescale) == before
    insert(timescale, at=noon - timedelta(days=10, hours=2), weight_kg=70)
    timescale.commit()
    run_job(timescale, "policy_refresh_continuous_aggregate")
    assert 70 in {row[2] for row in daily(timescale)}


def test_a_weight_of_nothing_is_refused(either: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        insert(either, at=NOW, weight_kg=0)


def test_a_history_sent_twice_is_stored_once(either: Connection) -> None:
    readings = [
        HistoricReading(patient_id=patient, measured_at=NOW - timedelta(days=days), weight_kg=Decimal(80) + days % 3)
        for patient in ("P1", "P2")
        for days in range(150)
    ]
    assert history.store_history(either, readings[:200], now=NOW).stored == 200
    summary = history.store_history(either, readings, now=NOW)
    assert (summary.stored, summary.duplicates, summary.quarantined) == (100, 200, 0)
    assert len(daily(either)) == 300


def test_a_history_joins_compressed_months(timescale: Connection) -> None:
    readings = [
        HistoricReading(patient_id="P1", measured_at=NOW - timedelta(days=days), weight_kg=Decimal(80))
        for days in range(150)
    ]
    history.store_history(timescale, readings[::2], now=NOW)
    timescale.commit()
    compress(timescale)
    summary = history.store_history(timescale, readings, now=NOW)
    assert (summary.stored, summary.duplicates) == (75, 75)
    assert len(daily(timescale)) == 150


def test_ordinary_weighings_are_stored_at_once_and_only_once(either: Connection) -> None:
    lent = NOW - timedelta(days=400)
    either.execute("INSERT INTO patient (patient_id, enrolled_at) VALUES ('P1', %s)", (lent,))
    either.execute(
        "INSERT INTO device_loan (site, device_id, patient_id, lent_at) VALUES ('home', 'S1', 'P1', %s)", (lent,)
    )
    either.commit()

    def stored(*days: int) -> int:
        claims = [
            Arrival(
                topic="vigie/1/home/S1/reading",
                scale=Scale("home", "S1"),
                received_at=NOW,
                may_have_waited=False,
                said=Claim(seq=day, measured_at=lent + timedelta(days=day), weight_kg=Decimal(80), raw="{}"),
            )
            for day in days
        ]
        batch = Batch(arrivals=claims, sightings=[], asked=ordinary.ask(claims, [], rate=1))
        return service.store_batch(either, batch, now=NOW, rate=1).stored

    assert stored(1) == 1
    assert stored(2, 40, 80) == 3  # three chunks
    assert stored(80, 120, 121) == 2
    assert either.execute("SELECT arrivals, measured_at FROM latest_reading").fetchone() == (
        6,
        lent + timedelta(days=121),
    )
    assert len(daily(either)) == 6
