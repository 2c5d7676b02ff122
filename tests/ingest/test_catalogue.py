"""Each failure that was seen in a real tracker or log (payloads.md §15), from its message to what stands."""

import ast
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from schemas.database import Connection
from tests.ingest.adapters import vectors
from tests.ingest.adapters.vectors import BLE_SCALE_SYNC, MISCALE, NOW, OPENSCALE, TASMOTA, THEENGS, WITHINGS
from tests.ingest.conftest import ROOT
from tests.ingest.storage.test_standing import HEARD_BY_A, PHONE, echoes, lend, said, send, standing

ROWS = {
    1: "clock at 1970 or near it",
    2: "stale clock: a new weight gets an old date",
    3: "UTC and local time mixed",
    4: "repeated advertisements",
    5: "retained redelivery",
    6: "batch upload of stored readings",
    7: "wrong person",
    8: "objects, partial step-on",
    9: "unit flip",
    10: "suppressed identical value",
    11: "threshold on weights quantised in pounds",
}
ELSEWHERE = {  # what a row asks of alerts
    6: (
        ("tests/alerts/test_worker.py", "test_a_late_reading_is_judged_with_the_newest_and_an_old_gain_is_history"),
        ("tests/alerts/test_worker.py", "test_what_was_over_before_we_knew_is_listed_without_paging"),
        ("tests/alerts/test_worker.py", "test_first_light_of_imported_histories_pages_only_for_today"),
    ),
    7: (
        ("tests/alerts/test_worker.py", "test_a_weight_in_quarantine_raises_nothing_and_is_used_once_the_next_agrees"),
    ),
    10: (("tests/alerts/test_detectors.py", "test_silence_is_due_after_three_whole_local_days"),),
    11: (("tests/alerts/test_detectors.py", "test_three_pounds_are_not_more_than_1_36_kg"),),
}
TIMES = "SELECT measured_at, time_source, quarantine_reason FROM reading ORDER BY reading_id"


def times(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute(TIMES).fetchall()


def functions_in(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_no_row_of_the_catalogue_is_without_its_test() -> None:
    here = {found[1] for name in functions_in(Path(__file__)) if (found := re.match(r"test_row_(\d+)_", name))}
    assert here == {str(row) for row in ROWS}
    for file, name in (named for several in ELSEWHERE.values() for named in several):
        assert name in functions_in(ROOT / file)


def test_an_ordinary_morning_is_one_reading_by_the_scales_clock(connection: Connection) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    assert times(connection) == [(datetime(2026, 8, 22, 5, 12, tzinfo=UTC), "device", None)]


# Clock at 1970 or near it; clocks never set; clocks ahead.
@pytest.mark.parametrize("date", ["1970-01-01T00:00+0000", "2000-01-01T07:12+0100", "2031-01-01T07:12+0100"])
def test_row_1_an_impossible_clock_gives_way_to_the_arrival_while_it_is_fresh(
    connection: Connection, date: str
) -> None:
    broken = OPENSCALE | {"date": date}
    send(connection, said(f"{PHONE}/insert", broken), said(f"{PHONE}/insert", broken, 1))
    assert times(connection) == [(NOW, "server", None)]


@pytest.mark.parametrize(
    ("date", "doubt"),
    [("1970-01-01T00:00+0000", "clock_not_set"), ("2031-01-01T07:12+0100", "measured_in_the_future")],
)
def test_row_1_an_impossible_clock_of_a_message_that_may_have_waited_is_for_a_human(
    connection: Connection, date: str, doubt: str
) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE | {"date": date}, waited=True))
    assert [(source, reason) for _, source, reason in times(connection)] == [("device", doubt)]


# Stale clock: a new weight gets an old date. It joins the day it names, where nothing new is concluded from it.
def test_row_2_a_stale_clock_joins_the_day_it_names_and_is_never_the_latest(connection: Connection) -> None:
    lend(connection, "p1", "openscale", "1")
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    send(
        connection, said(f"{PHONE}/insert", OPENSCALE | {"id": 43, "date": "2026-05-02T07:12+0200", "weight": 83.0}, 5)
    )
    latest = connection.execute("SELECT trim_scale(weight_kg)::text, measured_at < %s FROM latest_reading", (NOW,))
    assert latest.fetchone() == ("82.05", True)


# UTC and local time mixed; no zone.
@pytest.mark.parametrize("timestamp", ["2026-08-22T07:12:05+00:00", "2026-08-22T07:12:05", "yesterday", None])
def test_row_3_local_time_called_utc_is_not_believed_while_the_arrival_is_known(
    connection: Connection, timestamp: str | None
) -> None:
    send(connection, said("miscale/Jo/weight", MISCALE | {"timestamp": timestamp}))
    assert times(connection) == [(NOW, "server", None)]


