"""From a scale through the real broker to the table, and the receipt back."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from ingest.adapters.arrival import BAD_TOPIC
from schemas.clock import real_now
from schemas.database import Connection
from tests.ingest.conftest import Start, lend, listens
from tests.ingest.scale import Scale, wait_until


def reading(seq: int, *, weight_kg: float = 82.4, **more: object) -> dict[str, object]:
    at = datetime(2026, 1, 5, 6, tzinfo=UTC) + timedelta(days=seq)
    return {"seq": seq, "measured_at": at.isoformat(), "weight_kg": weight_kg} | more


def rows(conn: Connection, columns: str) -> list[tuple[object, ...]]:
    conn.rollback()
    return conn.execute(f"SELECT {columns} FROM reading ORDER BY device_id, seq").fetchall()


@pytest.fixture(autouse=True)
def ingest(start_ingest: Start, connection: Connection) -> None:
    lend(connection, "p1", "s1")
    start_ingest()
    assert wait_until(lambda: listens(connection))


def test_a_reading_is_stored_for_the_borrower_and_receipted(scale: Scale, connection: Connection) -> None:
    scale.publish("s1", reading(1, firmware="1.4.2", battery_pct=81, colour="blue"))
    assert scale.word("s1", 1) == "stored"
    [(patient, weight, reason, raw)] = rows(connection, "patient_id, weight_kg, quarantine_reason, raw")
    assert (patient, weight, reason) == ("p1", Decimal("82.400"), None)
    assert '"colour": "blue"' in str(raw)
    assert connection.execute("SELECT arrivals, weight_kg FROM latest_reading").fetchall() == [(1, Decimal("82.400"))]
    assert connection.execute("SELECT battery_pct, firmware FROM device_sighting").fetchall() == [(81, "1.4.2")]


def test_a_seq_gets_the_same_word_again_and_is_stored_once(scale: Scale, connection: Connection) -> None:
    for _ in range(3):
        scale.publish("s1", reading(1))
        scale.publish("s1", reading(2, weight_kg=1000))
        scale.publish("s1", reading(3, weight_kg=8.5))
    assert [scale.word("s1", seq, times=1) for seq in (1, 2, 3)] == ["stored", "rejected", "quarantined"]
    scale.publish("s1", reading(1, sent_at=real_now().isoformat()))
    scale.publish("s1", {"readings": [reading(2, weight_kg=1000), reading(3, weight_kg=8.5)]})
    assert [scale.word("s1", seq, times=2) for seq in (1, 2, 3)] == ["stored", "rejected", "quarantined"]
    assert scale.reasons == {("s1", 2): "weight_kg: must be at most 400", ("s1", 3): "implausible_weight"}
    assert rows(connection, "seq, quarantine_reason") == [(1, None), (3, "implausible_weight")]


def test_a_bad_item_does_not_spoil_its_batch(scale: Scale, connection: Connection) -> None:
    scale.publish("s1", {"readings": [reading(1), {"seq": 2}, "x", reading(3)], "sent_at": real_now().isoformat()})
    assert [scale.word("s1", seq) for seq in (1, 2, 3)] == ["stored", "rejected", "stored"]
    assert rows(connection, "seq") == [(1,), (3,)]
    assert connection.execute("SELECT count(*) FROM rejection").fetchone() == (2,)


def test_a_number_used_for_two_readings_keeps_its_word_and_the_second_claim_is_kept(
    scale: Scale, connection: Connection
) -> None:
    scale.publish("s1", reading(1))
    assert scale.word("s1", 1) == "stored"
    scale.publish("s1", reading(1, weight_kg=83.5))
    assert scale.word("s1", 1, times=2) == "stored"
    assert rows(connection, "weight_kg") == [(Decimal("82.400"),)]
    assert connection.execute("SELECT seq, reason FROM rejection").fetchall() == [(1, "seq_reused")]


def test_every_integer_as_seq_gets_its_word_and_what_is_none_is_kept_without(
    scale: Scale, connection: Connection
) -> None:
    huge = [2**63, 2**64, 10**40, -1, -(10**40), int("9" * 300)]
    rest = json.dumps(reading(0))[len('{"seq": 0') :]
    texts = [*map(str, (0, 2**63 - 1, *huge)), "1.0", "1.5", "1e3", '"412"', "null", "true", "[1]", "9" * 301]
    for text in texts:
        scale.publish("s1", f'{{"seq": {text}{rest}'.encode())
    scale.publish("s1", reading(7))
    assert scale.word("s1", 7) == "stored"  # after all the others, which came in this order
    words = {seq: word for (_, seq), [word] in scale.words.items()}
    assert words == {0: "stored", 2**63 - 1: "stored", 7: "stored"} | dict.fromkeys(huge, "rejected")
    kept = connection.execute("SELECT seq, count(*) FROM rejection GROUP BY seq").fetchall()
    assert set(kept) == {(None, len(texts) - 2 - len(huge)), *((Decimal(seq), 1) for seq in huge)}


def test_readings_of_an_unknown_scale_are_stored_for_nobody(scale: Scale, connection: Connection) -> None:
    scale.publish("stranger", reading(1))
    assert scale.word("stranger", 1) == "stored"
    assert rows(connection, "device_id, patient_id") == [("stranger", None)]


def test_the_topic_says_whose_scale_it_is_and_not_the_payload(scale: Scale, connection: Connection) -> None:
    scale.publish("other", reading(1, device="s1", device_id="s1", patient_id="p1"))
    assert scale.word("other", 1) == "stored"
    assert rows(connection, "device_id, patient_id") == [("other", None)]


def test_late_readings_join_in_any_order_and_the_latest_stays_the_latest(scale: Scale, connection: Connection) -> None:
    for seq in (5, 1, 3):
        scale.publish("s1", reading(seq, weight_kg=80 + seq / 10))
        assert scale.word("s1", seq) == "stored"
    connection.rollback()
    assert connection.execute("SELECT arrivals, weight_kg FROM latest_reading").fetchall() == [(3, Decimal("80.500"))]


def test_a_clock_ahead_is_corrected_and_one_never_set_is_quarantined(scale: Scale, connection: Connection) -> None:
    now = real_now()
    ahead = now + timedelta(hours=5)
    scale.publish("s1", {"seq": 1, "measured_at": ahead.isoformat(), "weight_kg": 80, "sent_at": ahead.isoformat()})
    scale.publish("s1", {"seq": 2, "measured_at": "1970-01-01T00:03:00Z", "weight_kg": 80})
    scale.publish("s1", {"seq": 3, "measured_at": ahead.isoformat(), "weight_kg": 80})
    assert [scale.word("s1", seq) for seq in (1, 2, 3)] == ["stored", "quarantined", "quarantined"]
    assert scale.reasons == {("s1", 2): "clock_not_set", ("s1", 3): "measured_in_the_future"}
    [(measured_at,), *_] = rows(connection, "measured_at")
    assert isinstance(measured_at, datetime)
    assert abs(measured_at - now) < timedelta(seconds=30)


def test_a_state_is_kept_and_a_retained_one_is_no_sign_of_life(scale: Scale, connection: Connection) -> None:
    def state() -> list[tuple[object, ...]]:
        connection.rollback()
        return connection.execute("SELECT online, battery_pct FROM device_sighting").fetchall()

    scale.publish("s1", {"state": "online", "battery_pct": 40}, kind="status", retain=True)
    assert wait_until(lambda: state() == [(True, 40)])
    scale.publish("s1", {"state": "offline"}, kind="status", retain=True)
    assert wait_until(lambda: state() == [(False, 40)])


def test_nonsense_is_kept_with_its_reason_and_stops_nobody(scale: Scale, connection: Connection) -> None:
    nonsense = [b"", b"\0\xff", b"[" * 100_000, b'{"seq": 1', b"[]", b"x" * 1_000_000, b'{"readings": 1}']
    for payload in nonsense:
        scale.publish("s1", payload)
    scale.publish("s1", b'{"seq": 7, "weight_kg": NaN}')
    scale.publish("s1", b'{"seq": -1}')
    scale.publish("s1", reading(9))
    assert [scale.word("s1", seq) for seq in (7, -1, 9)] == ["rejected", "rejected", "stored"]
    [(kept, longest)] = connection.execute("SELECT count(*), max(length(payload)) FROM rejection").fetchall()
    assert (kept, longest) == (len(nonsense) + 2, 64 * 1024)


GOOD = b'"measured_at": "2026-01-05T06:00:00Z", "weight_kg": 82.4'
BAD = (  # JSONTestSuite's spirit: each with the seq that can be read in it, and why it is no reading
    (
        b'{"seq": 1, "measured_at": "2026-01-05T06:00:00Z", "weight_kg": NaN}',
        1,
        "payload: NaN and Infinity are not JSON",
    ),
    (
        b'{"seq": 2, "measured_at": "2026-01-05T06:00:00Z", "weight_kg": -Infinity}',
        2,
        "payload: NaN and Infinity are not JSON",
    ),
    (
        b'{"seq": 9, "measured_at": "2026-01-05T06:00:00Z", "weight_kg": Infinity}',
        9,
        "payload: NaN and Infinity are not JSON",
    ),
    (b'{"seq": 3, %s, "weight_kg": 60}' % GOOD, 3, "payload: a key is given twice"),
    (b'{"seq": 4, "measured_at": "2026-01-05T06:00:00Z", "weight_kg": true}', 4, "weight_kg: must be a number"),
    (b'{"seq": 5, "measured_at": "2026-01-05T06:00:00Z", "weight_kg": "82.4"}', 5, "weight_kg: must be a number"),
    (b'{"seq": 6, "measured_at": "2026-01-05T06:00:00Z", "weight_kg": 1e400}', 6, "weight_kg: must be at most 400"),
    (b'{"seq": 7, %s, "x": "%s"}' % (GOOD, b"x" * 1_000_000), 7, "payload: one reading must be at most 256 KiB"),
    (b'{"seq": 8, %s, "x": "\xff"}' % GOOD, None, "payload: is not UTF-8"),
    (b"[" * 100_000, None, "payload: is nested too deeply"),
    (b"", None, "payload: is not JSON"),
    (b"\x00\x01\xfe", None, "payload: is not UTF-8"),
)


def test_every_kind_of_bad_input_is_receipted_kept_with_its_reason_and_followed_by_the_next_message(
    scale: Scale, connection: Connection
) -> None:
    for number, (payload, seq, _) in enumerate(BAD, start=100):
        scale.publish("s1", payload)
        scale.publish("s1", b'{"seq": %d, %s}' % (number, GOOD.replace(b"82.4", b"%d" % (number - 20))))
        assert scale.word("s1", number) in ("stored", "quarantined")
        assert seq is None or scale.word("s1", seq) == "rejected"
    kept = connection.execute("SELECT payload, payload_bytes, reason, times FROM rejection").fetchall()
    assert sorted(kept, key=str) == sorted(
        ((payload[: 64 * 1024], len(payload), reason, 1) for payload, _, reason in BAD), key=str
    )
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (len(BAD),)


def test_a_name_that_is_none_and_a_topic_with_too_many_levels_are_refused_with_a_word(
    scale: Scale, connection: Connection
) -> None:
    scale.publish("no name", reading(1))
    scale.publish("x" * 65, reading(2))
    scale.publish("s1/more/and/more", reading(3))
    scale.publish("s1/more", reading(4), kind="receipt")
    scale.publish("s1", reading(5))
    words = [scale.word("no name", 1), scale.word("x" * 65, 2), scale.word("s1", 3), scale.word("s1", 5)]
    assert words == ["rejected", "rejected", "rejected", "stored"]
    assert rows(connection, "device_id, seq") == [("s1", 5)]
    kept = connection.execute("SELECT reason, count(*) FROM rejection GROUP BY reason").fetchall()
    assert kept == [(BAD_TOPIC, 3)]


def test_a_row_that_the_database_refuses_is_refused_alone(scale: Scale, connection: Connection) -> None:
    connection.execute("ALTER TABLE reading ADD CHECK (weight_kg <> 66.6)")
    connection.commit()
    scale.publish("s1", {"readings": [reading(1), reading(2, weight_kg=66.6), reading(3)]})
    assert [scale.word("s1", seq) for seq in (1, 2, 3)] == ["stored", "rejected", "stored"]
    assert scale.reasons == {("s1", 2): "the database refuses this reading"}


def test_the_log_holds_no_weight_and_each_reading_once_under_its_true_word(
    scale: Scale, connection: Connection, tmp_path: Path
) -> None:
    connection.execute("ALTER TABLE reading ADD CHECK (weight_kg <> 66.6)")
    connection.commit()
    scale.publish("s1", reading(1, weight_kg=77.77))
    scale.publish("s1", reading(2, weight_kg=66.6))
    assert scale.word("s1", 2) == "rejected"
    scale.publish("s1", reading(1, weight_kg=77.77))
    scale.publish("s1", reading(1, weight_kg=70))

    def counted() -> dict[str, int]:
        lines = [json.loads(line) for line in (tmp_path / "ingest.log").read_text().splitlines()]
        words = ("readings", "stored", "quarantined", "known", "refused", "seq_reused")
        return {word: sum(line[word] for line in lines if line["event"] == "batch") for word in words}

    assert wait_until(lambda: counted()["readings"] == 4)
    assert list(counted().values()) == [4, 1, 0, 1, 1, 1]
    assert scale.word("s1", 1, times=2) == "stored"
    log = (tmp_path / "ingest.log").read_text()
    assert "77.77" not in log
    assert "66.6" not in log


def test_alerts_and_screens_are_told_whose_reading_came(
    scale: Scale, connection: Connection, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as listening:
        listening.execute("LISTEN vigie_reading")
        scale.publish("s1", reading(1))
        told = [notify.payload for notify in listening.notifies(timeout=10, stop_after=1)]
    assert told == ["p1"]
