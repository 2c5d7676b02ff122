"""From a body at home to a next step on a clinician's screen: everything real, nothing in between left out."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from clinician_api import enrolment
from deploy.embedded_postgres import EmbeddedPostgres
from ingest import history
from schemas.clock import real_now
from schemas.patient import LentScale
from simulator import replay, scenarios
from simulator.life import local_instant
from simulator.scale import Fleet
from simulator.scenarios import SCENARIOS, Play, Scenario
from tests.fixtures import stack as stacks
from tests.fixtures.stack import Stack

FIRST_LIVE = date(2026, 3, 2)
RATE = 86400 / 4  # a day takes four seconds
STARTING_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class Told:
    """Six days lived through by the patients of all scenarios."""

    stack: Stack
    plays: dict[str, Play]


@pytest.fixture(scope="module")
def told(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """All scenarios, lived through once on a fast clock."""
    start = local_instant(FIRST_LIVE, hour=4)
    clock = stacks.fast(rate=RATE, start=start, since=real_now() + timedelta(seconds=STARTING_SECONDS))
    plays = [
        scenarios.play(scenario, number=number, first_live=FIRST_LIVE, seed=1)
        for number, scenario in enumerate(SCENARIOS)
    ]
    with stacks.running(postgres, tmp_path_factory.mktemp("told"), clock=clock) as stack:
        assert stack.clock.now() < start, "the programs started too slowly for this clock"
        stack.clock.sleep_until(start)
        with stack.connect() as conn:
            enrolment.enrol(conn, [play.new_patient for play in plays], now=start)
            history.store_history(conn, [reading for play in plays for reading in play.history], now=start)
        live_through(stack, plays)
        yield Told(stack=stack, plays={play.scenario.name: play for play in plays})


def live_through(stack: Stack, plays: list[Play]) -> None:
    """Send every message at its time, until the last evening and every receipt."""
    agenda = sorted(((sending, play) for play in plays for sending in play.sendings), key=lambda pair: pair[0].at)
    with Fleet(stack.settings, client_id="scenarios", now=stack.clock.now) as fleet:
        for sending, play in agenda:
            fleet.join(lent(play), clock_ahead=sending.clock_ahead)
        for sending, play in agenda:
            stack.clock.sleep_until(sending.at)
            fleet.weigh(lent(play), sending.weighings)
        stack.wait_for(lambda: fleet.pending == 0, "some readings have no receipt")
        stack.clock.sleep_until(local_instant(FIRST_LIVE + timedelta(days=scenarios.LIVE_DAYS), hour=0))
    time.sleep(2)  # the detectors look every second


def lent(play: Play) -> LentScale:
    assert play.new_patient.scale
    return play.new_patient.scale


EPISODES = "SELECT cause, severity FROM episode WHERE patient_id = %s"
STATES = """
SELECT count(*) FILTER (WHERE quarantine_reason IS NULL), count(*) FILTER (WHERE quarantine_reason IS NOT NULL)
FROM reading WHERE patient_id = %s AND source = 'native-1'
"""
TOLD = "SELECT event_id FROM notification JOIN episode USING (episode_id) WHERE patient_id = %s"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_ends_as_exactly_its_episodes(told: Told, scenario: Scenario) -> None:
    play = told.plays[scenario.name]
    sent = {weighing.seq for sending in play.sendings for weighing in sending.weighings}
    with told.stack.connect() as conn:
        episodes = conn.execute(EPISODES, [play.new_patient.patient_id]).fetchall()
        states = conn.execute(STATES, [play.new_patient.patient_id]).fetchone()
    assert len(episodes) == len(scenario.expected)
    assert set(episodes) == scenario.expected
    assert states == (len(sent) - scenario.quarantined, scenario.quarantined)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_episode_reaches_the_nurses_mailbox_and_nothing_else_does(told: Told, scenario: Scenario) -> None:
    play = told.plays[scenario.name]
    with told.stack.connect() as conn:
        numbers = {row[0] for row in conn.execute(TOLD, [play.new_patient.patient_id])}
    mailed = [number for number in mailed_numbers(told.stack) if number in numbers]
    assert Counter(mailed) == Counter(numbers)
    assert bool(numbers) == bool(scenario.expected)


def mailed_numbers(stack: Stack) -> list[int]:
    return [int(found[1]) for mail in stack.inbox.mails if (found := re.search(r"n° (\d+)", mail.subject))]


def test_no_mail_says_who_or_how_heavy(told: Told) -> None:
    mails = [f"{mail.subject} {mail.text}" for mail in told.stack.inbox.mails]
    assert mails
    for play in told.plays.values():
        who = play.new_patient.identity
        assert who
        for secret in (who.family_name, who.given_name, who.ins, play.new_patient.patient_id):
            assert not [mail for mail in mails if re.search(rf"\b{secret}\b", mail)]
    assert not [mail for mail in mails if " kg" in mail]


WEIGHTS = Path(__file__).resolve().parents[2] / "shared" / "weights"
KEPT = """
SELECT count(*), count(DISTINCT (measured_at, weight_kg)), count(*) FILTER (WHERE quarantine_reason IS NULL)
FROM reading WHERE patient_id = %s
"""


@pytest.mark.skipif(not WEIGHTS.exists(), reason="the real weight logs are not here: they are no part of the project")
@pytest.mark.parametrize("name", ["nof1_01", "home_log_1"])
def test_a_real_log_sent_by_a_scale_is_stored_once_however_often_it_is_sent(stack: Stack, name: str) -> None:
    path = WEIGHTS / f"{name}.csv"
    rows = len(path.read_text().splitlines()) - 1
    planned = replay.plan(stack.settings, path=path, now=stack.clock.now())
    with stack.connect() as conn:
        enrolment.enrol(conn, planned.new_patients, now=stack.clock.now())
    for _ in range(2):
        result = replay.replay(stack.settings, planned=planned, clock=stack.clock)
        assert result.sent == result.words.total() == rows
    with stack.connect() as conn:
        kept = conn.execute(KEPT, [name]).fetchone()
    assert kept == (rows, rows, result.words["stored"])
    assert result.words["stored"] >= 0.98 * rows
    assert result.words["rejected"] == 0
