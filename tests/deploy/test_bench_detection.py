"""The benches of the detectors: small, but through the same code."""

import json
import subprocess
import sys

import numpy as np
import pytest

from alerts.detectors import macd, vigie, vigie_features
from deploy.bench import calibration, detect, fit, peers, trial, watching, worlds
from simulator import chronicle
from simulator.chronicle import Chronicle, Event


def one_patient(*, events: list[Event], days: int = 100) -> Chronicle:
    nothing = np.zeros((1, days))
    no = np.zeros((1, days), dtype=np.bool_)
    return Chronicle(
        kg=nothing,
        hour=nothing,
        first_day=np.array([739000]),
        fluid_kg=nothing,
        dry_kg=nothing,
        spurious=no,
        wrong_person=no,
        events=[events],
        anchors=[[]],
    )


FAST = Event(kind="fast", onset=50, treated=55, gain_kg=3, absent_days=0, dry_shift_kg=0)


@pytest.mark.parametrize(
    ("high", "found", "lead", "false"),
    [
        ([52], True, 3, 0),
        ([25], True, 30, 0),
        ([24], False, np.nan, 1),
        ([56], False, np.nan, 1),
        ([10, 11, 12, 53], True, 2, 1),  # one alert, still there for less than 7 days
        ([*range(10, 18), 53], True, 2, 2),  # and once more after 7 days
        ([10, 12, 53], True, 2, 2),  # it had passed in between
        ([], False, np.nan, 0),
    ],
)
def test_an_alert_is_true_if_an_event_follows_within_30_days(
    high: list[int], found: bool, lead: float, false: int
) -> None:
    scores = np.zeros((1, 100))
    scores[0, high] = 2.0
    tried = trial.try_threshold(one_patient(events=[FAST]), scores, 1.0)
    assert (tried.events[0].found, tried.false_by_patient.sum()) == (found, false)
    assert tried.events[0].lead_days == pytest.approx(lead, nan_ok=True)


@pytest.mark.parametrize(
    ("scores", "opened", "rose", "price"),
    [
        ({53: 0.8}, [53], [], (0, 1, 0)),
        ({53: 0.8, 54: 1.1}, [53], [54], (0, 1, 1)),
        ({52: 0.8, 53: 0.8, 54: 0.7, 55: 0.9}, [52], [], (0, 1, 0)),  # it hovers
        ({53: 0.75}, [], [], (0, 0, 0)),
        ({53: 1.1, 54: 0.8, 59: 0.8, 60: 0.8}, [60], [], (1, 1, 0)),  # a week after the alert, and false
        ({20: 0.8, 53: 0.9}, [20, 53], [], (1, 1, 0)),
    ],
)
def test_a_watch_is_opened_once_and_becomes_the_alert_that_follows(
    scores: dict[int, float], opened: list[int], rose: list[int], price: tuple[float, float, int]
) -> None:
    known = np.zeros((1, 100))
    known[0, list(scores)] = list(scores.values())
    people = one_patient(events=[FAST])
    found = watching.watches(known, 1.0)
    assert [np.flatnonzero(days[0]).tolist() for days in (found.opened, found.rose)] == [opened, rose]
    priced = watching.price(people, known, 1.0)
    assert round(priced["false_per_patient_year"] * people.patient_years) == price[0]
    assert priced["sensitivity_with_alerts"]["share"] == price[1]
    assert priced["median_days_sooner"] == (price[2] or None)


def test_the_budget_is_kept_and_more_budget_finds_no_less() -> None:
    people = chronicle.chronicle(worlds.USUAL, patients=150, seed=31)
    scores = peers.scores(vigie, people)
    found = []
    for budget in (0.5, 1.0, 2.0):
        tried = trial.at_budget(people, scores, budget)
        assert tried.false_per_year <= budget
        found.append(sum(event.found for event in tried.events))
    assert found == sorted(found)


def test_vigie_finds_more_gains_than_macd_at_one_false_alert_a_year_on_people_it_was_not_fitted_to() -> None:
    """300 patient-years, where chance is worth some points: it must be better by more than that."""
    people = chronicle.chronicle(worlds.USUAL, patients=300, seed=32)
    shares = [
        trial.at_budget(people, peers.scores(detector, people), 1.0).summary()["sensitivity_with_gain"]["share"]
        for detector in (vigie, macd)
    ]
    assert shares[0] > shares[1] + 0.03


def test_published_rules_score_on_the_simulator_about_what_they_scored_in_the_field() -> None:
    fast, scale_hf, guideline = calibration.run(seed=33, patient_years=800)["rules"]
    for rule in (fast, scale_hf):
        assert abs(rule["sensitivity"]["share"] - rule["published_sensitivity"]) < 0.12
        ratio = rule["false_per_patient_year"] / rule["published_false_per_patient_year"]
        assert 0.7 < ratio < 1.3
    assert abs(guideline["sensitivity"]["share"] - guideline["published_sensitivity"]) < 0.08


def test_detect_prints_one_object_with_every_detector() -> None:
    measured = detect.run(patients=1000, seed=1, say=lambda _: None)
    assert set(measured["per_patient"]) == {detector.NAME for detector in peers.ALL}
    assert measured["one_new_reading_us"] > 0


def test_fitting_gives_every_unit_a_weight_for_every_feature_and_missed_days_none_that_lowers_a_score() -> None:
    fitted = fit.fit(count=2, patients=30)
    weights, out = np.array(fitted["weights"]), np.array(fitted["out"])
    assert (
        weights.shape == (len(fitted["bias"]), len(vigie_features.NAMES)) == (len(out) + 1, len(vigie_features.NAMES))
    )
    missed = weights[:, [vigie_features.NAMES.index(name) for name in vigie_features.MISSED_NAMES]]
    assert (missed * np.append(out, 1)[:, np.newaxis] >= 0).all()


def test_bench_detection_prints_one_json_object_and_its_progress_elsewhere() -> None:
    command = [sys.executable, "-m", "deploy.cli", "bench", "detection", "--seed", "3", "--patient-years", "100"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    assert {"usual", "restless", "jumpy", "gentle"} <= set(measured["worlds"])
    assert set(measured["worlds"]["usual"]["detectors"]["vigie"]) >= {"0.5", "1.0", "2.0", "4.2", "watch_at_1.0"}
    assert "usual: vigie" in done.stderr
