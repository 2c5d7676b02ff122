"""A change tried on the own history: what appears, what vanishes, what is lost, and no kill loses the answer."""

from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import uuid4

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from alerts.judgement.choice import Choice, Duty
from alerts.judgement.history import Event
from alerts.judgement.registry import DETECTORS
from alerts.study.backtest import Study
from alerts.trials import compared, job, trial_store
from alerts.trials.compared import Crew, Setting
from deploy import alarm_budget
from schemas import database
from schemas.database import Connection
from schemas.plan import Plan
from schemas.reading import HistoricReading
from schemas.trial import Result
from tests.alerts import clinic, program
from tests.alerts.clinic import NOW
from tests.alerts.program import eventually

DAY = timedelta(days=1)
ASK: LiteralString = """
INSERT INTO trial_request (request_id, patient_id, team_id, detector, threshold, budget, plan, plan_before, based_on,
                           author, asked_at)
VALUES (%(request_id)s, %(patient_id)s, %(team_id)s, %(detector)s, %(threshold)s, %(budget)s, %(plan)s, '{}', 0,
        (SELECT min(user_id) FROM app_user), now())
RETURNING trial_id
"""
CONFIRM: LiteralString = """
WITH opened AS (
    INSERT INTO episode (patient_id, cause, severity, opened_at, last_raised_at, evidence)
    VALUES (%(patient_id)s, 'decompensation', 'alert', %(at)s, %(at)s, '{}') RETURNING episode_id)
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, author, at)
SELECT gen_random_uuid(), episode_id, 'close', 'confirmed_hospital', (SELECT min(user_id) FROM app_user), %(at)s
FROM opened
"""
CALM = [80.0, 80.3, 79.9, 80.2, 80.1, 79.8, 80.0, 80.2, 79.9, 80.1] * 4
GAIN = [*CALM, 81.0, 81.9, 82.6, 82.7]
"""2.4 kg more than the lowest of the 3 days before, from the last but one on."""


def ask(conn: Connection, **asked: Any) -> int:
    values = {
        "patient_id": None,
        "team_id": None,
        "detector": "guideline",
        "threshold": None,
        "budget": None,
        "plan": None,
    }
    row = conn.execute(ASK, values | {"request_id": uuid4()} | asked).fetchone()
    conn.commit()
    assert row
    return int(str(row[0]))


def ask_and_claim(conn: Connection) -> int:
    trial_id = ask(conn)
    assert trial_store.claim(conn) == trial_id
    return trial_id


def answered(url: str, trial_id: int) -> Result:
    """The answer, as the worker's process computes it."""
    with database.connect(url, service="alerts", autocommit=True) as conn:
        assert trial_store.claim(conn) == trial_id
        job.answer(conn, trial_id, now=NOW + DAY, simulated=alarm_budget.simulated)
    return result(url, trial_id)


def result(url: str, trial_id: int) -> Result:
    with database.connect(url) as conn:
        row = conn.execute(
            "SELECT state, result, problem FROM trial_answer WHERE trial_id = %s", (trial_id,)
        ).fetchone()
    assert row
    assert row[0] == "done", row
    return Result.model_validate(row[1])


@pytest.fixture
def ill(connection: Connection) -> Connection:
    """One whose gain was a decompensation, and one who gained nothing."""
    clinic.add_user(connection)
    clinic.add_patients(connection, ["calm", "ill"], enrolled_at=NOW - 60 * DAY)
    clinic.weigh(connection, "calm", clinic.mornings(NOW, [*CALM, 80.0, 80.2]), recorded_at=NOW)
    clinic.weigh(connection, "ill", clinic.mornings(NOW, GAIN), recorded_at=NOW)
    connection.execute(CONFIRM, {"patient_id": "ill", "at": NOW + 0.2 * DAY})
    connection.commit()
    return connection


def test_a_stricter_threshold_names_the_decompensation_it_would_have_missed(ill: Connection, database_url: str) -> None:
    clinic.choose(ill, "guideline")
    found = answered(database_url, ask(ill, threshold=3.0))
    [case] = found.cases
    assert (case.patient_id, case.is_lost, case.lead_after) == ("ill", True, None)
    assert case.lead_before == pytest.approx(1.2)
    assert [(one.patient_id, len(one.vanish), one.appear) for one in found.changed] == [("ill", 1, [])]
    assert (found.own.before.alerts, found.own.after.alerts, found.own.before.found) == (1, 0, 1)
    assert found.own.decompensations == 1


