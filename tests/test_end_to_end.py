"""From a body at home to a next step on a clinician's screen: everything real, nothing in between left out."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest
from playwright.sync_api import Page, expect

from clinician_api.enrol import enrolment
from deploy.demo.inbox import Mail
from deploy.servers.embedded_postgres import EmbeddedPostgres
from ingest.past import history
from schemas.clock import ClockSetting
from schemas.database import Connection
from schemas.patient import LentScale
from simulator import replay, scenarios
from simulator.life import PARIS, local_instant
from simulator.scale import Fleet
from simulator.scenarios import SCENARIOS, Play, Scenario
from tests.fixtures import stack as stacks
from tests.fixtures.stack import NURSE, PASSWORD, Stack

CLOCK = ClockSetting(rate=86400 / 4, start=datetime(2026, 1, 5, 3, tzinfo=UTC))  # a day takes four seconds


EPISODES = "SELECT patient_id, cause, severity FROM episode"
STATES = """
SELECT patient_id, count(*) FILTER (WHERE quarantine_reason IS NULL),
       count(*) FILTER (WHERE quarantine_reason IS NOT NULL)
FROM reading WHERE source = 'native-1' GROUP BY patient_id
"""
NOTICES = "SELECT patient_id, event_id FROM notification JOIN episode USING (episode_id)"
UNSENT = "SELECT count(*) FROM notification WHERE delivered_at IS NULL"
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True)
class Told:
    """Six days lived through by the patients of all scenarios, and what stood in the end, before the clock ran on."""

    stack: Stack
    plays: dict[str, Play]
    episodes: Rows
    states: Rows
    notices: Rows
    mails: list[Mail]


def by_patient(conn: Connection, query: LiteralString) -> Rows:
    rows: Rows = defaultdict(list)
    for patient_id, *rest in conn.execute(query):
        rows[str(patient_id)].append(tuple(rest))
    return rows


def look(stack: Stack, plays: list[Play]) -> Told:
    with stack.connect() as conn:
        stack.wait_for(lambda: conn.execute(UNSENT).fetchone() == (0,), "some mail was not sent")
        return Told(
            stack=stack,
            plays={play.scenario.name: play for play in plays},
            episodes=by_patient(conn, EPISODES),
            states=by_patient(conn, STATES),
            notices=by_patient(conn, NOTICES),
            mails=list(stack.inbox.mails),
        )


@pytest.fixture(scope="module")
def told(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """All scenarios, lived through once on a fast clock."""
    with stacks.running(postgres, tmp_path_factory.mktemp("told"), clock=CLOCK) as stack:
        first_live = stack.clock.now().astimezone(PARIS).date() + timedelta(days=1)
        plays = [
            scenarios.play(scenario, number=number, first_live=first_live, seed=1)
            for number, scenario in enumerate(SCENARIOS)
        ]
        start = local_instant(first_live, hour=4)
        stack.clock.sleep_until(start)
        with stack.connect() as conn:
            enrolment.enrol(conn, [play.new_patient for play in plays], now=start)
            history.store_history(conn, [reading for play in plays for reading in play.history], now=start)
        live_through(stack, plays, until=local_instant(first_live + timedelta(days=scenarios.LIVE_DAYS), hour=0))
        yield look(stack, plays)


def live_through(stack: Stack, plays: list[Play], *, until: datetime) -> None:
    """Send every message at its time, until the last evening and every receipt."""
    agenda = sorted(((sending, play) for play in plays for sending in play.sendings), key=lambda pair: pair[0].at)
    with Fleet(stack.settings, client_id="scenarios", now=stack.clock.now) as fleet:
        for sending, play in agenda:
            fleet.join(lent(play), clock_ahead=sending.clock_ahead)
        for sending, play in agenda:
            stack.clock.sleep_until(sending.at)
            fleet.weigh(lent(play), sending.weighings)
        stack.wait_for(lambda: fleet.pending == 0, "some readings have no receipt")
        stack.clock.sleep_until(until)
    time.sleep(1.5)  # the detectors look every second


def lent(play: Play) -> LentScale:
    assert play.new_patient.scale
    return play.new_patient.scale


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_ends_as_exactly_its_episodes(told: Told, scenario: Scenario) -> None:
    play = told.plays[scenario.name]
    sent = {weighing.seq for sending in play.sendings for weighing in sending.weighings}
    episodes = told.episodes[play.new_patient.patient_id]
    assert len(episodes) == len(scenario.expected)
    assert set(episodes) == scenario.expected
    assert told.states[play.new_patient.patient_id] == [(len(sent) - scenario.quarantined, scenario.quarantined)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_episode_reaches_the_nurses_mailbox_once(told: Told, scenario: Scenario) -> None:
    numbers = [int(number) for (number,) in told.notices[told.plays[scenario.name].new_patient.patient_id]]
    mailed = [number for number in numbers_of(told.mails) if number in numbers]
    assert Counter(mailed) == Counter(numbers)
    assert bool(numbers) == bool(scenario.expected)


def numbers_of(mails: list[Mail]) -> list[int]:
    """Of single alerts and of those sent together."""
    return [int(number) for mail in mails for number in re.findall(r"^Alerte n° (\d+)", mail.text, re.MULTILINE)]


def test_no_mail_says_who_or_how_heavy(told: Told) -> None:
    mails = [f"{mail.subject} {mail.text}" for mail in told.mails]
    assert mails
    for play in told.plays.values():
        who = play.new_patient.identity
        assert who
        for secret in (who.family_name, who.given_name, who.ins, play.new_patient.patient_id):
            assert not [mail for mail in mails if re.search(rf"\b{secret}\b", mail)]
    assert not [mail for mail in mails if " kg" in mail]


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(stack.settings.screens_url)
    page.fill("input[name=email]", NURSE)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_selector("#worklist")


def test_a_nurse_sees_why_takes_the_episode_and_closes_it(told: Told, page: Page) -> None:
    sign_in(page, told.stack)
    row = page.locator('li[data-patient="scenario-big-gain"]')
    who = told.plays["big-gain"].new_patient.identity
    assert who
    expect(row).to_contain_text(who.given_name)
    expect(row.locator(".why")).to_contain_text(re.compile(r"\+[5-8],\d+\s?kg au-dessus du poids sec"))
    row.locator("a.who").click()
    page.get_by_role("link", name="La page entière de ce patient").click()
    expect(page.locator("#weights canvas").first).to_be_visible()
    page.locator('#episodes form[action$="/take"] button').first.click()
    expect(page.locator("#episodes")).to_contain_text("Claire Roux")
    closing = page.locator('#episodes form[action$="/close"]').first
    closing.locator("select").select_option("confirmed_diuretic_changed")
    closing.locator("textarea").fill("Furosémide doublé, rappel demain.")
    closing.locator("button").click()
    expect(page.locator("#closed")).to_contain_text("Claire Roux")
    with told.stack.connect() as conn:
        outcome = conn.execute(OUTCOME, ["scenario-big-gain"]).fetchall()
    assert outcome == [("closed", "confirmed_diuretic_changed", "Furosémide doublé, rappel demain.")]


OUTCOME = """
SELECT state, episode.outcome, note FROM episode JOIN acknowledgement USING (episode_id)
WHERE patient_id = %s AND cause = 'decompensation' AND action = 'close'
"""
WEIGHTS = Path(__file__).resolve().parents[2] / "shared" / "weights"
KEPT = """
SELECT count(*), count(DISTINCT (measured_at, weight_kg)), count(*) FILTER (WHERE quarantine_reason IS NULL)
FROM reading WHERE patient_id = %s
"""


def send_log(stack: Stack, path: Path) -> tuple[replay.Plan, replay.ReplayResult]:
    planned = replay.plan(stack.settings, path=path, now=stack.clock.now())
    with stack.connect() as conn:
        enrolment.enrol(conn, planned.new_patients, now=stack.clock.now())
    return planned, replay.replay(stack.settings, planned=planned, clock=stack.clock)


@pytest.mark.skipif(not WEIGHTS.exists(), reason="the real weight logs are not here: they are no part of the project")
@pytest.mark.parametrize("name", ["nof1_01", "home_log_1"])
def test_a_real_log_sent_by_a_scale_is_stored_once_however_often_it_is_sent(stack: Stack, name: str) -> None:
    path = WEIGHTS / f"{name}.csv"
    rows = len(path.read_text().splitlines()) - 1
    for _ in range(2):
        _, result = send_log(stack, path)
        assert result.sent == result.words.total() == rows
    with stack.connect() as conn:
        kept = conn.execute(KEPT, [name]).fetchone()
    assert kept == (rows, rows, result.words["stored"])
    assert result.words["stored"] >= 0.98 * rows
    assert result.words["rejected"] == 0


@pytest.mark.skipif(not WEIGHTS.exists(), reason="the real weight logs are not here: they are no part of the project")
@pytest.mark.parametrize("name", ["nof1_01", "home_log_1"])
def test_a_real_log_stands_on_the_patients_page_reading_for_reading(stack: Stack, page: Page, name: str) -> None:
    path = WEIGHTS / f"{name}.csv"
    planned, _ = send_log(stack, path)
    sign_in(page, stack)
    page.goto(f"{stack.settings.screens_url}/patients/{name}?range=all")
    expect(page.locator("#weights canvas").first).to_be_visible()
    page.locator("#weights details.twin summary").click()
    expect(page.locator("#weights tbody tr:not(.gap-row)")).to_have_count(planned.readings)
    newest = planned.logs[0].weighings[-1].weight_kg
    shown = f"{float(newest):.1f}".replace(".", ",")
    expect(page.locator("#weights tbody")).to_contain_text(shown)
