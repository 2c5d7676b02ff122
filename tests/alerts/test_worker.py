"""From a committed reading to an episode, with a real PostgreSQL."""

from datetime import datetime, timedelta

from schemas import database
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import ENROLLED, GAIN, NOW, STEADY, seen
from tests.alerts.program import eventually, killable, running
from tests.fixtures.assess import Assess

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_a_gain_becomes_one_episode_that_follows_its_course(connection: Connection, assess: Assess) -> None:
    clinic.add_user(connection)
    clinic.add_user(connection, role="cardiologist")
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, GAIN), recorded_at=NOW)
    assess(NOW)
    assert clinic.episodes(connection) == [seen("alert", "raised")]

    assess(NOW + timedelta(minutes=1))
    clinic.weigh(connection, "P1", [(NOW + DAY, 82.7)], recorded_at=NOW + DAY)
    assess(NOW + DAY)
    assert clinic.episodes(connection) == [seen("alert", "raised")], "nothing new: nobody is told again"

    clinic.weigh(connection, "P1", [(NOW + 2 * DAY, 85.4)], recorded_at=NOW + 2 * DAY)
    assess(NOW + 2 * DAY)
    # Nurses were told twice, the cardiologist once: from the alarm on.
    assert clinic.episodes(connection) == [seen("alarm", "raised", "severity_rose", told=3)]

    clinic.weigh(connection, "P1", [(NOW + 3 * DAY, 80.1)], recorded_at=NOW + 3 * DAY)
    assess(NOW + 3 * DAY)
    gain, loss = clinic.episodes(connection)
    assert gain == seen("alarm", "raised", "severity_rose", "back_in_band", told=3)
    assert loss == seen("alert", "raised", cause="weight_loss")
    assert clinic.count(connection, "SELECT count(*) FROM episode WHERE closed_at IS NULL") == 2


def test_an_episode_keeps_the_evidence_of_its_severity_when_a_weaker_finding_repeats_it(
    connection: Connection, assess: Assess
) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, [*STEADY, *STEADY, *STEADY, *STEADY, 82.6]), recorded_at=NOW)
    assess(NOW)
    for days, kg in enumerate([85.4, 83.5, 83.5, 83.6, 83.5], start=1):
        clinic.weigh(connection, "P1", [(NOW + days * DAY, kg)], recorded_at=NOW + days * DAY)
        assess(NOW + days * DAY)

    assert clinic.episodes(connection) == [seen("alarm", "raised", "severity_rose", "repeated", told=3)]
    by = "SELECT (evidence ->> 'detector') FROM {} ORDER BY 1"
    assert connection.execute(by.format("episode")).fetchall() == [("cardiauvergne",)]
    assert connection.execute(by.format("episode_event")).fetchall() == [("cardiauvergne",), ("vigie",), ("vigie",)]


def test_a_weight_in_quarantine_raises_nothing_and_is_used_once_the_next_agrees(
    connection: Connection, assess: Assess
) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW - DAY, STEADY), recorded_at=NOW - DAY)
    assess(NOW - DAY)
    clinic.weigh(connection, "P1", [(NOW, 86.4)], recorded_at=NOW, quarantine="implausible_jump")
    assess(NOW)
    assert clinic.episodes(connection) == []
    clinic.weigh(connection, "P1", [(NOW + DAY, 86.2)], recorded_at=NOW + DAY)
    assess(NOW + DAY)
    assert [one.severity for one in clinic.episodes(connection)] == ["alarm"]
    used = connection.execute("""
        SELECT evidence #>> '{readings,-2,weight_kg}', evidence #>> '{readings,-2,ignored}' FROM episode
    """)
    assert used.fetchall() == [("86.4", None)]
    assert clinic.count(connection, "SELECT count(*) FROM reading WHERE quarantine_reason IS NOT NULL") == 1


def test_after_a_close_the_same_morning_stays_quiet_and_a_new_gain_does_not(
    connection: Connection, assess: Assess
) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, GAIN[2:]), recorded_at=NOW)
    assess(NOW)
    clinic.close_all(connection, at=NOW + timedelta(hours=2))
    clinic.weigh(connection, "P1", [(NOW + DAY, 82.5)], recorded_at=NOW + DAY)
    assess(NOW + DAY)
    assert clinic.episodes(connection) == [seen("alert", "raised")]
    clinic.weigh(connection, "P1", [(NOW + 2 * DAY, 80.2)], recorded_at=NOW + 2 * DAY)
    assess(NOW + 2 * DAY)
    clinic.close_all(connection, at=NOW + 2 * DAY)
    clinic.weigh(connection, "P1", [(NOW + 3 * DAY, 82.6)], recorded_at=NOW + 3 * DAY)
    assess(NOW + 3 * DAY)
    assert [one.events for one in clinic.episodes(connection) if one.cause == "decompensation"] == [
        ("raised", "back_in_band"),
        ("raised",),
    ]


