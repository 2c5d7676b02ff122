"""The rules of docs/scales.md by which a weighing gets its time, each with its tests."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from schemas.database import Connection
from tests.ingest.adapters.vectors import NOW, TENOVI
from tests.ingest.conftest import ROOT
from tests.ingest.storage.test_standing import said, send, standing
from tests.ingest.test_catalogue import functions_in, times

NATIVE = "vigie/1/home/s1/reading"
HERE = "tests/ingest/test_clocks.py"
CATALOGUE = "tests/ingest/test_catalogue.py"
DIALECTS = "tests/ingest/adapters/test_dialects.py"
STANDING = "tests/ingest/storage/test_standing.py"
RULES = {  # what came, as docs/scales.md says it, and where its rule is held to
    "a time with an offset": (CATALOGUE, "test_an_ordinary_morning_is_one_reading_by_the_scales_clock"),
    "native with `sent_at`": (HERE, "test_a_native_clock_never_set_is_corrected_by_its_sending_while_that_is_fresh"),
    "no offset": (CATALOGUE, "test_row_3_a_time_without_a_zone_is_paris_time"),
    "before 2015 (1970, 2000), or more than 10 minutes ahead": (
        *(HERE, "test_a_native_message_of_a_clock_never_set_that_waited_is_for_a_human"),
        *(CATALOGUE, "test_row_1_an_impossible_clock_gives_way_to_the_arrival_while_it_is_fresh"),
        *(CATALOGUE, "test_row_1_an_impossible_clock_of_a_message_that_may_have_waited_is_for_a_human"),
    ),
    "lolouk44's `+00:00` and Tasmota's `Time`": (
        *(CATALOGUE, "test_row_3_local_time_called_utc_is_not_believed_while_the_arrival_is_known"),
        *(CATALOGUE, "test_row_3_local_time_called_utc_places_what_may_have_waited_on_the_wall_in_paris"),
        *(HERE, "test_tasmotas_local_time_counts_only_for_what_may_have_waited"),
    ),
    "openScale: to the minute": (
        *(STANDING, "test_two_weighings_in_one_minute_do_not_collide_and_one_sent_twice_is_one"),
        *(DIALECTS, "test_history_is_every_row_cut_to_the_minute_and_said_anew_by_nobody"),
    ),
    "LoRaWAN": (DIALECTS, "test_a_dialect_says_whose_scale_how_heavy_and_when"),
    "Tenovi with `estimated_timestamp`": (HERE, "test_an_estimated_time_of_tenovi_is_its_gateways"),
    "no time at all": (CATALOGUE, "test_no_time_at_all_is_the_time_of_arrival"),
    "retained, no time of its own": (CATALOGUE, "test_row_5_a_retained_copy_is_no_new_weighing"),
    "retained, with a time (openScale `last`, `history`)": (
        CATALOGUE,
        "test_row_5_a_retained_copy_with_a_time_is_stored_if_it_is_newer_than_all_that_is_known",
    ),
    "native, retained": (HERE, "test_a_native_message_that_is_retained_is_known_by_its_seq_or_stored_at_its_time"),
}


def test_no_rule_is_without_its_test() -> None:
    section = (ROOT / "docs" / "scales.md").read_text().split("## When was it?")[1].split("##")[0]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    assert rows[2:] == list(RULES)
    for named in RULES.values():
        for file, name in zip(named[::2], named[1::2], strict=True):
            assert name in functions_in(ROOT / file)


def native(seq: int, at: datetime, *, sent_at: datetime | None = None) -> dict[str, object]:
    sent = {} if sent_at is None else {"sent_at": sent_at.isoformat()}
    return {"seq": seq, "measured_at": at.isoformat(), "weight_kg": 80, **sent}


@pytest.mark.parametrize("year", [1970, 2000])
def test_a_native_clock_never_set_is_corrected_by_its_sending_while_that_is_fresh(
    connection: Connection, year: int
) -> None:
    wrong = datetime(year, 1, 1, 0, 3, tzinfo=UTC)
    send(connection, said(NATIVE, native(1, wrong, sent_at=wrong + timedelta(minutes=2))))
    assert times(connection) == [(NOW - timedelta(minutes=2), "device", None)]


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize("year", [1970, 2000])
def test_a_native_message_of_a_clock_never_set_that_waited_is_for_a_human(
    connection: Connection, year: int, *, sends: bool
) -> None:
    """How long it waited nobody knows, so neither does anybody how wrong its clock is."""
    wrong = datetime(year, 1, 1, 0, 3, tzinfo=UTC)
    body = native(1, wrong, sent_at=wrong if sends else None)
    send(connection, said(NATIVE, body, waited=True), said(NATIVE, native(2, NOW - timedelta(days=3)), waited=True))
    doubted = [(reason, at) for at, _, reason in times(connection)]
    assert doubted == [("clock_not_set", wrong), (None, NOW - timedelta(days=3))]


def test_a_native_message_that_is_retained_is_known_by_its_seq_or_stored_at_its_time(connection: Connection) -> None:
    old = NOW - timedelta(days=2)
    send(connection, said(NATIVE, native(1, old)))
    copies = [said(NATIVE, native(seq, old), 60, retained=True) for seq in (1, 2)]
    for _ in range(2):
        outcome = send(connection, *copies)
    assert [(answer.seq, answer.word) for answer in outcome.answers] == [(1, "stored"), (2, "stored")]
    assert standing(connection) == [("80", "accepted"), ("80", "accepted")]
    assert connection.execute("SELECT last_seen_at FROM device_sighting").fetchall() == [(NOW,)]


def test_tasmotas_local_time_counts_only_for_what_may_have_waited(connection: Connection) -> None:
    body = {
        "Time": "2026-08-21T07:12:35",
        "MISCALEV2568c44": {"mac": "70879e568c44", "weight": 73, "weight_unit": "kg", "stabilized": 1},
    }
    send(connection, said("stat/t/SENSOR", body))
    send(connection, said("stat/t/SENSOR", body | {"Time": "2026-08-20T07:12:35"}, 60, waited=True))
    assert [(at, source) for at, source, _ in times(connection)] == [
        (NOW, "server"),
        (datetime(2026, 8, 20, 5, 12, 35, tzinfo=UTC), "gateway"),
    ]


def test_an_estimated_time_of_tenovi_is_its_gateways(connection: Connection) -> None:
    send(connection, said("webhook/tenovi/lb", json.dumps({**TENOVI, "estimated_timestamp": True}).encode()))
    assert times(connection) == [(datetime(2026, 8, 22, 5, 12, tzinfo=UTC), "gateway", None)]
