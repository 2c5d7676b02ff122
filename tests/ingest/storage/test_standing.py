"""What stands: weighings heard again, corrected, deleted, restored, and of whom, in the real database."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from clinician_api.enrol import enrolment
from ingest import service
from ingest.adapters import arrival
from ingest.message import Message
from ingest.past import history
from ingest.service import Batch
from ingest.storage import ordinary, store
from schemas import database
from schemas.database import Connection
from schemas.patient import LentScale
from tests.ingest.adapters import vectors
from tests.ingest.adapters.vectors import NOW, OPENSCALE, THEENGS
from tests.ingest.conftest import LONG_AGO

HEARD_BY_A = "home/A/BTtoMQTT/5CCAD34CEE74"
HEARD_BY_B = "home/B/BTtoMQTT/5CCAD34CEE74"
PHONE = "openScaleSync/1/measurements"
STANDING = "SELECT trim_scale(weight_kg)::text, state FROM standing_reading ORDER BY measured_at, reading_id"


def lend(conn: Connection, patient: str, site: str, device: str, *, since: datetime = LONG_AGO) -> None:
    conn.execute(
        "INSERT INTO patient (patient_id, enrolled_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (patient, LONG_AGO)
    )
    conn.execute(
        "INSERT INTO device_loan (site, device_id, patient_id, lent_at) VALUES (%s, %s, %s, %s)",
        (site, device, patient, since),
    )
    conn.commit()


def send(conn: Connection, *messages: Message) -> store.Outcome:
    said = [one for message in messages for one in arrival.arrivals(message)]
    asked = ordinary.ask(said, [], rate=1)
    return service.store_batch(conn, Batch(arrivals=said, sightings=[], asked=asked), now=NOW, rate=1)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def said(topic: str, body: object, minutes: float = 0, *, retained: bool = False, waited: bool = False) -> Message:
    return vectors.message(topic, body, retained=retained, waited=waited, received_at=at(minutes))


def standing(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute(STANDING).fetchall()


def echoes(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute("SELECT times, last_heard_at FROM reading_echo ORDER BY measured_at").fetchall()


@pytest.mark.parametrize("at_once", [True, False])
def test_advertisements_heard_by_two_gateways_are_one_weighing(connection: Connection, at_once: bool) -> None:
    messages = [said(topic, THEENGS, minute) for minute in (0, 3, 9, 15) for topic in (HEARD_BY_A, HEARD_BY_B)]
    for batch in [messages] if at_once else [[message] for message in messages]:
        send(connection, *batch)
    assert standing(connection) == [("72.45", "accepted")]
    assert echoes(connection) in (
        [(6, at(15))],
        [(7, at(15))],
    )  # at the very same instant: the same message, or heard twice


def test_two_workers_that_hear_the_same_scales_neither_double_nor_deadlock(
    database_url: str, connection: Connection
) -> None:
    scales = [f"5C:CA:D3:4C:EE:{number:02X}" for number in range(30)]
    gone = said(f"{PHONE}/delete", {"dateTime": "2026-08-22T07:12+0200"}, 3)
    everything = [said(HEARD_BY_A, THEENGS | {"id": mac}, minute) for mac in scales for minute in (0, 2, 4)]
    everything += [said(f"{PHONE}/insert", OPENSCALE | {"id": n, "weight": 80 + n}) for n in range(30)] + [gone]

    def worker(seed: int) -> None:
        shuffled = random.Random(seed).sample(everything, len(everything))
        with database.connect(database_url, service="ingest") as conn:
            for start in range(0, len(shuffled), 10):
                send(conn, *shuffled[start : start + 10])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(worker, range(4)))
    states = connection.execute(
        "SELECT site, state, count(*) FROM standing_reading GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    assert states == [("ble", "accepted", 30), ("openscale", "excluded", 30)]


def test_the_next_day_and_another_weight_are_other_weighings(connection: Connection) -> None:
    send(connection, said(HEARD_BY_A, THEENGS), said(HEARD_BY_A, THEENGS, 1440))
    send(connection, said(HEARD_BY_A, THEENGS | {"weight": 72.5}, 1441))
    assert [kg for kg, _ in standing(connection)] == ["72.45", "72.45", "72.5"]


def test_a_periodic_report_that_goes_on_for_hours_is_no_new_weighing(connection: Connection) -> None:
    messages = [said("tele/t/SENSOR", vectors.TASMOTA, 5 * n) for n in range(100)]
    send(connection, said("stat/t/SENSOR", vectors.TASMOTA), *messages[1:50])
    send(connection, *messages[50:])
    assert standing(connection) == [("73", "accepted")]
    assert echoes(connection) == [(99, at(495))]


def test_a_weighing_heard_again_does_not_confirm_a_doubted_one(connection: Connection) -> None:
    lend(connection, "p1", "ble", "5C:CA:D3:4C:EE:74")
    send(connection, said(HEARD_BY_A, THEENGS))
    visitor = THEENGS | {"weight": 95.0}
    for minute in range(60, 90, 5):
        send(connection, said(HEARD_BY_A, visitor, minute))
    assert standing(connection) == [("72.45", "accepted"), ("95", "quarantined")]


def test_two_weighings_in_one_minute_do_not_collide_and_one_sent_twice_is_one(connection: Connection) -> None:
    again = OPENSCALE | {"id": 43, "weight": 81.9}
    send(connection, *[said(f"{PHONE}/insert", body) for body in (OPENSCALE, again, OPENSCALE)])
    send(connection, said(f"{PHONE}/last", again, 30, retained=True))
    assert standing(connection) == [("82.05", "accepted"), ("81.9", "accepted")]


def latest(conn: Connection) -> tuple[object, ...] | None:
    return conn.execute("SELECT arrivals, trim_scale(weight_kg)::text FROM latest_reading").fetchone()


@pytest.mark.parametrize("at_once", [True, False])
def test_an_update_supersedes_and_a_deletion_excludes_and_the_readings_stay(
    connection: Connection, at_once: bool
) -> None:
    lend(connection, "p1", "openscale", "1")
    updated = OPENSCALE | {"weight": 80.0}
    messages = [
        said(f"{PHONE}/insert", OPENSCALE),
        said(f"{PHONE}/insert", OPENSCALE | {"id": 41, "date": "2026-08-21T07:12+0200", "weight": 81.0}, 1),
        said(f"{PHONE}/update", updated, 2),
    ]
    for batch in [messages] if at_once else [[message] for message in messages]:
        send(connection, *batch)
    assert standing(connection) == [("81", "accepted"), ("82.05", "superseded"), ("80", "accepted")]
    assert latest(connection) == (4, "80")
    send(connection, said(f"{PHONE}/delete", {"dateTime": "2026-08-22T07:12+0200"}, 3))
    assert standing(connection) == [("81", "accepted"), ("82.05", "superseded"), ("80", "excluded")]
    assert latest(connection) == (5, "81")
    assert connection.execute("SELECT count(*), sum(weight_kg) FROM reading").fetchone() == (3, Decimal("243.05"))


def test_an_update_back_and_an_update_of_the_fat_alone_leave_one_standing(connection: Connection) -> None:
    other = OPENSCALE | {"weight": 80.0}
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    send(connection, said(f"{PHONE}/update", other, 1))
    send(connection, said(f"{PHONE}/update", OPENSCALE, 2))
    assert standing(connection) == [("82.05", "accepted"), ("80", "superseded")]
    send(connection, said(f"{PHONE}/update", OPENSCALE | {"body_fat": 20.0}, 3))
    assert standing(connection) == [("82.05", "accepted"), ("80", "superseded")]


def test_an_update_of_the_date_moves_the_weighing_it_names(connection: Connection) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    send(connection, said(f"{PHONE}/update", OPENSCALE | {"date": "2026-08-20T07:12+0200"}, 1))
    assert standing(connection) == [("82.05", "accepted"), ("82.05", "superseded")]


def test_a_deletion_stored_before_the_weighing_it_follows_takes_it_back_too(connection: Connection) -> None:
    send(connection, said(f"{PHONE}/delete", {"dateTime": "2026-08-22T07:12+0200"}, 2))
    send(connection, said(f"{PHONE}/insert", OPENSCALE, 1))
    assert standing(connection) == [("82.05", "excluded")]
    send(connection, said(f"{PHONE}/insert", OPENSCALE, 1))
    assert standing(connection) == [("82.05", "excluded")]


@pytest.mark.parametrize("retraction", ["delete", "update"])
def test_what_its_source_took_back_while_a_nurse_had_it_excluded_stays_out_at_her_undo(
    connection: Connection, retraction: str
) -> None:
    author = connection.execute(
        "INSERT INTO app_user (email, display_name, role, password_hash) VALUES ('n@x', 'N', 'nurse', '')"
        " RETURNING user_id"
    ).fetchone()  # fmt: skip
    assert author

    def review(action: str, reason: str | None) -> None:
        connection.execute(
            "INSERT INTO reading_review (request_id, reading_id, site, device_id, measured_at, action, reason,"
            " author, at)"
            " SELECT gen_random_uuid(), reading_id, site, device_id, measured_at, %s, %s, %s, %s FROM reading"
            " WHERE weight_kg = 82.05", (action, reason, *author, NOW)
        )  # fmt: skip

    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    review("exclude", "other_person")
    body = OPENSCALE | {"weight": 80.0} if retraction == "update" else {"dateTime": "2026-08-22T07:12+0200"}
    send(connection, said(f"{PHONE}/{retraction}", body, 1))
    review("undo", None)
    assert standing(connection)[0] == ("82.05", "superseded" if retraction == "update" else "excluded")
    send(connection, said(f"{PHONE}/insert", OPENSCALE, 2))
    assert standing(connection)[0] == ("82.05", "accepted")


def test_each_deletion_of_a_webhook_counts(connection: Connection) -> None:
    days = [f"2026-08-{day}T07:12+0200" for day in (20, 21, 22)]
    send(connection, *[said(f"{PHONE}/insert", OPENSCALE | {"id": n, "date": day}) for n, day in enumerate(days)])
    gone = [{"userId": 1, "date": day} for day in days[:2]]
    send(connection, said("webhook/openscale", {"event": "delete", "measurements": gone}, 1))
    assert [state for _, state in standing(connection)] == ["excluded", "excluded", "accepted"]


def test_what_is_said_anew_after_it_was_cleared_stands_but_a_retained_copy_does_not(connection: Connection) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE), said(f"{PHONE}/clear", True, 1))
    send(connection, said(f"{PHONE}/last", OPENSCALE, 2, retained=True))
    assert standing(connection) == [("82.05", "excluded")]
    send(connection, said(f"{PHONE}/insert", OPENSCALE, 3))
    assert standing(connection) == [("82.05", "accepted")]


def test_the_same_events_again_change_nothing(connection: Connection) -> None:
    messages = [said(f"{PHONE}/insert", OPENSCALE), said(f"{PHONE}/update", OPENSCALE | {"weight": 80.0}, 1)]
    messages.append(said(f"{PHONE}/delete", {"dateTime": "2026-08-22T07:12+0200"}, 2))
    send(connection, *messages)
    before = standing(connection), connection.execute("SELECT count(*) FROM reading_event").fetchone()
    send(connection, *messages)
    assert (standing(connection), connection.execute("SELECT count(*) FROM reading_event").fetchone()) == before


def test_the_day_of_a_correction_has_the_weight_that_stands(connection: Connection) -> None:
    lend(connection, "p1", "openscale", "1")
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    send(connection, said(f"{PHONE}/update", OPENSCALE | {"weight": 80.0}, 1))
    daily = connection.execute("SELECT trim_scale(weight_kg)::text, readings FROM reading_daily").fetchall()
    assert daily == [("80", 1)]


def test_withings_says_who_it_is_not_sure_of_and_corrects_its_groups(connection: Connection) -> None:
    def body(**change: object) -> object:
        group = {"grpid": 12, "attrib": 0, "date": 1787375520, "created": 5, "modified": 5, "category": 1}
        return {"body": {"measuregrps": [group | {"measures": [{"value": 657, "type": 1, "unit": -1}]} | change]}}

    unsure = body(grpid=13, date=1787375000, attrib=1)
    edited = body(modified=9, measures=[{"value": 660, "type": 1, "unit": -1}])
    for minute, payload in enumerate((body(), unsure, body(category=2, grpid=14), edited)):
        send(connection, said("webhook/withings/12345", payload, minute))
    assert standing(connection) == [("65.7", "quarantined"), ("65.7", "superseded"), ("66", "accepted")]


def test_the_export_says_how_each_reading_stands(connection: Connection, tmp_path: Path) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE), said(f"{PHONE}/update", OPENSCALE | {"weight": 80.0}, 1))
    send(connection, said(f"{PHONE}/insert", OPENSCALE | {"id": 7, "date": "2026-08-20T07:12+0200"}, 2))
    send(connection, said(f"{PHONE}/delete", {"date": "2026-08-20T07:12+0200"}, 3))
    assert history.export_csv(connection, tmp_path / "out.csv") == 3
    states = [line.rsplit(",", 1)[1] for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert sorted(states) == ["accepted", "excluded", "state", "superseded"]


def test_a_scale_nobody_knew_is_lent_together_with_what_it_sent(connection: Connection) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE), said(f"{PHONE}/insert", OPENSCALE | {"weight": 99.9}))
    send(connection, said(f"{PHONE}/insert", OPENSCALE | {"date": "2026-08-20T07:12+0200"}))
    lend(connection, "p1", "openscale", "1", since=datetime(2026, 8, 21, tzinfo=UTC))
    whose = connection.execute("SELECT patient_id FROM reading ORDER BY measured_at, weight_kg").fetchall()
    assert whose == [(None,), ("p1",), ("p1",)]
    assert latest(connection) in ((1, "82.05"), (1, "99.9"))  # one minute has both
    connection.execute("UPDATE device_loan SET lent_at = %s", (LONG_AGO,))
    assert connection.execute("SELECT count(*) FROM reading WHERE patient_id = 'p1'").fetchone() == (3,)


def test_a_scale_that_another_had_is_lent_from_its_return_on(connection: Connection) -> None:
    scale = LentScale(site="openscale", device_id="1")
    send(connection, said(f"{PHONE}/insert", OPENSCALE | {"date": "2026-08-20T07:12+0200"}))
    lend(connection, "p1", "openscale", "1", since=at(-1440))
    connection.execute("INSERT INTO patient (patient_id, enrolled_at) VALUES ('p2', %s)", (LONG_AGO,))
    assert enrolment.lend(connection, scale, patient_id="p2", since=LONG_AGO, now=at(0)) == at(0)
    assert enrolment.lend(connection, scale, patient_id="nobody", since=LONG_AGO, now=at(0)) is None
    assert connection.execute("SELECT patient_id FROM reading").fetchall() == [(None,)]


def test_a_loan_made_while_a_reading_is_stored_gets_it(database_url: str, connection: Connection) -> None:
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    with psycopg.connect(database_url) as ingest, psycopg.connect(database_url) as api:
        late = [*arrival.arrivals(said(f"{PHONE}/insert", OPENSCALE | {"date": "2026-08-21T07:12+0200"}))]
        store.store(ingest, late, [], now=NOW, rate=1)
        api.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            lend(api, "p1", "openscale", "1")
        api.rollback()
        ingest.commit()
        lend(api, "p1", "openscale", "1")
    assert connection.execute("SELECT DISTINCT patient_id FROM reading").fetchall() == [("p1",)]


@pytest.mark.parametrize(
    "change", ["patient_id = 'p2'", "patient_id = NULL", "weight_kg = 80", "measured_at = now()", "raw = ''"]
)
def test_a_reading_cannot_be_changed_even_by_the_owner_of_the_table(connection: Connection, change: str) -> None:
    lend(connection, "p1", "openscale", "1")
    send(connection, said(f"{PHONE}/insert", OPENSCALE))
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(f"UPDATE reading SET {change}".encode())


def test_ingest_may_do_all_this_with_its_own_rights(database_url: str, connection: Connection) -> None:
    lend(connection, "p1", "openscale", "1")
    with database.connect(database_url, service="ingest") as conn:
        send(conn, said(f"{PHONE}/insert", OPENSCALE), said(HEARD_BY_A, THEENGS), said(HEARD_BY_B, THEENGS, 1))
        send(conn, said(f"{PHONE}/update", OPENSCALE | {"weight": 80.0}, 1), said(f"{PHONE}/clear", True, 2))
        assert standing(conn) == [("82.05", "superseded"), ("80", "excluded"), ("72.45", "accepted")]


def test_a_refusal_that_is_only_counted_is_not_kept(connection: Connection) -> None:
    unsteady = json.loads(json.dumps(vectors.TASMOTA))
    unsteady["MISCALEV1568c44"]["stabilized"] = 0
    outcome = send(connection, said("stat/t/SENSOR", unsteady), said("miscale/Jo/weight", b"{}"))
    assert outcome.refused == 2
    assert connection.execute("SELECT reason FROM rejection").fetchall() == [("weight: must be a number",)]
