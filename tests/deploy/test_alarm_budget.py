"""A budget of false alerts: solved, priced, kept, and heeded by the worker."""

from datetime import timedelta
from typing import LiteralString

import numpy as np
import pytest

from alerts.study import budget, outcome_store
from alerts.study.backtest import Study
from alerts.study.trial import BudgetError
from deploy import alarm_budget
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import GAIN, NOW
from tests.fixtures.assess import Assess

DAY = timedelta(days=1)
CONFIRM: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, author, at)
SELECT gen_random_uuid(), episode_id, 'close', 'confirmed_hospital', (SELECT min(user_id) FROM app_user), opened_at
FROM episode WHERE patient_id = 'ill' AND cause = 'decompensation'
"""
EXCLUDE_ONE: LiteralString = """
INSERT INTO reading_review (request_id, reading_id, site, device_id, measured_at, action, reason, author, at)
SELECT gen_random_uuid(), reading_id, site, device_id, measured_at, 'exclude', 'clothes',
       (SELECT min(user_id) FROM app_user), %s FROM reading WHERE patient_id <> 'VIGIE-CANARY' LIMIT 1
"""
UNKNOWN: LiteralString = """
INSERT INTO detector_choice (duty, detector, recorded_at) VALUES ('alerting', 'horoscope', now())
"""


@pytest.fixture(scope="module")
def simulated() -> Study:
    return alarm_budget.simulated()


def years_of_noise(conn: Connection, *, patients: int, days: int) -> None:
    rng = np.random.default_rng(3)
    names = [f"P{number}" for number in range(patients)]
    clinic.add_patients(conn, names, enrolled_at=NOW - days * DAY)
    for name in names:
        weights = (80 + rng.normal(0, 0.7, days)).round(1).tolist()
        clinic.weigh(conn, name, clinic.mornings(NOW - DAY, weights), recorded_at=NOW)


@pytest.mark.parametrize("target", [0.5, 1.0, 4.0])
def test_a_clinic_without_history_is_priced_on_simulated_patients(simulated: Study, target: float) -> None:
    priced = budget.price(Study([]), simulated, detector="macd", budget=target, patients=800, nurses=2)
    assert priced.solved_on == priced.sensitivity_on == "simulated patients"
    assert priced.false_alerts_per_patient_year <= target
    assert priced.sensitivity is not None
    assert priced.sensitivity_95 is not None
    assert priced.sensitivity_95[0] < priced.sensitivity < priced.sensitivity_95[1]
    assert 0 < priced.calls_per_nurse_day < (target + 1) * 400 / 365


def test_a_larger_budget_finds_no_less(simulated: Study) -> None:
    prices = [
        budget.price(Study([]), simulated, detector="guideline", budget=target, patients=1, nurses=1)
        for target in (0.5, 1.0, 2.0, 4.0)
    ]
    assert [one.found for one in prices] == sorted(one.found for one in prices)
    assert [one.threshold for one in prices] == sorted((one.threshold for one in prices), reverse=True)


def test_a_budget_that_only_silence_keeps_is_refused(simulated: Study) -> None:
    with pytest.raises(BudgetError, match="never alerting"):
        budget.price(Study([]), simulated, detector="macd", budget=0.0, patients=1, nurses=1)


def test_the_own_history_is_used_once_it_is_enough_and_outcomes_split_its_alerts(
    connection: Connection, assess: Assess
) -> None:
    clinic.add_user(connection)
    years_of_noise(connection, patients=6, days=365)
    clinic.add_patients(connection, ["ill"], enrolled_at=NOW - 60 * DAY)
    clinic.weigh(connection, "ill", clinic.mornings(NOW, GAIN), recorded_at=NOW)
    assess(NOW)
    connection.execute(CONFIRM)
    clinic.weigh(connection, "VIGIE-CANARY", clinic.mornings(NOW, GAIN), recorded_at=NOW)
    before = len(outcome_store.readings(connection, now=NOW))
    connection.execute(EXCLUDE_ONE, (NOW,))
    assert len(outcome_store.readings(connection, now=NOW)) == before - 1, "what a nurse excluded teaches nothing"
    assert "VIGIE-CANARY" not in {one.patient_id for one in outcome_store.readings(connection, now=NOW)}
    priced = alarm_budget.price(connection, detector="guideline", target=10.0, nurses=1, now=NOW + DAY)
    assert (priced.solved_on, priced.sensitivity_on) == ("own history", "simulated patients")
    assert (priced.own_events, priced.own_events_missed, priced.patients) == (1, [], 7)
    strict = alarm_budget.price(connection, detector="macd", target=9.0, nurses=1, now=NOW + DAY)
    assert strict.own_events == 1
    assert next(iter(outcome_store.decompensations(connection))).patient_id == "ill"
    alarm_budget.show(priced)


def test_the_worker_alerts_by_the_threshold_that_was_chosen_and_by_a_plans_own_before_it(
    connection: Connection, assess: Assess, simulated: Study
) -> None:
    priced = budget.price(Study([]), simulated, detector="guideline", budget=0.5, patients=1, nurses=1)
    assert priced.threshold > 2.6
    clinic.choose(connection, priced.detector, threshold=priced.threshold)
    clinic.add_patients(connection, ["P1", "P2"], enrolled_at=NOW - 60 * DAY)
    clinic.set_plan(connection, "P2", {"gain_kg": 2.5})
    for name in ("P1", "P2"):
        clinic.weigh(connection, name, clinic.mornings(NOW, GAIN), recorded_at=NOW)
    assess(NOW)
    assert [(one.patient_id, one.severity) for one in clinic.episodes(connection)] == [("P1", "watch"), ("P2", "alert")]
    thresholds = connection.execute(
        "SELECT patient_id, threshold FROM assessment WHERE detector = 'guideline' ORDER BY 1"
    ).fetchall()
    assert thresholds == [("P1", priced.threshold), ("P2", 2.5)]


def test_a_shadow_writes_assessments_and_pages_nobody(connection: Connection, assess: Assess) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 60 * DAY)
    clinic.choose(connection, "guideline", duty="shadow", threshold=0.1)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, [80.0, 80.1, 79.9, 80.0, 80.9]), recorded_at=NOW)
    assess(NOW)
    shadows = connection.execute("SELECT detector, score, threshold FROM assessment WHERE shadow").fetchall()
    assert shadows == [("guideline", 1.0, 0.1)]
    assert clinic.episodes(connection) == []
    clinic.choose(connection, None, duty="shadow")
    clinic.weigh(connection, "P1", [(NOW + DAY, 80.8)], recorded_at=NOW + DAY)
    assess(NOW + DAY)
    assert clinic.count(connection, "SELECT count(*) FROM assessment WHERE shadow") == 1


def test_a_detector_that_this_program_lacks_leaves_the_patients_watched(connection: Connection, assess: Assess) -> None:
    connection.execute(
        "INSERT INTO detector_choice (duty, detector, recorded_at) VALUES ('alerting', 'horoscope', now())"
    )
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 60 * DAY)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, GAIN), recorded_at=NOW)
    assess(NOW)
    assert [one.severity for one in clinic.episodes(connection)] == ["alert"]