def test_a_burst_after_an_outage_loses_no_alert(connection: Connection, assess: Assess) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW - 2 * DAY, STEADY), recorded_at=NOW - 2 * DAY)
    assess(NOW - 2 * DAY)
    clinic.weigh(connection, "P1", [(NOW - DAY, 82.6), (NOW, 80.7)], recorded_at=NOW)
    assess(NOW)
    assert [episode.cause for episode in clinic.episodes(connection)] == ["decompensation"]


def test_a_late_reading_is_judged_with_the_newest_and_an_old_gain_is_history(
    connection: Connection, assess: Assess
) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, STEADY), recorded_at=NOW)
    assess(NOW)
    late = NOW - timedelta(days=4, hours=2)
    clinic.weigh(connection, "P1", [(late, 83.5)], recorded_at=NOW)
    assess(NOW)
    assert "decompensation" not in {episode.cause for episode in clinic.episodes(connection)}


def test_what_was_over_before_we_knew_is_listed_without_paging(connection: Connection, assess: Assess) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW - timedelta(hours=49), GAIN), recorded_at=NOW)
    assess(NOW)
    assert clinic.episodes(connection) == [seen("alert", "raised", told=0)]


def test_first_light_of_imported_histories_pages_only_for_today(connection: Connection, assess: Assess) -> None:
    clinic.add_user(connection)
    patients = [f"P{number}" for number in range(40)]
    clinic.add_patients(connection, patients, enrolled_at=ENROLLED)
    for number, patient_id in enumerate(patients):
        last = NOW if number == 0 else NOW - (7 + number) * DAY
        clinic.weigh(connection, patient_id, clinic.mornings(last, GAIN), recorded_at=NOW)
    assess(NOW)
    assert len(clinic.episodes(connection)) == 40 + 39, "each gain, and each silence, is on the list"
    assert clinic.count(connection, "SELECT count(*) FROM notification") == 1


def test_silence_is_raised_at_its_instant_without_any_reading_and_again_after_a_close(
    connection: Connection, assess: Assess
) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.set_plan(connection, "P1", {"silence_days": 2})
    clinic.weigh(connection, "P1", clinic.mornings(NOW, STEADY), recorded_at=NOW)
    assess(NOW)
    due = datetime.fromisoformat("2026-03-05T00:00+01:00")  # Monday's weight, two whole days
    assess(due - timedelta(seconds=1))
    assert clinic.episodes(connection) == []
    assess(due)
    assert clinic.episodes(connection) == [seen("alert", "raised", cause="no_transmission")]
    clinic.close_all(connection, at=due + timedelta(hours=9))
    for day in range(1, 4):
        assess(due + day * DAY)
    assert len(clinic.episodes(connection)) == 1
    assess(due + 5 * DAY)
    assert len(clinic.episodes(connection)) == 2


def test_a_changed_plan_is_heeded_within_a_day(connection: Connection, assess: Assess) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.set_plan(connection, "P1", {"silence_days": 7})
    clinic.weigh(connection, "P1", clinic.mornings(NOW, STEADY), recorded_at=NOW)
    assess(NOW)
    clinic.set_plan(connection, "P1", {"silence_days": 1})
    assess(NOW + DAY + timedelta(minutes=1))
    assess(NOW + 2 * DAY)
    assert [episode.cause for episode in clinic.episodes(connection)] == ["no_transmission"]


def test_a_patient_who_never_weighs_is_silent_from_the_enrolment(connection: Connection, assess: Assess) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW)
    assess(NOW)
    assess(NOW + 4 * DAY)
    assert [episode.cause for episode in clinic.episodes(connection)] == ["no_transmission"]


def test_a_scale_that_lives_in_the_future_silences_nobody(connection: Connection, assess: Assess) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    weights = [*clinic.mornings(NOW - 5 * DAY, STEADY), (NOW + 900 * DAY, 80.0)]
    clinic.weigh(connection, "P1", weights, recorded_at=NOW - 5 * DAY)
    assess(NOW)
    assert [episode.cause for episode in clinic.episodes(connection)] == ["no_transmission"]


def test_a_poisoned_patient_stops_nobody_else_and_is_tried_again(connection: Connection, assess: Assess) -> None:
    clinic.add_patients(connection, ["P0", "P1", "P2"], enrolled_at=ENROLLED)
    connection.execute("UPDATE patient SET time_zone = 'Europe/Lutetia' WHERE patient_id = 'P2'")
    clinic.set_plan(connection, "P0", {"gain_kg": "a lot"})
    for patient_id in ("P0", "P1", "P2"):
        clinic.weigh(connection, patient_id, clinic.mornings(NOW, GAIN), recorded_at=NOW)
    worker = assess(NOW)
    assert worker.postponed == {"P0", "P2"}
    assert [episode.patient_id for episode in clinic.episodes(connection)] == ["P1"]
    assert clinic.count(connection, "SELECT count(*) FROM watch WHERE due_at <= '2026-03-02T08:04Z'") == 0
    clinic.set_plan(connection, "P0", {})
    assess(NOW + timedelta(minutes=6))
    assert [episode.patient_id for episode in clinic.episodes(connection)] == ["P1", "P0"]