def test_one_who_keeps_the_own_threshold_loses_nothing_and_is_counted(ill: Connection, database_url: str) -> None:
    clinic.choose(ill, "guideline")
    clinic.set_plan(ill, "ill", {"gain_kg": 2.0})
    found = answered(database_url, ask(ill, threshold=3.0))
    assert (found.keep_their_own, found.changed, found.lost) == (1, [], [])


def test_a_patients_plan_is_tried_on_that_patient_alone_and_the_rate_on_simulated_ones(
    ill: Connection, database_url: str
) -> None:
    found = answered(database_url, ask(ill, patient_id="ill", plan=Jsonb({"vigie_threshold": 97.0})))
    assert (found.own.patients, [case.is_lost for case in found.cases]) == (1, [True])
    assert found.simulated
    assert found.simulated.before.alerts > found.simulated.after.alerts > 0


def test_a_teams_plan_is_tried_on_its_patients_except_where_their_plan_is_their_own(
    ill: Connection, database_url: str
) -> None:
    ill.execute("INSERT INTO team DEFAULT VALUES")
    ill.execute(
        "INSERT INTO patient_team (patient_id, team_id, recorded_at)"
        " SELECT patient_id, team_id, now() FROM patient, team"
    )
    clinic.choose(ill, "guideline")
    found = answered(database_url, ask(ill, team_id=1, plan=Jsonb({"gain_kg": 3.0})))
    assert (found.own.patients, [one.patient_id for one in found.lost]) == (2, ["ill"])
    clinic.set_plan(ill, "ill", {"gain_kg": 2.0})
    kept = answered(database_url, ask(ill, team_id=1, plan=Jsonb({"gain_kg": 3.0})))
    assert (kept.changed, kept.lost) == ([], [])


def test_an_alarm_set_higher_names_the_decompensation_that_it_alone_had_found(
    ill: Connection, database_url: str
) -> None:
    clinic.choose(ill, "guideline", threshold=5.0)
    ill.execute(
        "INSERT INTO dry_weight (patient_id, weight_kg, valid_from, recorded_at) VALUES ('ill', 80, %s, %s)",
        (NOW - 50 * DAY, NOW - 50 * DAY),
    )
    clinic.set_plan(ill, "ill", {"alarm_kg": 2.0})
    found = answered(database_url, ask(ill, patient_id="ill", plan=Jsonb({"alarm_kg": 4.0})))
    assert (found.own.before.alerts, found.own.after.alerts, found.simulated) == (1, 0, None)
    assert [case.is_lost for case in found.cases] == [True]


def test_alerts_of_silence_and_of_weight_loss_are_counted_where_the_plan_touches_them(
    connection: Connection, database_url: str
) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 90 * DAY)
    weights = [*CALM, 77.9, 77.8]
    clinic.weigh(connection, "P1", clinic.mornings(NOW - 3 * DAY, weights), recorded_at=NOW)
    connection.commit()
    found = answered(database_url, ask(connection, patient_id="P1", plan=Jsonb({"silence_days": 7, "loss_kg": 4.0})))
    assert [(one.cause, bool(one.before), bool(one.after)) for one in found.rest] == [
        ("weight_loss", True, False),
        ("no_transmission", True, False),
    ]
    [changed] = found.changed
    assert (len(changed.vanish), changed.appear) == (2, [])
    assert found.own.before.alerts == found.own.after.alerts


def test_an_empty_history_is_priced_on_simulated_patients_and_says_so(
    connection: Connection, database_url: str
) -> None:
    clinic.add_user(connection)
    connection.commit()
    found = answered(database_url, ask(connection, detector="vigie", budget=1.0))
    assert (found.own.patients, found.own.before.alerts_per_patient_year, found.solved_on) == (0, None, "simulated")
    assert found.simulated
    assert found.simulated.after.false_alerts_per_patient_year is not None
    assert 0.9 < found.simulated.after.false_alerts_per_patient_year <= 1.0
    assert found.simulated.after.found > 0


