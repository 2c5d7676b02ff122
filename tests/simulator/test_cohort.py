import statistics
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.fr import nir

from simulator import cohort, people, physiology
from simulator.cohort import SimulatedPatient
from simulator.life import PARIS
from simulator.physiology import Constitution, Kind

UNTIL = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
FIRST_LIVE = date(2026, 11, 22)


@pytest.fixture(scope="module")
def patients() -> list[SimulatedPatient]:
    return cohort.cohort(patients=400, days=120, until=UNTIL, seed=7)


def mornings(patient: SimulatedPatient, *, start: int, end: int) -> dict[int, float]:
    """The first weight of each day, by its number from the first live day."""
    days = ((number, patient.weighings_on(FIRST_LIVE + timedelta(days=number))) for number in range(start, end))
    return {number: float(weighings[0].weight_kg) for number, weighings in days if weighings}


def crosses(weights: dict[int, float], *, day: int) -> bool:
    """The guideline rule: more than 2 kg above the lowest of the three days before."""
    before = [weights[number] for number in range(day - 3, day) if number in weights]
    return day in weights and bool(before) and weights[day] - min(before) > 2


def test_the_same_seed_gives_the_same_cohort_past_and_future() -> None:
    one, two, other = (cohort.cohort(patients=12, days=40, until=UNTIL, seed=seed) for seed in (3, 3, 4))
    far = FIRST_LIVE + timedelta(days=800)
    assert [patient.history for patient in one] == [patient.history for patient in two]
    assert [patient.new_patient for patient in one] == [patient.new_patient for patient in two]
    assert [patient.weighings_on(far) for patient in one] == [patient.weighings_on(far) for patient in two]
    assert [patient.history for patient in one] != [patient.history for patient in other]


def test_a_day_is_the_same_in_whatever_order_days_are_asked_for() -> None:
    near, far = FIRST_LIVE + timedelta(days=3), FIRST_LIVE + timedelta(days=1000)
    one, two = (cohort.cohort(patients=5, days=40, until=UNTIL, seed=3) for _ in range(2))
    forward = [[patient.weighings_on(day) for day in (near, far)] for patient in one]
    backward = [[patient.weighings_on(day) for day in (far, near)][::-1] for patient in two]
    assert forward == backward


def test_the_history_ends_where_live_weighing_begins(patients: list[SimulatedPatient]) -> None:
    assert all(reading.measured_at <= UNTIL for patient in patients for reading in patient.history)
    assert min(len(patient.history) for patient in patients) > 30
    first = [weighing for patient in patients for weighing in patient.weighings_on(FIRST_LIVE)]
    assert len(first) > 250
    assert all(weighing.measured_at > UNTIL for weighing in first)


@pytest.mark.parametrize(("hour", "first"), [(5, date(2026, 11, 22)), (12, date(2026, 11, 23))])
def test_a_cohort_that_starts_after_breakfast_weighs_the_next_morning(hour: int, first: date) -> None:
    assert cohort.first_live_day(datetime(2026, 11, 22, hour, tzinfo=PARIS)) == first


def test_the_noise_is_the_measured_one(patients: list[SimulatedPatient]) -> None:
    quiet = [patient for patient in patients if not patient.events]
    steps = [
        weights[day] - weights[day - 1]
        for weights in (mornings(patient, start=-120, end=0) for patient in quiet)
        for day in weights
        if day - 1 in weights
    ]
    centred = np.abs(np.array(steps))
    assert 0.59 < statistics.stdev(steps) < 0.76  # noise.md: 0.67 (0.59-0.74), and some weigh in the evening
    assert np.quantile(centred, 0.5) == pytest.approx(0.40, abs=0.08)
    assert np.quantile(centred, 0.99) == pytest.approx(2.0, abs=0.4)


def test_months_later_a_stable_body_still_weighs_about_the_same() -> None:
    rng = np.random.default_rng(5)
    person = Constitution(dry_weight_kg=80)
    bodies = [physiology.live(person, rng, first_day=FIRST_LIVE, days=365) for _ in range(200)]
    ends = [body.morning_kg[-1] - 80 for body in bodies]
    assert statistics.stdev(ends) < 1.8
    assert abs(statistics.mean(ends)) < 0.5


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["no_gain", "slow", "fast"]))
@settings(max_examples=60)
def test_an_event_adds_its_gain_by_the_day_of_treatment_and_leaves_afterwards(seed: int, kind: Kind) -> None:
    event = physiology.decompensation(np.random.default_rng(seed), kind=kind, onset=FIRST_LIVE)
    fluid = physiology.fluid_kg(event, np.arange(-5, event.ramp_days + 31, dtype=np.float64))
    treated = 5 + event.ramp_days
    assert fluid[:6] == pytest.approx(np.zeros(6))
    assert fluid[treated] == pytest.approx(event.gain_kg)
    assert np.all(np.diff(fluid[: treated + 1]) >= -1e-9)
    assert fluid[-1] < 0.01 * max(1, event.gain_kg)


