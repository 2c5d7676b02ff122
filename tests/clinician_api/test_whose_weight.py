"""How likely a doubted weight is somebody else's: what raises it, what lowers it, and whether it comes true."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinician_api.patient import household
from clinician_api.patient.patient_record import Reading
from clinician_api.patient.whose_weight import Weighing, somebody_elses
from deploy.bench import worlds
from ingest.storage.quality import Earlier
from simulator import chronicle

JUMP = Weighing(step_kg=6.5, days=1, noise_kg=0.6, own=60)


def test_a_jump_is_judged_against_this_persons_own_days() -> None:
    assert somebody_elses(replace(JUMP, step_kg=17)) > 0.95
    assert somebody_elses(replace(JUMP, step_kg=2)) < 0.01
    assert somebody_elses(replace(JUMP, noise_kg=1.8)) < 0.1
    assert somebody_elses(JUMP) > 0.5


@given(st.floats(5, 40), st.floats(1, 10), st.floats(0.3, 1.5))
def test_each_day_between_and_each_kg_of_noise_make_a_loss_this_persons_more(
    step: float, days: float, kg: float
) -> None:
    jump = Weighing(step_kg=-step, days=days, noise_kg=kg, own=60)
    assert somebody_elses(replace(jump, days=days + 1)) <= somebody_elses(jump) + 1e-12
    assert somebody_elses(replace(jump, noise_kg=kg + 0.1)) <= somebody_elses(jump) + 1e-12


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_weight_like_that_of_somebody_seen_here_before_is_theirs(times: int) -> None:
    assert somebody_elses(replace(JUMP, others_kg=[6.0] * times)) > 0.95
    assert somebody_elses(replace(JUMP, others_kg=[25.0] * times)) == pytest.approx(somebody_elses(JUMP))


def test_an_unusual_hour_speaks_for_somebody_else_and_the_usual_one_against() -> None:
    evening, morning = (somebody_elses(replace(JUMP, hours_off=hours)) for hours in (12.0, 0.1))
    assert morning < somebody_elses(JUMP) < evening


def test_what_is_said_comes_true_in_a_simulated_year() -> None:
    """As the page says it, of every weight that waits there."""
    people = chronicle.chronicle(worlds.USUAL, patients=150, seed=33)
    first = datetime(2026, 1, 5, tzinfo=UTC)
    told: list[tuple[str, bool]] = []
    for patient in range(150):
        earlier, known = Earlier(), list[Reading]()
        for day in np.flatnonzero(~np.isnan(people.kg[patient])).tolist():
            at, kg = first + timedelta(days=day, hours=people.hour[patient, day]), float(people.kg[patient, day])
            reading = weighed(day, at, kg, doubt := earlier.judge(kg, at))
            odds = household.likelihood(reading, known[-120:], zone=ZoneInfo("UTC")) if doubt else None
            if odds:
                told.append((odds.whose, bool(people.wrong_person[patient, day])))
            known.append(reading)
    others, own = ([is_others for said, is_others in told if said == whose] for whose in ("others", "own"))
    assert len(others) > 20 < len(own)
    assert np.mean(others) > 0.9
    assert np.mean(own) < 0.1


def weighed(number: int, at: datetime, kg: float, doubt: str | None) -> Reading:
    return Reading(
        reading_id=number,
        measured_at=at,
        received_at=at,
        weight_kg=kg,
        quarantine_reason=doubt,
        source="mqtt",
        state="quarantined" if doubt else "accepted",
        review_id=0,
        reviewed=None,
        reviewer=None,
        reviewed_at=None,
    )