def test_what_the_screens_need_is_in_the_evidence(connection: Connection, assess: Assess) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, GAIN), recorded_at=NOW)
    assess(NOW)
    row = connection.execute(
        "SELECT evidence->>'would_not_have_fired_at_kg', evidence->>'weight_kg', evidence->'sentence'->>'fr', "
        "jsonb_array_length(evidence->'readings') FROM episode"
    ).fetchone()
    assert row == (
        "81.804",
        "82.6",
        (
            "+2,8 kg en 3 jours au plus (seuil 2,0 kg) ; règle des recommandations, pendant les 10 premiers jours ; "
            "habituellement ±0,7 kg d'un jour à l'autre"
        ),
        8,
    )  # fmt: skip
    assert clinic.count(connection, "SELECT count(*) FROM assessment WHERE patient_id = 'P1'") == 2


def test_800_patients_are_assessed_together_and_then_only_who_weighed(connection: Connection, assess: Assess) -> None:
    patients = [f"P{number}" for number in range(800)]
    clinic.add_patients(connection, patients, enrolled_at=ENROLLED)
    connection.execute("""
        INSERT INTO reading (site, device_id, patient_id, measured_at, received_at, recorded_at, weight_kg, source, raw)
        SELECT 'home', patient_id, patient_id, at, at, at, 80 + (hashtext(patient_id || at) % 5) / 10.0, 'test', ''
        FROM patient, generate_series('2025-12-02T06:00Z'::timestamptz, '2026-03-02T06:00Z', '1 day') AS at
    """)
    connection.execute("INSERT INTO latest_reading (patient_id, arrivals) SELECT patient_id, 90 FROM patient")
    connection.execute("ANALYZE")
    connection.commit()
    assess(NOW)
    assert clinic.count(connection, "SELECT count(DISTINCT patient_id) FROM assessment") == 800

    before = clinic.count(connection, "SELECT count(*) FROM assessment")
    clinic.weigh(connection, "P7", [(NOW, 83.5)], recorded_at=NOW)
    assess(NOW)
    again = "SELECT count(DISTINCT patient_id) FROM assessment WHERE assessment_id > " + str(before)
    assert clinic.count(connection, again) == 1


def test_two_workers_share_the_patients_and_raise_each_once(database_url: str, connection: Connection) -> None:
    clinic.add_user(connection)
    patients = [f"P{number}" for number in range(300)]
    clinic.add_patients(connection, patients, enrolled_at=ENROLLED)
    for patient_id in patients:
        clinic.weigh(connection, patient_id, clinic.mornings(NOW, GAIN), recorded_at=NOW)
    with running(database_url, start=NOW), running(database_url, start=NOW):
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM episode") == 300)
        for patient_id in patients[:20]:
            clinic.weigh(connection, patient_id, [(NOW + timedelta(minutes=5), 82.7)], recorded_at=NOW)
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM assessment") == 2 * 320)
    assert clinic.count(connection, "SELECT count(*) FROM episode_event") == 300
    assert clinic.count(connection, "SELECT count(*) FROM assessment") == 2 * 320, "each once for each arrival"


def test_a_reading_reaches_the_running_worker_at_once(database_url: str, connection: Connection) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW - DAY, STEADY), recorded_at=NOW - DAY)
    with running(database_url, start=NOW):
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM assessment"))
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM heartbeat WHERE detail = 'ok'"))
        clinic.weigh(connection, "P1", [(NOW, 82.6)], recorded_at=NOW)
        eventually(lambda: clinic.episodes(connection) == [seen("alert", "raised", told=0)])


def test_a_worker_killed_between_claim_and_commit_loses_nothing(database_url: str, connection: Connection) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, GAIN), recorded_at=NOW)
    connection.execute("LOCK TABLE episode IN ACCESS EXCLUSIVE MODE")
    with killable(database_url, start=NOW) as process:
        with database.connect(database_url, autocommit=True) as watcher:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database() AND query LIKE '%SELECT patient_id, time_zone%'"
            )
            eventually(lambda: watcher.execute(waiting).fetchone() == (1,))
        process.kill()
        process.wait()
    connection.rollback()
    assert clinic.episodes(connection) == []
    with running(database_url, start=NOW + timedelta(minutes=1)):
        eventually(lambda: clinic.episodes(connection) == [seen("alert", "raised")])


def test_a_watch_that_cannot_work_says_so_in_its_heartbeat(database_url: str, connection: Connection) -> None:
    connection.execute("ALTER TABLE watch RENAME TO elsewhere")
    connection.commit()
    with running(database_url, start=NOW):
        eventually(
            lambda: clinic.count(
                connection, "SELECT count(*) FROM heartbeat WHERE detail = 'assess is interrupted: UndefinedTable'"
            )
        )
        connection.execute("ALTER TABLE elsewhere RENAME TO watch")
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM heartbeat WHERE detail = 'ok'"))


def test_the_worker_survives_losing_all_its_connections(database_url: str, connection: Connection) -> None:
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW - DAY, STEADY), recorded_at=NOW - DAY)
    with running(database_url, start=NOW):
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM assessment"))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.commit()
        clinic.weigh(connection, "P1", [(NOW, 82.6)], recorded_at=NOW)
        eventually(lambda: clinic.episodes(connection) == [seen("alert", "raised", told=0)])
