"""What does `./run demo` show? All of Vigie on this machine: 800 simulated patients and a day in two minutes."""

import fcntl
import hashlib
import os
import secrets
import sys
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from clinician_api.enrol import enrolment
from deploy import outcome
from deploy.demo import day_before, team
from deploy.demo.inbox import Inbox
from deploy.processes import up
from deploy.processes.supervisor import services
from deploy.servers import ports, stack
from deploy.simulated import cohort as simulated
from deploy.simulated.cohort import Cohort
from schemas import database
from schemas.clock import Clock, ClockSetting, open_clock, real_now
from schemas.settings import Settings, misspelt, read_settings
from simulator import live

PARIS = ZoneInfo("Europe/Paris")
RATE = 720.0
COHORT = Cohort(patients=800, days=120, seed=1)
STARTING_SECONDS = 8  # until programs and people are there for the first weighing
HISTORY_ENDS_AT, FIRST_DAY_STARTS_AT = 2, 6  # o'clock in Paris, between them nobody weighs
WELCOME = """
  Dashboard   {dashboard}
  Mailbox     {mailbox}
  Sign in     {nurse} or {cardiologist}
  Password    {password}

Everybody is simulated; a day takes {minutes:.2g} minutes, and people weigh in the morning. Logs: {log}
Scales of your own may speak to {broker}; another terminal may use VIGIE_HOME={home} ./run vigie …
Ctrl-C ends everything."""

HELP = """
Everything on this machine: 800 simulated patients with 120 days of history, a clock on which a day takes two minutes,
the dashboard with two sign-ins, and a mailbox for the e-mails. It needs nothing and asks nothing; Ctrl-C ends it, and
the next start goes on with the same patients. Delete its folder (.vigie/demo, or VIGIE_HOME) to begin afresh.
VIGIE_API_PORT is the dashboard's port, VIGIE_CLOCK its clock (rate=720)."""


def main() -> None:
    ArgumentParser(prog="./run demo", description=HELP, formatter_class=RawDescriptionHelpFormatter).parse_args()
    for sentence in misspelt():
        print(f"demo: {sentence}", file=sys.stderr)
    with outcome.explained():
        run(read_settings())


def run(asked: Settings) -> None:
    """The demonstration, until a signal; its home keeps it for the next time.

    Raises:
        CommandError: it runs already.
    """
    home = asked.home if "home" in asked.model_fields_set else _home()
    own = {"home": home.resolve(), "database_url": None, "broker_url": None, "api_host": "127.0.0.1"}
    settings = asked.model_copy(update=own)  # never the hospital's database: the demo writes patients
    with _alone(settings.home), Inbox() as inbox:
        print("starting database and broker ...", flush=True)
        with up.running_servers(settings, port=ports.preferred(settings)) as ready:
            _show(ready, inbox)


def _show(settings: Settings, inbox: Inbox) -> None:
    print(f"{COHORT.patients} patients with {COHORT.days} days of history ...", flush=True)
    today = real_now().astimezone(PARIS).replace(minute=0, second=0, microsecond=0)
    begun = COHORT.model_copy(update={"until": today.replace(hour=HISTORY_ENDS_AT)})
    cohort = simulated.with_history(settings, begun, now=today)
    password = _password(settings.home / "password")
    _add_users(settings, None, password)
    team.set_up(settings, now=cohort.until or today, nurse=team.NURSE, cardiologist=team.CARDIOLOGIST)
    day_before.work_through(settings, now=cohort.until or today, nurse=team.NURSE)
    _add_users(settings, inbox, password)
    log = settings.home / "demo.log"
    setting = _clock(settings, first=today)
    ready = settings.model_copy(update={"clock": str(setting), "log_format": "json"})
    welcome = WELCOME.format(
        dashboard=ready.screens_url,
        mailbox=inbox.page_url,
        nurse=team.NURSE,
        cardiologist=team.CARDIOLOGIST,
        password=password,
        minutes=24 * 60 / setting.rate,
        log=log,
        broker=ready.broker_url,
        home=ready.home,
    )
    print("starting ingest, alerts, the dashboard and the scales ...", flush=True)
    with _living(ready, cohort, open_clock(setting, home=ready.home)):
        up.run_programs(services(ready, log=log), ready, announce=welcome)


@contextmanager
def _living(settings: Settings, cohort: Cohort, clock: Clock) -> Iterator[None]:
    """The scales, in a thread of this process: the people are made while the programs start."""
    stop = threading.Event()

    def live_on() -> None:
        live.run(settings, cohort=simulated.people(cohort), clock=clock, stop=stop)

    scales = threading.Thread(target=live_on, name="scales", daemon=True)
    scales.start()
    try:
        yield
    finally:
        stop.set()
        scales.join(2)


def _clock(settings: Settings, *, first: datetime) -> ClockSetting:
    """A fast clock that shows the first morning, or the last stored reading's time, once the programs have started."""
    asked = ClockSetting.parse(settings.clock)
    begun = first.replace(hour=FIRST_DAY_STARTS_AT)
    last = simulated.last_recorded(settings)
    return ClockSetting(
        rate=asked.rate if "clock" in settings.model_fields_set else RATE,
        start=max(begun, last) if last and last > begun else begun,
        since=real_now() + timedelta(seconds=STARTING_SECONDS),
    )


def _add_users(settings: Settings, inbox: Inbox | None, password: str) -> None:
    """The two people, told nothing without an inbox; on a later start only their mailbox's port is new."""
    people: tuple[tuple[str, str, Literal["nurse", "cardiologist"]], ...] = (
        (team.NURSE, "Claire Roux", "nurse"),
        (team.CARDIOLOGIST, "Dr Jean Mercier", "cardiologist"),
    )
    with database.connect(stack.url(settings)) as conn:
        for email, name, role in people:
            enrolment.add_user(
                conn,
                email=email,
                display_name=name,
                role=role,
                password=password,
                notify_url=inbox.notify_url(email) if inbox else None,
            )


def _password(file: Path) -> str:
    """Drawn once for this home: 127.0.0.1 is open to everybody who has an account on this machine."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text("-".join(secrets.token_hex(2) for _ in range(4)))
    return file.read_text()


def _home() -> Path:
    """`.vigie/demo` in the checkout if that is ours, else a folder of ours for this checkout."""
    checkout = Path(__file__).resolve().parents[2]
    if checkout.stat().st_uid == os.geteuid() and os.access(checkout, os.W_OK):
        return checkout / ".vigie" / "demo"
    return Path.home() / ".cache" / "vigie" / f"demo-{hashlib.sha256(bytes(checkout)).hexdigest()[:12]}"


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise outcome.CommandError(f"a demonstration runs already in {home}: end it, or set VIGIE_HOME") from None
        yield


if __name__ == "__main__":
    main()
