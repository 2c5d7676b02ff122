"""What is stored at once is what judging one by one would have stored, whoever else stores or reviews meanwhile."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import _queries

from ingest import service
from ingest.adapters.arrival import Arrival
from ingest.claim import Claim, Condition, Refusal, Retraction
from ingest.message import Scale
from ingest.service import Batch
from ingest.storage import columns, ordinary, sightings, store
from ingest.storage.sightings import Seen, Told
from ingest.storage.store import Outcome
from schemas import database, plausibility
from schemas.database import Connection
from schemas.plausibility import HOUSEHOLD_KG, LOW_KG, Weighed
from tests.ingest.conftest import LONG_AGO
from tests.ingest.scale import wait_until

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
instants = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis wants bounds without
SAME: tuple[LiteralString, ...] = (
    """SELECT device_id, seq, right(patient_id, 1), measured_at, weight_kg, quarantine_reason, clock_error, raw, source,
              time_source, origin, received_at, recorded_at FROM reading WHERE site = %(site)s ORDER BY seq""",
    """SELECT device_id, seq, word, reason, said_of, recorded_at FROM receipt WHERE site = %(site)s
       ORDER BY device_id, seq""",
    """SELECT right(patient_id, 1), arrivals, measured_at, weight_kg FROM latest_reading
       WHERE left(patient_id, 4) = %(site)s ORDER BY patient_id""",
    "SELECT device_id, last_seen_at, battery_pct FROM device_sighting WHERE site = %(site)s ORDER BY device_id",
)
kilograms = st.floats(min_value=2, max_value=400).map(lambda kg: round(kg, 3))


def claim(
    device: str, seq: int | None, kg: float, *, at: datetime, site: str = "home", received_at: datetime = NOW
) -> Arrival:
    said = Claim(
        seq=seq, measured_at=at, weight_kg=Decimal(str(kg)).quantize(Decimal("0.001")), raw=f'{{"seq": {seq}}}'
    )
    return Arrival(
        topic=f"vigie/1/{site}/{device}/reading",
        scale=Scale(site, device),
        received_at=received_at,
        may_have_waited=False,
        said=said,
    )


def lend(conn: Connection, patient: str, device: str, *, site: str = "home") -> None:
    conn.execute(
        "INSERT INTO patient (patient_id, enrolled_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (patient, LONG_AGO)
    )
    conn.execute(
        "INSERT INTO device_loan (site, device_id, patient_id, lent_at) VALUES (%s, %s, %s, %s)",
        (site, device, patient, LONG_AGO),
    )
    conn.commit()


def batch(*arrivals: Arrival) -> Batch:
    said = list(arrivals)
    return Batch(arrivals=said, sightings=[], asked=ordinary.ask(said, [], rate=1))


def send(conn: Connection, *arrivals: Arrival) -> Outcome:
    return service.store_batch(conn, batch(*arrivals), now=NOW, rate=1)


def words(outcome: Outcome) -> list[tuple[int, str, str | None]]:
    return sorted((answer.seq, answer.word, answer.reason) for answer in outcome.answers)


@given(
    last=st.builds(Weighed, measured_at=instants, weight_kg=st.floats(min_value=LOW_KG, max_value=400)),
    doubted=st.lists(st.builds(Weighed, measured_at=instants, weight_kg=kilograms, doubted=st.just(True)), max_size=14),
    away=st.floats(min_value=-HOUSEHOLD_KG, max_value=HOUSEHOLD_KG, exclude_min=True, exclude_max=True),
    later=st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=4000)),
)
def test_a_weight_near_the_last_one_is_believed_whatever_was_doubted(
    last: Weighed, doubted: list[Weighed], away: float, later: timedelta
) -> None:
    weight_kg = last.weight_kg + away
    if weight_kg >= LOW_KG and abs(weight_kg - last.weight_kg) < HOUSEHOLD_KG:
        assert plausibility.doubt(weight_kg, last.measured_at + later, before=[last, *doubted]) is None


@pytest.mark.parametrize("seed", range(6))
def test_at_once_and_one_by_one_store_the_same(database_url: str, connection: Connection, seed: int) -> None:
    """Two clinics with the same scales and messages: near weights, jumps, late ones, strangers, refusals."""
    chance = random.Random(seed)
    for site in ("fast", "slow"):
        for number in range(6):
            lend(connection, f"{site}{number // 2}", f"d{number}", site=site)  # two scales each
    kg, day, sent = [80.0] * 4, 0, list[tuple[str, int, float, datetime]]()
    with database.connect(database_url, service="ingest", autocommit=True) as conn:
        for _ in range(25):
            said: list[tuple[str, int, float, datetime]] = []
            for _ in range(chance.randint(1, 12)):
                day += 1
                person = chance.randrange(4)
                jump = chance.choice([0] * 8 + [2.9, 3.0, -4.0, 12.0, 96.4])
                kg[person] += chance.gauss(0, 0.4)
                at = NOW - timedelta(days=400) + timedelta(hours=day - chance.choice([0] * 9 + [70]))
                weight = round(kg[person] + jump, 2)
                said.append(
                    (f"d{2 * person + chance.randrange(2)}", day, weight, at)
                )  # the last one's scales are nobody's
            if chance.random() < 0.5 and sent:
                said += chance.sample(sent, min(4, len(sent)))
            if chance.random() < 0.2:
                device, seq, weight, at = said[-1]
                said.append((device, seq, weight + 1, at))  # the number again, for something else
            chance.shuffle(said)
            sent += said
            fast, slow = ([claim(*one[:3], at=one[3], site=site) for one in said] for site in ("fast", "slow"))
            if chance.random() < 0.3:
                for arrivals in (fast, slow):
                    arrivals[0].said = Refusal(seq=arrivals[0].said.seq, reason="weight_kg: is missing", raw=b"{}")
            at_once = send(conn, *fast)
            by_one = service.store_batch(conn, Batch(arrivals=slow, sightings=[]), now=NOW, rate=1)
            assert words(at_once) == words(by_one)
            assert (at_once.new, at_once.doubted, at_once.known, at_once.refused_for) == (
                by_one.new,
                by_one.doubted,
                by_one.known,
                by_one.refused_for,
            )
    for query in SAME:
        fast_rows, slow_rows = (connection.execute(query, {"site": site}).fetchall() for site in ("fast", "slow"))
        assert fast_rows == slow_rows != []


def test_an_ordinary_batch_is_one_way_to_the_server_and_back(
    database_url: str, connection: Connection, tmp_path: Path
) -> None:
    lend(connection, "p1", "d1")
    with database.connect(database_url, service="ingest", autocommit=True) as conn:
        send(conn, claim("d1", 1, 80, at=NOW - 9 * MINUTE))
        with (tmp_path / "wire").open("w") as wire:
            conn.pgconn.trace(wire.fileno())
            outcome = send(conn, claim("d1", 2, 80.4, at=NOW - 2 * MINUTE), claim("d1", 3, 79.9, at=NOW - MINUTE))
            conn.pgconn.untrace()
    assert words(outcome) == [(2, "stored", None), (3, "stored", None)]
    assert (tmp_path / "wire").read_text().count("\tSync") == 1
    assert connection.execute("SELECT arrivals, weight_kg FROM latest_reading").fetchall() == [(3, Decimal("79.9"))]


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """`work` in a thread, which has been waiting for a lock when this begins, and is done when this ends."""
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(20)
    assert not thread.is_alive()


def waits(connection: Connection) -> bool:
    connection.rollback()
    return connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (0,)


def test_a_batch_that_is_overtaken_is_judged_by_what_overtook_it(database_url: str, connection: Connection) -> None:
    """80 kg, then one worker brings 82.9 and another 77.2: each near 80, and more than 5 kg apart."""
    lend(connection, "p1", "d1")
    send(connection, claim("d1", 1, 80, at=NOW - 9 * MINUTE))
    outcomes: list[Outcome] = []
    with (
        database.connect(database_url, service="ingest") as one,
        database.connect(database_url, service="ingest") as two,
    ):
        store.store(one, [claim("d1", 2, 82.9, at=NOW - 8 * MINUTE)], [], now=NOW, rate=1)
        with meanwhile(lambda: outcomes.append(send(two, claim("d1", 3, 77.2, at=NOW - 7 * MINUTE)))):
            assert wait_until(lambda: waits(connection))
            one.commit()
    assert words(outcomes[0]) == [(3, "quarantined", "implausible_jump")]
    assert connection.execute("SELECT seq, quarantine_reason FROM reading ORDER BY seq").fetchall() == [
        (1, None),
        (2, None),
        (3, "implausible_jump"),
    ]
    assert connection.execute("SELECT arrivals, weight_kg FROM latest_reading").fetchall() == [(3, Decimal("82.9"))]


def test_of_two_workers_with_the_same_message_the_faster_one_stores_it(
    database_url: str, connection: Connection
) -> None:
    lend(connection, "p1", "d1")
    send(connection, claim("d1", 1, 80, at=NOW - 9 * MINUTE))
    said = [claim("d1", 2, 80.2, at=NOW - 8 * MINUTE)]
    outcomes: list[Outcome] = []
    with (
        database.connect(database_url, service="ingest") as one,
        database.connect(database_url, service="ingest") as two,
    ):
        with one.pipeline():
            ordinary.store(one, ordinary.ask(said, [], rate=1), news={}, now=NOW)
        with meanwhile(lambda: outcomes.append(send(two, *said))):
            assert wait_until(lambda: waits(connection))
            one.commit()
    assert words(outcomes[0]) == [(2, "stored", None)]
    assert (outcomes[0].stored, outcomes[0].known.total()) == (0, 1)
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (2,)
    assert connection.execute("SELECT arrivals FROM latest_reading").fetchone() == (2,)


def test_what_a_dialect_takes_back_meanwhile_is_taken_back(database_url: str, connection: Connection) -> None:
    lend(connection, "p1", "1", site="openscale")
    send(connection, claim("1", None, 80, at=NOW - 9 * MINUTE, site="openscale"))
    said = [claim("1", None, 80.2, at=NOW - 8 * MINUTE, site="openscale")]
    taken_back = claim("1", None, 0, at=NOW, site="openscale", received_at=NOW + MINUTE)
    taken_back.said = Retraction(
        kind="excluded", reason="deleted_upstream", since=NOW - 8 * MINUTE, until=NOW, raw="{}", source="openscale-sync"
    )
    with (
        database.connect(database_url, service="ingest") as one,
        database.connect(database_url, service="ingest") as two,
    ):
        with one.pipeline():
            ordinary.store(one, ordinary.ask(said, [], rate=1), news={}, now=NOW)
        with meanwhile(lambda: send(two, taken_back)):
            assert wait_until(lambda: waits(connection))
            one.commit()
    states = connection.execute("SELECT state FROM standing_reading ORDER BY measured_at").fetchall()
    assert states == [("accepted",), ("excluded",)]
    assert connection.execute("SELECT weight_kg FROM latest_reading").fetchone() == (Decimal(80),)


def test_a_weight_said_again_after_it_was_taken_back_is_restored(connection: Connection) -> None:
    """It is later than all that stands, and near it; yet it is no new weighing."""
    lend(connection, "p1", "1", site="openscale")
    send(connection, claim("1", None, 80, at=NOW - 9 * MINUTE, site="openscale"))
    again = claim("1", None, 80.2, at=NOW - 8 * MINUTE, site="openscale")
    send(connection, again)
    taken_back = claim("1", None, 0, at=NOW, site="openscale", received_at=NOW + MINUTE)
    taken_back.said = Retraction(
        kind="excluded", reason="deleted_upstream", since=NOW - 8 * MINUTE, until=NOW, raw="{}", source="openscale-sync"
    )
    send(connection, taken_back)
    again.received_at = NOW + 2 * MINUTE
    assert isinstance(again.said, Claim)
    again.said.restates = True
    send(connection, again)
    states = connection.execute("SELECT state FROM standing_reading ORDER BY measured_at").fetchall()
    assert states == [("accepted",), ("accepted",)]
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (2,)


def test_a_review_meanwhile_is_seen(database_url: str, connection: Connection) -> None:
    """A weight of 77.2 was near 80; while it is stored, somebody makes 82.9 the last one."""
    lend(connection, "p1", "d1")
    send(connection, claim("d1", 1, 80, at=NOW - 9 * MINUTE))
    outcomes: list[Outcome] = []
    with psycopg.connect(database_url) as api, database.connect(database_url, service="ingest") as conn:
        api.execute("UPDATE latest_reading SET arrivals = arrivals + 1, weight_kg = 82.9")
        with meanwhile(lambda: outcomes.append(send(conn, claim("d1", 2, 77.2, at=NOW - 7 * MINUTE)))):
            assert wait_until(lambda: waits(connection))
            api.commit()
    assert words(outcomes[0]) == [(2, "quarantined", "implausible_jump")]


def test_what_the_database_refuses_costs_nobody_else(connection: Connection) -> None:
    lend(connection, "p1", "d1")
    send(connection, claim("d1", 1, 80, at=NOW - 9 * MINUTE))
    poisoned = claim("d1", 2, 80, at=NOW - 8 * MINUTE)
    assert isinstance(poisoned.said, Claim)
    for raw in ("half a pair: \ud800", "nothing: \0"):
        poisoned.said.raw = raw
        both = batch(poisoned, claim("d1", 3, 80, at=NOW - 7 * MINUTE))
        with pytest.raises(psycopg.DataError):
            service.store_batch(connection, both, now=NOW, rate=1)
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM receipt").fetchone() == (1,)
        connection.rollback()


def test_a_scale_is_told_of_once_a_minute_and_when_there_is_news_of_it() -> None:
    scale = Scale("home", "d1")
    told = Told()

    def tells(minutes: float, *, alive: bool = True, **facts: object) -> bool:
        seen = Seen(at=NOW + minutes * MINUTE, alive=alive)
        seen.learn(seen.at, Condition(**facts), alive=alive)  # type: ignore[arg-type]  # what pytest calls it with
        news = told.news({scale: seen})
        told.remember(news)
        return bool(news)

    assert tells(0, battery_pct=80)
    assert not tells(0.5, battery_pct=80)
    assert not tells(0.6)
    assert tells(0.7, battery_pct=79)
    assert tells(1.7, battery_pct=79)
    assert tells(1.8, alive=False, online=False)
    assert tells(1.9, alive=True)


def test_what_was_told_is_bounded() -> None:
    told = Told()
    for number in range(3):
        told.remember({Scale("home", f"{number}-{one}"): Seen(at=NOW, alive=True) for one in range(15_000)})
    assert len(told._told) <= sightings.MOST_TOLD  # noqa: SLF001 memory is what this is about


def test_psycopg_keeps_the_statement_taken_apart() -> None:
    assert len(ordinary.STORE_IN_BRIEF) <= _queries.MAX_CACHED_STATEMENT_LENGTH


def test_columns_arrive_as_they_were(connection: Connection) -> None:
    @given(
        texts=st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
        integers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
        times=st.lists(st.datetimes(timezones=st.just(UTC))),
    )
    def law(texts: list[str | None], integers: list[int | None], times: list[datetime]) -> None:
        asked = (columns.texts(texts), columns.integers(integers), columns.times(times))
        assert connection.execute("SELECT %s, %s, %s", asked).fetchone() == (texts, integers, times)

    connection.execute("SET TIME ZONE 'UTC'")
    law()