def test_row_3_local_time_called_utc_places_what_may_have_waited_on_the_wall_in_paris(connection: Connection) -> None:
    send(connection, said("miscale/Jo/weight", MISCALE, 300, waited=True))
    send(connection, said("stat/t/SENSOR", TASMOTA, 300, waited=True))
    assert times(connection) == [(NOW, "gateway", None)] * 2


def test_row_3_a_time_without_a_zone_is_paris_time(connection: Connection) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE | {"date": "2026-08-22T07:12"}))
    assert times(connection)[0][0] == datetime(2026, 8, 22, 5, 12, tzinfo=UTC)


def test_row_3_what_was_said_its_offset_and_the_arrival_are_kept_and_days_are_the_patients(
    connection: Connection,
) -> None:
    lend(connection, "p1", "openscale", "1")
    body = OPENSCALE | {"date": "2026-08-22T00:30+0200"}
    send(connection, said(f"{PHONE}/insert", body))
    kept = connection.execute("SELECT raw, measured_at, received_at FROM reading").fetchall()
    assert kept == [(json.dumps(body), datetime(2026, 8, 21, 22, 30, tzinfo=UTC), NOW)]
    assert connection.execute("SELECT (day AT TIME ZONE 'Europe/Paris')::date::text FROM reading_daily").fetchall() == [
        ("2026-08-22",)
    ]


def test_no_time_at_all_is_the_time_of_arrival(connection: Connection) -> None:
    send(connection, said("scale/body-composition", BLE_SCALE_SYNC))
    assert times(connection) == [(NOW, "server", None)]


def test_a_message_without_a_time_that_comes_again_hours_after_a_kill_is_no_new_weighing(
    connection: Connection,
) -> None:
    send(connection, said("scale/body-composition", BLE_SCALE_SYNC))
    send(connection, said("scale/body-composition", BLE_SCALE_SYNC, 300, waited=True))
    assert times(connection) == [(NOW, "server", None)]


# Repeated advertisements.
@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (HEARD_BY_A, THEENGS),
        ("stat/t/SENSOR", TASMOTA),
        ("bathroom/sensor/scale_weight/state", 62.5),
        ("scale/body-composition", BLE_SCALE_SYNC),
        ("miscale/Jo/weight", MISCALE),
    ],
)
def test_row_4_a_weight_published_again_and_again_is_one_weighing(
    connection: Connection, topic: str, body: object
) -> None:
    send(connection, *[said(topic, body, n / 6) for n in range(60)])
    assert len(standing(connection)) == 1
    assert echoes(connection) == [(59, NOW + timedelta(minutes=59 / 6))]


# Retained redelivery.
@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (HEARD_BY_A, THEENGS),
        ("stat/t/SENSOR", TASMOTA),
        ("bathroom/sensor/scale_weight/state", 62.5),
        ("scale/body-composition", BLE_SCALE_SYNC),
        ("miscale/Jo/weight", MISCALE),
    ],
)
def test_row_5_a_retained_copy_is_no_new_weighing(connection: Connection, topic: str, body: object) -> None:
    send(connection, said(topic, body))
    outcome = send(connection, said(topic, body, 24 * 60, retained=True))
    assert (outcome.stored, outcome.refused, len(standing(connection))) == (0, 1, 1)
    reason = "retained: a copy without a time of its own is no new weighing"
    assert connection.execute("SELECT reason FROM rejection").fetchall() == [(reason,)]


def test_row_5_a_retained_copy_is_no_sign_of_life(connection: Connection) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE), said("miscale/Jo/weight", MISCALE))
    send(connection, said(f"{PHONE}/last", OPENSCALE, 60, retained=True))
    send(connection, said("miscale/Jo/weight", MISCALE, 60, retained=True))
    assert connection.execute("SELECT DISTINCT last_seen_at FROM device_sighting").fetchall() == [(NOW,)]


def test_row_5_a_retained_copy_with_a_time_is_stored_if_it_is_newer_than_all_that_is_known(
    connection: Connection,
) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    send(connection, said(f"{PHONE}/last", OPENSCALE, 60, retained=True))
    newer = OPENSCALE | {"id": 43, "date": "2026-08-22T07:40+0200", "weight": 82.3}
    send(connection, said(f"{PHONE}/last", newer, 61, retained=True))
    assert standing(connection) == [("82.05", "accepted"), ("82.3", "accepted")]


