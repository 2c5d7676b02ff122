"""What becomes of one story? A body and its faults, six days through the broker, and the episodes it must end in."""

import sys
import time
from datetime import datetime, timedelta
from typing import LiteralString

from clinician_api.enrol import enrolment
from deploy.outcome import CommandError
from deploy.servers import stack
from ingest.past import history
from schemas import database
from schemas.clock import Clock
from schemas.settings import Settings
from simulator import scenarios
from simulator.life import PARIS, local_instant
from simulator.scale import Fleet
from simulator.scenarios import SCENARIOS, Play

NAMES = [scenario.name for scenario in SCENARIOS]
EPISODES: LiteralString = """
SELECT cause, severity FROM episode
WHERE patient_id = %(patient_id)s AND opened_at >= %(since)s AND severity <> 'watch'
"""
RECEIPT_SECONDS = 60
DETECTOR_SECONDS = 3


def run(settings: Settings, name: str, *, seed: int, clock: Clock) -> None:
    """Live through it from tomorrow on, and compare.

    Raises:
        CommandError: it ended in other episodes, or readings had no receipt.
    """
    (scenario,) = (scenario for scenario in SCENARIOS if scenario.name == name)
    begun = clock.now()
    first_live = begun.astimezone(PARIS).date() + timedelta(days=1)
    play = scenarios.play(scenario, number=NAMES.index(name), first_live=first_live, seed=seed)
    clock.sleep_until(local_instant(first_live, hour=4))
    with database.connect(stack.url(settings)) as conn:
        enrolment.enrol(conn, [play.new_patient], now=clock.now())
        history.store_history(conn, play.history, now=clock.now())
    last_evening = local_instant(first_live + timedelta(days=scenarios.LIVE_DAYS), hour=0)
    print(f"{name}: {len(play.sendings)} messages until {last_evening:%Y-%m-%d} by the clock", file=sys.stderr)
    _send(settings, play, clock)
    clock.sleep_until(last_evening)
    time.sleep(DETECTOR_SECONDS)
    _compare(settings, play, since=begun)


def _send(settings: Settings, play: Play, clock: Clock) -> None:
    scale = play.new_patient.scale
    assert scale
    with Fleet(settings, client_id=f"vigie-scenario-{play.scenario.name}", now=clock.now) as fleet:
        for sending in sorted(play.sendings, key=lambda sending: sending.at):
            fleet.join(scale, clock_ahead=sending.clock_ahead)
            clock.sleep_until(sending.at)
            fleet.weigh(scale, sending.weighings)
        until = time.monotonic() + RECEIPT_SECONDS
        while fleet.pending:
            if time.monotonic() > until:
                raise CommandError(f"{fleet.pending} readings have no receipt: does `vigie ingest` run on this broker?")
            time.sleep(0.1)


def _compare(settings: Settings, play: Play, *, since: datetime) -> None:
    with database.connect(stack.url(settings)) as conn:
        opened = conn.execute(EPISODES, {"patient_id": play.new_patient.patient_id, "since": since}).fetchall()
    found = sorted(f"{cause} ({severity})" for cause, severity in opened)
    expected = sorted(f"{cause} ({severity})" for cause, severity in play.scenario.expected)
    said = f"episodes: {', '.join(found) or 'none'}"
    if found != expected:
        raise CommandError(f"{said}; expected: {', '.join(expected) or 'none'}")
    print(f"{said}, as expected")
