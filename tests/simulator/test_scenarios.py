from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from alerts.judgement import baseline
from alerts.judgement.assessment import Facts, assess
from alerts.judgement.baseline import Weight
from schemas import plausibility
from schemas.alert import SEVERITIES
from schemas.plan import Plan
from schemas.plausibility import Weighed
from simulator import faults, scenarios
from simulator.life import PARIS, local_instant
from simulator.scenarios import SCENARIOS, Play, Scenario
from simulator.weighing import Weighing

FIRST_LIVE = date(2026, 3, 2)


def played(scenario: Scenario, *, first_live: date = FIRST_LIVE) -> Play:
    return scenarios.play(scenario, number=SCENARIOS.index(scenario), first_live=first_live, seed=1)


def accepted(play: Play) -> tuple[list[Weight], int]:
    """What ingest would accept, and how many it would quarantine."""
    sent = {weighing.seq: weighing for sending in play.sendings for weighing in sending.weighings}
    weights = [(reading.measured_at, float(reading.weight_kg)) for reading in play.history]
    weights += [(weighing.measured_at, float(weighing.weight_kg)) for weighing in sent.values()]
    known: list[Weighed] = []
    for at, kg in sorted(weights):
        doubted = plausibility.doubt(kg, at, before=known) is not None
        known.append(Weighed(measured_at=at, weight_kg=kg, doubted=doubted))
    good = [Weight(measured_at=one.measured_at, weight_kg=one.weight_kg) for one in known if not one.doubted]
    return good, sum(one.doubted for one in known)


def severities(play: Play, *, first_live: date) -> set[tuple[str, str]]:
    """The worst of each cause over the live evenings, by the detectors themselves."""
    weights, _ = accepted(play)
    worst: dict[str, str] = {}
    for number in range(scenarios.LIVE_DAYS):
        now = local_instant(first_live + timedelta(days=number), hour=23)
        known = [weight for weight in weights if weight.measured_at <= now]
        facts = Facts(
            plan=Plan(),
            zone=PARIS,
            enrolled_at=play.new_patient.enrolled_at,
            dry_kg=play.new_patient.dry_weight_kg,
            weights=known,
            last_weight_at=known[-1].measured_at,
        )
        for finding in assess(facts, now=now, known_until=None).findings:
            if finding.severity and finding.severity != "watch":
                before = worst.get(finding.cause, "alert")
                worst[finding.cause] = max(before, finding.severity, key=SEVERITIES.index)
    return set(worst.items())


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_detectors_find_in_each_scenario_what_it_promises(scenario: Scenario, weekday: int) -> None:
    first_live = FIRST_LIVE + timedelta(days=weekday)
    play = played(scenario, first_live=first_live)
    _, quarantined = accepted(play)
    assert severities(play, first_live=first_live) == scenario.expected
    assert quarantined == scenario.quarantined


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_is_the_same_each_time_and_its_history_is_quiet(scenario: Scenario) -> None:
    play = played(scenario)
    assert play == played(scenario)
    days = baseline.daily_weights(
        [Weight(measured_at=one.measured_at, weight_kg=float(one.weight_kg)) for one in play.history], zone=PARIS
    )
    assert len(days) == scenarios.HISTORY_DAYS
    assert np.ptp([day.weight_kg for day in days]) < 3


def weighings() -> list[Weighing]:
    return [
        Weighing(seq=day, measured_at=datetime(2026, 3, 2 + day, 6, 30, tzinfo=UTC), weight_kg=Decimal(70))
        for day in range(5)
    ]


def test_missed_days_leave_the_others_alone() -> None:
    sendings = faults.missed(faults.as_taken(weighings()), first=date(2026, 3, 3), last=date(2026, 3, 4))
    assert [weighing.seq for sending in sendings for weighing in sending.weighings] == [0, 3, 4]


def test_an_outage_ends_in_one_batch_with_the_times_of_the_body() -> None:
    back_at = datetime(2026, 3, 5, 5, tzinfo=UTC)
    sendings = faults.outage(
        faults.as_taken(weighings()), first=date(2026, 3, 3), last=date(2026, 3, 4), back_at=back_at
    )
    assert [[weighing.seq for weighing in sending.weighings] for sending in sendings] == [[0], [1, 2], [3], [4]]
    assert sendings[1].at == back_at
    assert sendings[1].weighings == tuple(weighings()[1:3])


def test_what_is_sent_twice_says_the_same_twice() -> None:
    sendings = faults.sent_twice(faults.as_taken(weighings()))
    assert [weighing.seq for sending in sendings for weighing in sending.weighings] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_another_person_is_another_weight_on_that_day_only() -> None:
    sendings = faults.other_person(faults.as_taken(weighings()), on=date(2026, 3, 4), heavier_kg=Decimal(18))
    kilograms = [weighing.weight_kg for sending in sendings for weighing in sending.weighings]
    assert kilograms == [70, 70, 88, 70, 70]