def test_after_a_stay_in_hospital_the_averages_begin_anew_as_they_do_for_the_worker(ill: Connection) -> None:
    home = (NOW - 10 * DAY).date()
    clinic.pause(ill, "calm", home - 5 * DAY, home - DAY, now=NOW - 15 * DAY, kind="hospital")
    clinic.pause(ill, "ill", home - 5 * DAY, home - DAY, now=NOW - 15 * DAY)  # a holiday
    asked = trial_store.request(ill, ask_and_claim(ill))
    study = job.Job(conn=ill, asked=asked, now=NOW + DAY, simulated=alarm_budget.simulated, began=0).own()
    anchors = {course.patient_id: course.anchors for course in study.courses}
    assert home in anchors["calm"]
    assert home not in anchors["ill"]


@pytest.mark.parametrize(
    ("asked", "problem"), [({"detector": "horoscope"}, "no_such_detector"), ({"budget": 0.0001}, "never_alerts")]
)
def test_what_cannot_be_answered_is_said(
    connection: Connection, database_url: str, asked: dict[str, Any], problem: str
) -> None:
    clinic.add_user(connection)
    trial_id = ask(connection, **{"detector": "cusum"} | asked)
    with database.connect(database_url, service="alerts", autocommit=True) as conn:
        assert trial_store.claim(conn) == trial_id
        assert trial_store.claim(conn) is None, "it is leased"
        job.answer(conn, trial_id, now=NOW, simulated=alarm_budget.simulated)
        row = conn.execute("SELECT state, problem FROM trial_answer").fetchone()
    assert row == ("failed", problem)


def test_a_worker_killed_in_the_middle_costs_a_repeat_and_no_answer(connection: Connection, database_url: str) -> None:
    clinic.add_user(connection)
    trial_id = ask(connection, detector="vigie", budget=1.0)
    with program.killable(database_url, start=NOW) as first:
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM trial_answer WHERE state = 'running'"))
        first.kill()
        first.wait()
    assert clinic.count(connection, "SELECT count(*) FROM trial_answer WHERE state = 'done'") == 0
    connection.execute("UPDATE trial_answer SET leased_until = now() - interval '1 second'")  # its time has passed
    connection.commit()
    with program.running(database_url, start=NOW):
        eventually(
            lambda: clinic.count(connection, "SELECT count(*) FROM trial_answer WHERE state = 'done'"), seconds=60
        )
    assert result(database_url, trial_id).solved_on == "simulated"
    assert clinic.count(connection, "SELECT attempts FROM trial_answer") == 2


def test_a_trial_that_kills_its_worker_again_and_again_is_given_up(connection: Connection, database_url: str) -> None:
    clinic.add_user(connection)
    trial_id = ask(connection)
    with database.connect(database_url, service="alerts", autocommit=True) as conn:
        trial_store.claim(conn)
        for _ in range(trial_store.MOST_ATTEMPTS):
            conn.execute("UPDATE trial_answer SET leased_until = now() - interval '1 second'")
            assert trial_store.claim(conn) == trial_id
        job.answer(conn, trial_id, now=NOW, simulated=alarm_budget.simulated)
        assert conn.execute("SELECT state, problem FROM trial_answer").fetchone() == ("failed", "failed")


def test_two_settings_that_are_the_same_change_nothing_whatever_the_detector() -> None:
    rng = np.random.default_rng(5)
    start = datetime(2025, 1, 1, 7, tzinfo=UTC)
    readings = [
        HistoricReading.model_construct(patient_id=f"P{n}", measured_at=start + day * DAY, weight_kg=kg, device_id=None)
        for n in range(4)
        for day, kg in enumerate((80 + n + np.cumsum(rng.normal(0, 0.4, 200))).round(1).tolist())
    ]
    study = Study(readings, events=[Event(patient_id="P1", at=start + 90 * DAY, kind="decompensation")])
    plans = {"P2": Plan(gain_days=7, gain_kg=1.5)}
    for name in DETECTORS:
        setting = Setting(choice=Choice(alerting=Duty(detector=name)), plans=plans)
        found = compared.outcomes(study, setting, now=NOW)
        assert compared.changed(found, found) == []
        shown = compared.pair(found, found, settings=(setting, setting), crew=Crew(watched=4, nurses=1))
        assert shown.before == shown.after
        _, tallies = study.tallies(name)
        same = [one for one in range(4) if f"P{one}" not in plans]
        assert [len(found[one].raised) for one in same] == [len(tallies[one].raised) for one in same]