def test_a_body_knows_how_much_of_its_weight_is_fluid() -> None:
    event = physiology.decompensation(np.random.default_rng(1), kind="fast", onset=FIRST_LIVE + timedelta(days=10))
    ill, well = (
        physiology.live(
            Constitution(dry_weight_kg=80), np.random.default_rng(9), first_day=FIRST_LIVE, days=40, events=events
        )
        for events in ([event], [])
    )
    assert ill.morning_kg - well.morning_kg == pytest.approx(ill.fluid_kg)
    assert max(ill.fluid_kg) == pytest.approx(event.gain_kg)
    assert not well.fluid_kg.any()


def test_a_slow_gain_is_steeper_in_its_last_week() -> None:
    event = physiology.decompensation(np.random.default_rng(1), kind="slow", onset=FIRST_LIVE)
    fluid = physiology.fluid_kg(event, np.arange(event.ramp_days + 1, dtype=np.float64))
    assert fluid[-1] - fluid[-8] > 0.5 * event.gain_kg


def test_events_are_as_frequent_and_as_mixed_as_published() -> None:
    rng = np.random.default_rng(2)
    years = 3000
    events = [
        event
        for _ in range(years // 3)
        for event in physiology.decompensations(rng, first_day=FIRST_LIVE, days=3 * 365)
    ]
    assert len(events) / years == pytest.approx(0.29, abs=0.04)
    assert statistics.mean(event.gain_kg for event in events) == pytest.approx(1.6, abs=0.25)


def test_patients_weigh_themselves_on_three_days_of_four(patients: list[SimulatedPatient]) -> None:
    share = sum(len(mornings(patient, start=-120, end=0)) for patient in patients) / (120 * len(patients))
    assert 0.72 < share < 0.82


def test_patients_weigh_less_often_before_an_admission(patients: list[SimulatedPatient]) -> None:
    before, usual = [], []
    for patient in patients:
        weights = mornings(patient, start=-120, end=300)
        for event in patient.events:
            treated = (event.treated - FIRST_LIVE).days
            if event.onset > FIRST_LIVE + timedelta(days=20) and treated < 300:
                before += [day in weights for day in range(treated - 14, treated)]
                usual += [day in weights for day in range(treated - 70, treated - 30)]
    assert statistics.mean(before) < statistics.mean(usual) - 0.05


def test_on_the_first_morning_several_cross_the_rule_and_more_follow_soon(patients: list[SimulatedPatient]) -> None:
    weights = [mornings(patient, start=-10, end=8) for patient in patients]
    today = sum(crosses(mine, day=0) and not crosses(mine, day=-1) for mine in weights)
    soon = sum(any(crosses(mine, day=day) for day in range(1, 8)) for mine in weights)
    assert 3 <= today <= 25
    assert soon > today


def test_the_rule_fires_about_as_often_as_in_the_field(patients: list[SimulatedPatient]) -> None:
    fired = 0
    for patient in patients:
        weights = mornings(patient, start=-120, end=0)
        days = [day for day in weights if crosses(weights, day=day)]
        fired += sum(number == 0 or day - days[number - 1] > 14 for number, day in enumerate(days))
    assert 1 < fired / (len(patients) * 120 / 365) < 6  # episodes per patient-year


def test_some_patients_are_silent_one_clock_is_wrong_and_some_scales_send_twice(
    patients: list[SimulatedPatient],
) -> None:
    silent = [patient for patient in patients if not mornings(patient, start=-1, end=3)]
    assert 4 <= len(silent) <= 30
    assert sum(patient.scale.clock_ahead > timedelta() for patient in patients) == 1
    assert sum(patient.scale.sends_twice for patient in patients) == 8


def test_the_day_is_local_through_the_change_to_winter_time(patients: list[SimulatedPatient]) -> None:
    hours = {
        weighing.measured_at.astimezone(PARIS).hour
        for patient in patients
        for day in (date(2026, 10, 24), date(2026, 10, 26))
        for weighing in patient.weighings_on(day)
    }
    assert hours <= {6, 7, 8, 9, 10, 18, 19, 20, 21}
    assert {7, 8} <= hours


def test_nobody_is_real_but_everybody_has_a_valid_test_identifier(patients: list[SimulatedPatient]) -> None:
    for patient in patients:
        who = patient.new_patient.identity
        assert who is not None
        assert nir.is_valid(who.ins)
        assert who.ins[7:10] == people.NO_COMMUNE
        assert who.ins_oid == "1.2.250.1.213.1.4.10"
        assert 55 <= (FIRST_LIVE - who.birth_date).days / 365.25 <= 93
    assert len({patient.new_patient.patient_id for patient in patients}) == 400
    assert patients[0].new_patient.patient_id == "P0001"
    assert patients[0].scale.lent.device_id == "S0001"