# Batch upload of stored readings.
def test_row_6_years_of_history_are_readings_of_their_days_and_twice_is_once(connection: Connection) -> None:
    lend(connection, "p1", "openscale", "1")
    days = [1724303520000 + 86_400_000 * day for day in range(700)]
    history = {"fields": ["date", "weight"], "rows": [[day, 80 + n % 7 / 10] for n, day in enumerate(days)]}
    for _ in range(2):
        send(connection, said(f"{PHONE}/history", history, retained=True))
    assert connection.execute("SELECT count(*), count(DISTINCT measured_at) FROM reading").fetchone() == (700, 700)
    assert connection.execute("SELECT arrivals FROM latest_reading").fetchone() == (700,)


# Wrong person.
def test_row_7_another_person_on_the_scale_is_for_a_human(connection: Connection) -> None:
    send(connection, said("webhook/withings/1", WITHINGS))
    spouse = {
        "grpid": 13,
        "attrib": 0,
        "date": 1787375700,
        "category": 1,
        "measures": [{"value": 48, "type": 1, "unit": 0}],
    }
    send(connection, said("webhook/withings/1", {"body": {"measuregrps": [spouse]}}, 5))
    assert standing(connection) == [("65.75", "accepted"), ("48", "quarantined")]


# Objects and partial step-on.
def test_row_8_a_bag_on_the_scale_is_refused_or_for_a_human(connection: Connection) -> None:
    bag = {"weighing_mode": "object", "weight": 9.55}
    send(connection, said(HEARD_BY_A, THEENGS | bag), said(HEARD_BY_A, THEENGS | {"weight": 9.55}, 1))
    assert standing(connection) == [("9.55", "quarantined")]
    assert connection.execute("SELECT reason FROM rejection").fetchall() == [("weighing_mode: is not person",)]


@pytest.mark.parametrize(("flag", "value"), [("stabilized", 0), ("weight_removed", 1)])
def test_row_8_a_scale_still_settling_or_left_says_nothing_worth_keeping(
    connection: Connection, flag: str, value: int
) -> None:
    body = vectors.TASMOTA | {
        "MISCALEV1568c44": {"mac": "70879e568c44", "weight": 73, "weight_unit": "kg", flag: value}
    }
    assert send(connection, said("stat/t/SENSOR", body)).refused == 1
    assert connection.execute("SELECT count(*) FROM rejection").fetchone() == (0,)


# Unit flip.
def test_row_9_a_weight_in_pounds_called_kilograms_is_for_a_human(connection: Connection) -> None:
    send(connection, said(HEARD_BY_A, THEENGS), said(HEARD_BY_A, THEENGS | {"weight": 159.7}, 1440))
    send(connection, said(HEARD_BY_A, THEENGS | {"weight": 159.7, "unit": "lb"}, 2880))
    assert standing(connection) == [("72.45", "accepted"), ("159.7", "quarantined"), ("72.439", "accepted")]


@pytest.mark.parametrize(
    ("weight", "unit", "kg"),
    [
        (159.7, "kg", "159.7"),  # pounds called kilograms
        (72.45, "lb", "32.863"),  # kilograms called pounds
        (144.9, "kg", "144.9"),  # jin called kilograms
        (11.41, "kg", "11.41"),  # stones called kilograms
        (86.94, "kg", "86.94"),  # jin by 0.6, as ESPHome's first code
    ],
)
def test_row_9_a_flipped_unit_in_any_direction_is_for_a_human(
    connection: Connection, weight: float, unit: str, kg: str
) -> None:
    send(connection, said(HEARD_BY_A, THEENGS), said(HEARD_BY_A, THEENGS | {"weight": weight, "unit": unit}, 1440))
    assert standing(connection) == [("72.45", "accepted"), (kg, "quarantined")]


# Suppressed identical value: the next one that differs is a reading, however late.
def test_row_10_a_day_that_sends_nothing_costs_nothing_of_the_next(connection: Connection) -> None:
    send(connection, said("miscale/Jo/weight", MISCALE), said("miscale/Jo/weight", MISCALE | {"weight": 72.5}, 2880))
    assert [state for _, state in standing(connection)] == ["accepted", "accepted"]


# Thresholds on values quantised in pounds: conversion itself adds no more than half a gram.
def test_row_11_three_pounds_more_are_three_pounds_more_to_the_gram(connection: Connection) -> None:
    for minute, pounds in ((0, 160.0), (1440, 163.0)):
        send(connection, said(HEARD_BY_A, THEENGS | {"weight": pounds, "unit": "lb"}, minute))
    assert connection.execute("SELECT max(weight_kg) - min(weight_kg) FROM reading").fetchone() == (Decimal("1.361"),)
