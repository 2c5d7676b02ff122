"""The year of many patients, with the truth attached."""

from dataclasses import replace

import numpy as np
import pytest

from simulator import chronicle
from simulator.chronicle import World

QUIET = World(
    day_noise_kg=0.01,
    walk_kg=0.001,
    noise_spread=0.0,
    clothes=0,
    evenings=0,
    wrong_person=0,
    unit_flips=0,
    scale_moved=0,
    scale_replaced=0,
    misses=0,
)


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    one, again, other = (chronicle.chronicle(World(), patients=5, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.kg, again.kg)
    assert one.events == again.events
    assert not np.array_equal(one.kg, other.kg, equal_nan=True)


def test_more_patients_change_nobody() -> None:
    few, many = (chronicle.chronicle(World(), patients=patients, seed=1) for patients in (3, 6))
    np.testing.assert_array_equal(few.kg, many.kg[:3])


def test_kinds_come_in_the_shares_of_the_world() -> None:
    people = chronicle.chronicle(World(events=2.0), patients=400, seed=1)
    kinds = [event.kind for events in people.events for event in events]
    shares = [kinds.count(kind) / len(kinds) for kind in chronicle.KINDS]
    assert shares == pytest.approx(World().shares, abs=0.05)


@pytest.mark.parametrize(("kind", "low", "high"), [(0, -0.4, 1.0), (1, 0.9, 3.1), (2, 1.9, 5.1), (3, 4.9, 8.1)])
def test_at_treatment_the_fluid_is_the_gain_of_its_kind(kind: int, low: float, high: float) -> None:
    shares = [0.0] * 4
    shares[kind] = 1.0
    world = replace(QUIET, events=2.0, shares=(shares[0], shares[1], shares[2], shares[3]))
    people = chronicle.chronicle(world, patients=30, seed=3)
    for patient, events in enumerate(people.events):
        for event in events:
            fluid = people.fluid_kg[patient]
            assert low <= event.gain_kg <= high
            assert fluid[event.treated] == pytest.approx(event.gain_kg, abs=0.35)  # with what is left of the last one
            assert abs(fluid[min(event.treated + 25, len(fluid) - 1)]) <= abs(fluid[event.treated]) + 0.01


def test_what_the_scale_shows_is_dry_weight_fluid_and_little_else_in_a_quiet_world() -> None:
    people = chronicle.chronicle(QUIET, patients=20, seed=4)
    rest = people.kg - people.dry_kg - people.fluid_kg
    assert np.nanmax(np.abs(rest)) < 0.0135 * 140 + 0.6  # Christmas and the week


def test_a_patient_in_hospital_is_not_weighed_at_home_and_begins_afresh() -> None:
    people = chronicle.chronicle(replace(World(), events=2.0, admitted_share=1.0), patients=30, seed=5)
    for patient, events in enumerate(people.events):
        for event in events:
            assert np.isnan(people.kg[patient, event.treated : event.treated + event.absent_days]).all()
            assert event.treated + event.absent_days in people.anchors[patient]


def test_patients_weigh_on_three_days_of_four_and_less_before_an_event() -> None:
    people = chronicle.chronicle(World(), patients=600, seed=6)
    weighed = ~np.isnan(people.kg)
    before = [
        weighed[patient, event.treated - 14 : event.treated].mean()
        for patient, events in enumerate(people.events)
        for event in events
    ]
    assert 0.72 < weighed.mean() < 0.84
    assert np.mean(before) < weighed.mean() - 0.05


def test_another_persons_weights_are_far_off_and_marked() -> None:
    people = chronicle.chronicle(replace(World(), wrong_person=12.0, unit_flips=0), patients=60, seed=7)
    typical = np.nanmedian(people.kg, axis=1, keepdims=True) + 0 * people.kg
    far = np.abs(people.kg - typical) > 15
    assert (far & ~people.wrong_person).sum() == 0
    assert (people.wrong_person <= people.spurious).all()
    assert far.sum() > 100


def test_real_days_stand_in_for_simulated_noise() -> None:
    series = np.where(np.arange(90) % 7 == 0, np.nan, 70 + np.sin(np.arange(90)))
    people = chronicle.chronicle(replace(QUIET, events=0.001, baselines=(series,)), patients=10, seed=8)
    assert 0.1 < np.isnan(people.kg).mean() < 0.4
    assert np.nanstd(people.kg - people.dry_kg) > 0.5
