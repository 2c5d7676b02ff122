"""Weight lost over months: who is found, what is not taken for it, and what becomes of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.detectors import wasting
from alerts.detectors.detector import Days, Kilograms
from alerts.explain_command import explain
from alerts.judgement import months
from alerts.judgement.history import Event
from alerts.study.backtest import Study
from deploy.bench import peers, worlds
from schemas.database import Connection
from schemas.reading import HistoricReading
from simulator import chronicle
from simulator.chronicle import Chronicle
from tests.alerts import clinic

DAY = timedelta(days=1)
FOUR_WEEKS = wasting.LEVEL_DAYS
BEGUN = datetime.fromordinal(26_000 * FOUR_WEEKS + 1).replace(hour=7, tzinfo=UTC) + 344 * FOUR_WEEKS * DAY
"""The second day of four weeks of the calendar; `lose` weighs from here on."""
Assess = Callable[[datetime], None]


def lose(months: int, *, kg_a_month: float) -> tuple[Days, Kilograms]:
    days = np.arange(months * FOUR_WEEKS) + BEGUN.toordinal() - 1
    noise = np.random.default_rng(1).normal(0, 0.4, len(days))
    return days, np.round(80 - kg_a_month * np.arange(len(days)) / FOUR_WEEKS + noise, 1)


def first_found(people: Chronicle, patient: int) -> int | None:
    """On which day of the chronicle the newest level first showed wasting."""
    kg = peers.sift(people.kg[patient : patient + 1])[0]
    weighed = np.flatnonzero(~np.isnan(kg))
    known = wasting.levels(people.first_day[patient] + weighed, kg[weighed])
    for count in range(1, len(known) + 1):
        found = wasting.loss(known[:count])
        if found and found.is_wasting:
            return int(weighed[known[count - 1].last])
    return None


def test_most_who_waste_away_are_found_and_hardly_anybody_else() -> None:
    """Wasted: 5 % of the dry weight lost two months before the year's end; told of nothing, not even of hospitals."""
    people = chronicle.chronicle(worlds.USUAL, patients=800, seed=404)
    lost = 1 - people.dry_kg / np.maximum.accumulate(people.dry_kg, axis=1)
    found = np.array([first_found(people, patient) is not None for patient in range(len(lost))])
    wasted, stable = lost[:, :-56].max(axis=1) >= 0.05, lost.max(axis=1) < 0.04
    assert wasted.sum() > 50
    assert found[wasted].mean() > 0.9
    assert found[stable].sum() < 0.03 * people.patient_years


def test_a_month_of_fluid_and_its_loss_are_no_wasting() -> None:
    days, kg = lose(8, kg_a_month=0.0)
    kg[2 * FOUR_WEEKS : 3 * FOUR_WEEKS] += 6.0
    known = wasting.levels(days, kg)
    assert not any((found := wasting.loss(known[:count])) and found.is_wasting for count in range(1, 8))


def test_a_month_needs_five_weights_and_ends_before_it_is_judged() -> None:
    days, kg = lose(3, kg_a_month=0.0)
    assert len(wasting.levels(days[:-FOUR_WEEKS], kg[:-FOUR_WEEKS])) == 1
    seldom = np.r_[0:FOUR_WEEKS, FOUR_WEEKS : FOUR_WEEKS + 4, 2 * FOUR_WEEKS : 2 * FOUR_WEEKS + 2]
    assert len(wasting.levels(days[seldom], kg[seldom])) == 1


def readings(days: Days, kg: Kilograms) -> Iterator[HistoricReading]:
    for day, weight in zip(days.tolist(), kg.tolist(), strict=True):
        at = datetime.fromordinal(day).replace(hour=6, tzinfo=UTC)
        yield HistoricReading(patient_id="P1", measured_at=at, weight_kg=Decimal(str(weight)))


