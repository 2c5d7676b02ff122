"""Watching ourselves: the canary through a real broker, a program that is silent, the ping to somebody elsewhere."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from alerts.study import outcome_store
from alerts.trials import trial_store
from alerts.vigil import canary as watched
from alerts.vigil.vigil import Vigil
from deploy import canary as deployed
from deploy.servers.embedded_postgres import EmbeddedPostgres
from ingest.past import history
from schemas import canary, database
from schemas.clock import Clock, ClockSetting
from schemas.database import Connection
from simulator import canary as bird
from tests.alerts import clinic
from tests.alerts.gateway import SmsGateway
from tests.fixtures import stack as stacks

SUNDAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONDAY_PROMISED = canary.weighs_at(datetime(2026, 3, 2, tzinfo=UTC).date()) + canary.PROMISE
DAY = timedelta(days=1)
WEEK = ClockSetting(rate=86400 / 2, start=SUNDAY)  # a day takes two seconds


def test_the_canary_falls_ill_through_the_broker_twice_a_week_and_only_its_address_is_told(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with (
        stacks.running(postgres, tmp_path, clock=WEEK) as stack,
        stack.connect() as conn,
        SmsGateway().open() as gateway,
    ):
        clinic.add_user(conn)
        deployed.enrol(conn, notify_url=gateway.url, clock=stack.clock)
        conn.commit()
        stop = threading.Event()

        def before(day: object) -> None:
            with stack.connect() as own:
                deployed.close_what_is_over(own, day, clock=stack.clock)  # type: ignore[arg-type]
                own.commit()

        life = threading.Thread(
            target=bird.run, args=(stack.settings,), kwargs={"clock": stack.clock, "stop": stop, "before": before}
        )
        life.start()
        stack.wait_for(lambda: len(gateway.taken) >= 2, "the second illness did not arrive", seconds=30)
        stop.set()
        life.join(20)
        told = "SELECT count(*)::int FROM notification JOIN app_user USING (user_id) WHERE role <> 'canary'"
        assert clinic.count(conn, told) == 0
        assert clinic.count(conn, "SELECT count(*)::int FROM patient_day") == 0
        assert_no_page_shows_it(stack)
        assert_no_number_contains_it(conn, now=stack.clock.now(), folder=tmp_path)
        for table in ("patient", "episode", "device_loan"):
            assert clinic.count(conn, f"SELECT count(*)::int FROM {table}") > 0
            with database.connect(postgres_url(stack), service="api") as screens:
                assert screens.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def assert_no_page_shows_it(stack: stacks.Stack) -> None:
    with httpx2.Client(base_url=stack.settings.screens_url, timeout=20) as client:
        client.post("/sign-in", data={"email": stacks.NURSE, "password": stacks.PASSWORD})
        month = f"{stack.clock.now():%Y-%m}"
        files = ("/programme.csv?months=12", f"/programme/report?form=csv&month={month}")
        for page in ("/", "/patients", "/programme", "/scales", "/unknown-scales", "/detection", "/duty", *files):
            answer = client.get(page)
            assert answer.status_code == 200
            assert "canary" not in answer.text.lower(), page
            if page in files:
                numbers = {cell for line in answer.text.splitlines()[1:] for cell in line.split(",")[1:]}
                assert numbers <= {"0", ""}, page
        assert client.get(f"/patients/{canary.PATIENT}").status_code == 404


def assert_no_number_contains_it(conn: Connection, *, now: datetime, folder: Path) -> None:
    assert history.export_csv(conn, folder / "readings.csv") == 0
    assert outcome_store.readings(conn, now=now) == []
    assert list(outcome_store.decompensations(conn)) == []
    assert outcome_store.watched(conn) == trial_store.counts(conn)[0] == 0
    assert clinic.count(conn, "SELECT patients FROM watched_patients") == 0
    assert clinic.count(conn, "SELECT count(*)::int FROM service_outage") == 0
    conn.rollback()


def postgres_url(stack: stacks.Stack) -> str:
    url = stack.settings.database_url
    assert isinstance(url, SecretStr)
    return url.get_secret_value()


@pytest.fixture
def hatched(connection: Connection) -> Connection:
    deployed.enrol(connection, notify_url="json://127.0.0.1:9/", clock=Clock(start=SUNDAY - 9 * DAY))
    connection.execute("INSERT INTO contact (duty, url) VALUES ('operations', 'json://127.0.0.1:9/')")
    connection.commit()
    return connection


def test_operations_is_paged_once_with_the_part_that_is_missing(hatched: Connection) -> None:
    assert watched.look(hatched, now=MONDAY_PROMISED - timedelta(seconds=1)) is None
    for minute in range(3):
        assert watched.look(hatched, now=MONDAY_PROMISED + timedelta(minutes=minute)) == "reading"
    assert hatched.execute("SELECT kind, about, facts ->> 'missing' FROM plain_notice").fetchall() == [
        ("canary_late", "2026-03-02", "reading")
    ]


class Elsewhere:
    """A check that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_somebody_elsewhere_hears_that_we_began_that_all_is_well_and_what_is_wrong(
    database_url: str, connection: Connection
) -> None:
    connection.execute("INSERT INTO contact (duty, url) VALUES ('operations', 'json://127.0.0.1:9/')")
    database.beat(connection, program="ingest", detail="ok")
    connection.commit()
    elsewhere = Elsewhere()
    with database.open_pool(database_url, service="alerts") as pool:
        url = f"http://127.0.0.1:{elsewhere.server.server_port}/ping/uuid"
        vigil = Vigil(pool=pool, clock=Clock(start=SUNDAY), ping_url=url)
        vigil.look()
        database.beat(connection, program="ingest", detail="the broker is away")
        connection.commit()
        vigil.look()
        connection.execute("UPDATE heartbeat SET at = now() - interval '5 minutes'")
        connection.commit()
        vigil.look()
        vigil.look()
    elsewhere.server.shutdown()
    elsewhere.server.server_close()
    assert elsewhere.told == [
        ("/ping/uuid/start", ""),
        ("/ping/uuid", ""),
        ("/ping/uuid/fail", "ingest: the broker is away"),
        ("/ping/uuid/fail", "ingest: silent"),
        ("/ping/uuid/fail", "ingest: silent"),
    ]
    assert clinic.count(connection, "SELECT count(*)::int FROM plain_notice WHERE kind = 'program_silent'") == 1
