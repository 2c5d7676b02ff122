"""The canary's whole way: scale, broker, ingest, detector, outbox, gateway. A link that stops pages operations."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr

from alerts import worker
from deploy import alarm_budget
from deploy import canary as deployed
from deploy.processes.supervisor import Child, Supervisor
from deploy.servers.embedded_broker import EmbeddedBroker
from schemas import canary
from schemas.clock import Clock, real_now
from schemas.database import Connection
from schemas.settings import BrokerUrl, Settings
from simulator import canary as bird
from tests.alerts import clinic
from tests.alerts.gateway import SmsGateway
from tests.alerts.program import Mailbox, eventually, text

MONDAY = canary.weighs_at(date(2026, 3, 2))
NEARLY = MONDAY - timedelta(minutes=1)
PROMISED = MONDAY + canary.PROMISE
SLACK_SECONDS = 3
"""Real ones, after the vigil's half minute: on a fast clock the machine's own slowness counts many times."""
STARTING_SECONDS = 3
IN_TIME = "SELECT EXISTS (SELECT FROM notification WHERE delivered_at BETWEEN %(since)s AND %(until)s)"
Link = Literal["scale", "broker", "ingest", "detector", "SMTP gateway", "HTTP gateway", "none"]


@dataclass(kw_only=True)
class Chain:
    """Everything between the canary's scale and its person, but what is stopped."""

    conn: Connection
    settings: Settings
    clock: Clock
    broker: EmbeddedBroker

    @contextmanager
    def running(self, stopped: Link, *, folder: Path) -> Iterator[None]:
        stop = threading.Event()
        with ExitStack() as stack:
            if stopped != "ingest":
                ingest = Child("ingest", ["ingest"], self.settings, log=folder / "ingest.log")
                stack.enter_context(Supervisor([ingest]))
            threads = [self._thread(worker.run, simulated=alarm_budget.simulated, stop=stop)]
            if stopped != "scale":
                threads.append(self._thread(bird.run, stop=stop, before=lambda _: None))
            if stopped == "broker":
                self.broker.stop()
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                stop.set()
                for thread in threads:
                    thread.join(30)

    def _thread(self, run: object, **rest: object) -> threading.Thread:
        return threading.Thread(target=run, args=(self.settings,), kwargs={"clock": self.clock, **rest})  # type: ignore[arg-type]

    def paged(self) -> list[tuple[object, ...]]:
        rows = self.conn.execute(
            "SELECT facts ->> 'missing', created_at FROM plain_notice WHERE kind = 'canary_late'"
        ).fetchall()
        self.conn.commit()
        return rows


@pytest.mark.parametrize(
    ("stopped", "rate", "missing"),
    [
        ("scale", 600, "reading"),
        ("broker", 600, "reading"),
        ("ingest", 600, "reading"),
        ("detector", 150, "alert"),
        ("SMTP gateway", 150, "delivery"),
        ("HTTP gateway", 150, "delivery"),
        ("none", 150, None),
    ],
)
def test_a_stopped_link_of_the_canarys_chain_pages_operations_within_the_promised_time(
    broker: EmbeddedBroker, connection: Connection, database_url: str, tmp_path: Path, stopped: Link, rate: int,
    missing: str | None,
) -> None:  # fmt: skip
    clock = Clock(rate=rate, start=NEARLY, since=real_now() + timedelta(seconds=STARTING_SECONDS))
    with Mailbox().open() as mailbox, SmsGateway().open() as gateway, SmsGateway().open() as operations:
        away = Mailbox()
        gateway.mood = "answers_500" if stopped == "HTTP gateway" else "takes"
        url = {"SMTP gateway": away.url, "HTTP gateway": gateway.url}.get(stopped, mailbox.url)
        chain = Chain(
            conn=connection,
            settings=Settings(
                home=tmp_path, database_url=SecretStr(database_url), broker_url=BrokerUrl(broker.url),
                clock=str(clock.setting), log_format="json",
            ),
            clock=clock,
            broker=broker,
        )  # fmt: skip
        deployed.enrol(connection, notify_url=url, clock=clock)
        admin = clinic.add_user(connection, notify_url=operations.url)
        connection.execute(
            "INSERT INTO user_duty (duty, user_id, entered_at) VALUES ('operations', %s, now())", [admin]
        )
        if stopped == "detector":
            connection.execute('UPDATE plan SET settings = \'{"gain_kg": "broken"}\'')
        connection.commit()
        with chain.running(stopped, folder=tmp_path):
            if missing:
                eventually(lambda: any("2026-03-02" in message for message in operations.taken), seconds=30)
            else:
                eventually(lambda: clock.now() > PROMISED + timedelta(minutes=5), seconds=30)
            paged = chain.paged()
    if missing is None:
        assert (paged, operations.taken) == ([], [])
        assert all("alerte n°" in text(message) for message in mailbox.messages)
        row = connection.execute(IN_TIME, {"since": MONDAY, "until": PROMISED}).fetchone()
        assert row == (True,)
        return
    ((what, at),) = paged
    assert isinstance(at, datetime)
    assert what == missing
    assert PROMISED <= at <= PROMISED + timedelta(seconds=worker.VIGIL_SECONDS + SLACK_SECONDS * rate)
    # An outage of ours is told as well.
    assert sum("2026-03-02" in message for message in operations.taken) == 1
    assert at.astimezone(UTC).date() == MONDAY.date()