def test_a_back_test_tells_it_once_in_four_weeks_and_from_the_past_alone() -> None:
    every = list(readings(*lose(10, kg_a_month=0.9)))
    alerts = [one for one in Study(every).result("vigie").alerts if one.detector == "wasting"]
    assert [(one.at - alerts[0].at).days for one in alerts] == [0, FOUR_WEEKS, 2 * FOUR_WEEKS]
    assert {one.kind for one in alerts} == {"weight_loss"}
    before = [one for one in every if one.measured_at <= alerts[0].at]
    assert [one for one in Study(before).result("vigie").alerts if one.detector == "wasting"] == alerts[:1]
    dry = Event(patient_id="P1", at=alerts[0].at + DAY, kind="dry_weight", weight_kg=76.0)
    assert [one for one in Study(every, events=[dry]).result("vigie").alerts if one.detector == "wasting"] == alerts[:1]


@given(
    minutes=st.lists(st.integers(0, 70 * 1440), min_size=1, max_size=20),
    late=st.integers(0, 3 * 1440),
    seen=st.none() | st.integers(0, 70 * 1440),
)
def test_four_weeks_have_ended_when_their_successors_first_day_brings_something_new(
    minutes: list[int], late: int, seen: int | None
) -> None:
    zone = ZoneInfo("Pacific/Auckland")
    weighed = [(BEGUN + timedelta(minutes=one), BEGUN + timedelta(minutes=one + late)) for one in minutes]
    known = None if seen is None else BEGUN + timedelta(minutes=seen)
    days = [at.astimezone(zone).toordinal() for at, _ in weighed]
    first = min(day for day in days if wasting.number_of(day) == wasting.number_of(max(days)))
    news = any(
        day == first and (known is None or recorded > known) for day, (_, recorded) in zip(days, weighed, strict=True)
    )
    assert months.has_ended(weighed, zone=zone, seen=known) is news


@pytest.fixture
def wasted(connection: Connection) -> Connection:
    """Seven months of loss, up to the last day of the seventh."""
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=BEGUN)
    _, kg = lose(7, kg_a_month=0.9)
    at = [BEGUN + number * DAY for number in range(len(kg) - 1)]
    clinic.weigh(connection, "P1", list(zip(at, kg.tolist(), strict=False)), recorded_at=at[-1])
    return connection


def test_wasting_is_raised_when_four_weeks_have_ended_and_explains_itself(wasted: Connection, assess: Assess) -> None:
    first = BEGUN + (7 * FOUR_WEEKS - 1) * DAY
    assess(first - DAY)
    assert clinic.episodes(wasted) == []
    for days, at in enumerate([first, first + DAY]):
        clinic.weigh(wasted, "P1", [(at, 73.8 - days / 10)], recorded_at=at)
        assess(at)
        assert clinic.episodes(wasted) == [clinic.seen("alert", "raised", cause="weight_loss")]
    said: list[str] = []
    assert explain(wasted, 1, readings_too=True, as_json=False, echo=said.append) == []
    assert any("wasting? the dry weight may need a review" in line for line in said)


def test_closed_it_is_told_again_after_four_weeks_unless_a_dry_weight_was_set(
    wasted: Connection, assess: Assess
) -> None:
    first = BEGUN + (7 * FOUR_WEEKS - 1) * DAY
    clinic.weigh(wasted, "P1", [(first, 73.8)], recorded_at=first)
    assess(first)
    clinic.close_all(wasted, at=first)
    for days in range(1, FOUR_WEEKS + 1):
        at = first + days * DAY
        clinic.weigh(wasted, "P1", [(at, 73.8 - days / 30)], recorded_at=at)
        assess(at)
        assert len(clinic.episodes(wasted)) == (2 if days == FOUR_WEEKS else 1)
    wasted.execute(
        "INSERT INTO dry_weight (patient_id, weight_kg, valid_from, recorded_at) VALUES ('P1', 72.9, %s, %s)", (at, at)
    )
    clinic.close_all(wasted, at=at)
    for days in range(1, FOUR_WEEKS + 1):
        clinic.weigh(wasted, "P1", [(at + days * DAY, 72.8)], recorded_at=at + days * DAY)
        assess(at + days * DAY)
    assert len(clinic.episodes(wasted)) == 2
