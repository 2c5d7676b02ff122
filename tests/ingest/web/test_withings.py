"""From Withings' notice to the weights that it did not say: kept, fetched, through refusals, old tokens and kills."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx2
import psycopg
import pytest
from pydantic import AnyUrl, SecretStr

from deploy.servers.embedded_broker import free_port
from ingest.adapters import withings
from ingest.web import webhook, withings_fetch
from schemas import database
from schemas.clock import Clock, real_now
from schemas.database import Connection, Service
from schemas.settings import WithingsSettings
from tests.fixtures.commands import Command
from tests.fixtures.commands import Start as Program
from tests.ingest.scale import answers, wait_until
from tests.ingest.web.test_webhook import BEARER, SECRET
from tests.ingest.web.withings_server import CLIENT, WithingsServer

NOTICE = b"userid=12345&appli=1&startdate=1787375500&enddate=1787375600"
DAY = 86400


def group(number: int, *, kg: float = 65.75, **more: object) -> dict[str, object]:
    at = 1787375520 + number * DAY
    measures = [{"value": round(kg * 1000), "type": 1, "unit": -3}, {"value": 1820, "type": 6, "unit": -2}]
    known = {"grpid": number, "attrib": 0, "date": at, "created": at + 10, "modified": at + 10, "category": 1}
    return {**known, "deviceid": "d", "measures": measures, **more}


@pytest.fixture
def server() -> Iterator[WithingsServer]:
    with WithingsServer() as server:
        server.groups = [group(number, kg=65 + number / 10) for number in range(5)]
        yield server


@pytest.fixture
def settings(server: WithingsServer) -> WithingsSettings:
    secret = SecretStr(CLIENT["client_secret"][0])
    return WithingsSettings(url=AnyUrl(server.url), client_id=CLIENT["client_id"][0], client_secret=secret)


def fetch(conn: Connection, settings: WithingsSettings) -> None:
    """All that is due."""
    clock = Clock()
    while withings_fetch.fetch_next(conn, settings, clock=clock, store=partial(webhook.store, clock=clock)):
        pass


def told(conn: Connection, *, consent: str | None = "refresh-0") -> None:
    notice = withings.notice(NOTICE)
    assert notice
    withings_fetch.note(conn, notice, now=real_now())
    if consent:
        conn.execute("UPDATE withings_account SET refresh_token = %s", (consent,))
    conn.commit()


def weights(conn: Connection) -> list[str]:
    conn.rollback()
    rows = conn.execute("SELECT trim_scale(weight_kg)::text FROM reading ORDER BY measured_at")
    return [str(kg) for (kg,) in rows]


ALL = ["65", "65.1", "65.2", "65.3", "65.4"]
STATE = "SELECT told - fetched, since, attempts, problem FROM withings_account"
MINUTES = "SELECT round(extract(epoch FROM due_at - now()) / 60)::int FROM withings_account"


def state(conn: Connection) -> tuple[object, ...] | None:
    conn.rollback()
    return conn.execute(STATE).fetchone()


def make_due(conn: Connection) -> None:
    """The wait is over."""
    conn.execute("UPDATE withings_account SET due_at = now()")
    conn.commit()


def test_all_pages_are_fetched_once_and_next_time_only_what_changed_since(
    connection: Connection, server: WithingsServer, settings: WithingsSettings
) -> None:
    told(connection)
    told(connection)
    fetch(connection, settings)
    assert weights(connection) == ALL
    assert state(connection) == (0, server.updatetime, 0, None)
    assert [asked.get("offset") for asked in server.asked] == [None, ["2"], ["4"]]
    assert server.asked[0]["lastupdate"] == ["1787375500"]
    told(connection)
    fetch(connection, settings)
    assert weights(connection) == ALL
    assert server.asked[-1]["lastupdate"] == [str(server.updatetime)]
    assert server.renewed == 1, "the token is still good"


@pytest.mark.parametrize(
    ("mood", "problem"),
    [(601, "Withings asks for fewer requests: status 601"), (2555, "Withings answers: status 2555")],
)
def test_a_refusal_in_the_body_is_waited_out_longer_each_time_and_nothing_is_lost(
    connection: Connection, server: WithingsServer, settings: WithingsSettings, mood: int, problem: str
) -> None:
    told(connection)
    server.moods.extend([mood, mood])
    for waits in (1, 2):
        fetch(connection, settings)
        assert state(connection) == (1, 1787375500, waits, problem)
        assert connection.execute(MINUTES).fetchone() == (waits,)
        told(connection, consent=None)
        fetch(connection, settings)
        assert len(server.moods) == 2 - waits, "a new notice does not cut the wait short"
        connection.execute("UPDATE withings_account SET told = 1")
        make_due(connection)
    fetch(connection, settings)
    assert weights(connection) == ALL
    assert state(connection) == (0, server.updatetime, 0, None)


def test_an_old_token_is_renewed_at_once_and_an_ended_consent_is_said_until_there_is_another(
    connection: Connection, server: WithingsServer, settings: WithingsSettings
) -> None:
    told(connection)
    fetch(connection, settings)
    server.access_token = "another"  # it was revoked before its time
    server.groups.append(group(5, kg=65.5))
    told(connection, consent=None)
    fetch(connection, settings)
    assert (weights(connection), server.renewed) == ([*ALL, "65.5"], 2)
    server.access_token, server.refresh_token = "another", "refresh-new"
    server.groups.append(group(6, kg=65.6))
    told(connection, consent=None)
    fetch(connection, settings)
    assert state(connection) == (1, server.updatetime, 2, "Withings answers: status 503")
    withings_fetch.consent(connection, "12345", refresh_token="refresh-new", now=real_now())
    connection.commit()
    fetch(connection, settings)
    assert weights(connection) == [*ALL, "65.5", "65.6"]
    assert state(connection) == (0, server.updatetime, 0, None)


@pytest.mark.parametrize("service", ["alerts", "api"])
def test_no_other_program_may_read_a_token(database_url: str, service: Service) -> None:
    with (
        database.connect(database_url, service=service) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute("SELECT FROM withings_account")


def test_a_server_that_is_away_is_waited_for(connection: Connection, settings: WithingsSettings) -> None:
    told(connection)
    away = settings.model_copy(update={"url": AnyUrl(f"http://127.0.0.1:{free_port()}")})
    fetch(connection, away)
    assert state(connection) == (1, 1787375500, 1, "Withings cannot be reached: ConnectError")
    make_due(connection)
    fetch(connection, settings)
    assert weights(connection) == ALL


def test_a_group_that_is_none_costs_no_other_and_goals_and_guesses_are_no_weighings(
    connection: Connection, server: WithingsServer, settings: WithingsSettings
) -> None:
    server.groups[1] = group(1, measures=[{"value": "heavy", "type": 1, "unit": -3}])
    server.groups[2] = group(2, category=2)
    server.groups[3] = group(3, attrib=4)
    told(connection)
    fetch(connection, settings)
    assert weights(connection) == ["65", "65.4"]
    assert connection.execute("SELECT reason FROM rejection").fetchall() == [
        ("measures: value and unit must be integers, unit from -9 to 3",)
    ]


@pytest.mark.parametrize("body", [b"", b"{}", NOTICE.replace(b"appli=1", b"appli=44"), NOTICE.replace(b"123", b"x")])
def test_what_is_no_notice_about_weights_is_none(body: bytes) -> None:
    assert withings.notice(body) is None


def receiver(start: Program, database_url: str, server: WithingsServer, port: int) -> Command:
    program = start(
        *("deploy.cli", "webhook"),
        VIGIE_DATABASE_URL=database_url,
        VIGIE_BROKER_URL="mqtt://127.0.0.1:1",
        VIGIE_WEBHOOK_PORT=str(port),
        VIGIE_WEBHOOK_SECRET=SECRET,
        VIGIE_WITHINGS__URL=server.url,
        VIGIE_WITHINGS__CLIENT_ID=CLIENT["client_id"][0],
        VIGIE_WITHINGS__CLIENT_SECRET=CLIENT["client_secret"][0],
    )
    assert wait_until(lambda: answers(port), seconds=30)
    return program


def test_a_receiver_killed_between_notice_and_fetch_loses_nothing_and_tells_no_token(
    start: Program, database_url: str, connection: Connection, server: WithingsServer
) -> None:
    port = free_port()
    first = receiver(start, database_url, server, port)
    withings_fetch.consent(connection, "12345", refresh_token="refresh-0", now=real_now() + timedelta(days=1))
    connection.commit()
    server.open.clear()  # the second page never comes
    answer = httpx2.post(f"http://127.0.0.1:{port}/webhook/withings", headers=BEARER, content=NOTICE)
    assert answer.status_code == 200
    assert weights(connection) == [], "told, kept, and not due yet"
    make_due(connection)
    assert wait_until(lambda: weights(connection) == ALL[:2])
    first.process.kill()
    first.process.wait()
    assert state(connection) == (2, 0, 1, None)
    server.open.set()
    second = receiver(start, database_url, server, port)
    make_due(connection)
    assert wait_until(lambda: weights(connection) == ALL)
    assert wait_until(lambda: (state(connection) or ())[0] == 0)
    for secret in ("refresh-", "access-", CLIENT["client_secret"][0], SECRET, "65.1"):
        assert secret not in first.output.read_text() + second.output.read_text()


def test_a_consent_given_on_the_command_line_fetches_what_was_told_before(
    database_url: str, connection: Connection, settings: WithingsSettings, tmp_path: Path
) -> None:
    told(connection, consent=None)
    fetch(connection, settings)
    assert weights(connection) == []
    given = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "withings", "12345"],
        env={**os.environ, "VIGIE_DATABASE_URL": database_url, "VIGIE_HOME": str(tmp_path)},  # noqa: TID251 as a shell would
        input="refresh-0\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "refresh-0" not in given.stdout + given.stderr
    fetch(connection, settings)
    assert weights(connection) == ALL
