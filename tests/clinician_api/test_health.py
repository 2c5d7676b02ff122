"""/healthz: 200 when every part works, else 503 with the part and why; no secret, no sign-in."""

import httpx2
import pytest

from schemas.database import Connection
from tests.alerts.program import eventually
from tests.clinician_api.conftest import Site


def beat(connection: Connection, service: str, *, detail: str = "ok", seconds_ago: int = 0) -> None:
    connection.execute(
        "INSERT INTO heartbeat (service, at, detail) VALUES (%s, now() - make_interval(secs => %s), %s)",
        (service, seconds_ago, detail),
    )
    connection.commit()


def test_all_parts_at_work_are_200(connection: Connection, site: Site) -> None:
    beat(connection, "ingest")
    beat(connection, "alerts")
    answer = site.client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": {"database": "ok", "ingest": "ok", "alerts": "ok"}}


@pytest.mark.parametrize(
    ("beats", "part", "state"),
    [
        ({"alerts": {}}, "ingest", "has never run"),
        ({"alerts": {}, "ingest": {"seconds_ago": 60}}, "ingest", "silent for 60 s"),
        ({"alerts": {}, "ingest": {"detail": "no broker"}}, "ingest", "no broker"),
        ({"alerts": {"seconds_ago": 60}, "ingest": {}}, "alerts", "silent for 60 s"),
    ],
)
def test_a_part_that_does_not_work_is_named(
    connection: Connection, site: Site, beats: dict[str, dict[str, str | int]], part: str, state: str
) -> None:
    for service, how in beats.items():
        beat(connection, service, **how)  # type: ignore[arg-type] # rows of the table above
    answer = site.client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["parts"][part] == state


def test_a_worker_that_is_dead_is_named_and_one_that_was_ended_in_order_is_not(
    connection: Connection, site: Site
) -> None:
    for service in ("ingest", "alerts", "ingest-2"):
        beat(connection, service)
    beat(connection, "ingest-3", detail="ended", seconds_ago=3600)
    answer = site.client().get("/healthz")
    assert answer.json()["parts"] == {"database": "ok", "ingest": "ok", "alerts": "ok", "ingest-2": "ok"}
    connection.execute("UPDATE heartbeat SET at = now() - interval '60 s' WHERE service = 'ingest-2'")
    connection.commit()
    answer = site.client().get("/healthz")
    assert (answer.status_code, answer.json()["parts"]["ingest-2"]) == (503, "silent for 60 s")


def test_the_receiver_of_webhooks_is_a_part_where_there_is_to_be_one(connection: Connection, database_url: str) -> None:
    beat(connection, "ingest")
    beat(connection, "alerts")
    site = Site(database_url, webhook_port=1)
    site.start()
    try:
        assert site.client().get("/healthz").json()["parts"]["webhook"] == "has never run"
        beat(connection, "webhook")
        assert site.client().get("/healthz").json()["status"] == "ok"
    finally:
        site.stop()


def test_a_database_that_is_away_is_said_without_its_password() -> None:
    site = Site("postgresql://vigie:secret-word@127.0.0.1:1/vigie")
    site.start()
    try:
        answer = httpx2.get(f"{site.url}/healthz", timeout=20)
        page = httpx2.get(f"{site.url}/", headers={"Accept-Language": "fr", "Cookie": "vigie=x"}, timeout=20)
    finally:
        site.stop()
    assert answer.status_code == 503
    assert answer.json()["parts"]["database"] == "does not answer"
    assert "secret-word" not in answer.text
    assert page.status_code == 503
    assert "La base de données ne répond pas" in page.text


def test_the_screens_beat_while_they_run_and_say_when_they_end_in_order(
    database_url: str, connection: Connection
) -> None:
    def said() -> str | None:
        row = connection.execute("SELECT detail FROM heartbeat WHERE service = 'api'").fetchone()
        connection.commit()
        return str(row[0]) if row else None

    site = Site(database_url)
    site.start()
    try:
        eventually(lambda: said() == "ok")
    finally:
        site.stop()
    assert said() == "ended"
