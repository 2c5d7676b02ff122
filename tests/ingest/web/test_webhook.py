"""Readings by HTTP: who may, what is answered, and that 200 is said after the commit only."""

import hashlib
import hmac
import json
from collections.abc import Iterator

import psycopg
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from ingest.web import webhook
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import Settings
from tests.ingest.adapters.vectors import OPENSCALE, TENOVI, WITHINGS
from tests.ingest.scale import wait_until

SECRET = "correct horse battery staple"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def client(database_url: str) -> Iterator[TestClient]:
    settings = Settings(database_url=SecretStr(database_url), webhook_secret=SecretStr(SECRET))
    with TestClient(webhook.create_app(settings, clock=Clock())) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body", "counts"),
    [
        ("tenovi/lb", [TENOVI], (1, 0, 0)),
        ("withings/12345", WITHINGS, (1, 0, 0)),
        ("openscale/home7", {"event": "insert", **OPENSCALE}, (1, 0, 0)),
        ("tenovi/lb", {**TENOVI, "value_1": "18.2"}, (0, 1, 0)),
        ("tenovi/lb", {**TENOVI, "value_1": "heavy"}, (0, 0, 1)),
        ("tenovi/lb", {**TENOVI, "metric": "pulse"}, (0, 0, 0)),
    ],
)
def test_a_reading_is_stored_when_200_is_said(
    client: TestClient, connection: Connection, path: str, body: object, counts: tuple[int, int, int]
) -> None:
    answer = client.post(f"/webhook/{path}", headers=BEARER, json=body)
    assert answer.status_code == 200
    assert tuple(answer.json().values()) == counts
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (counts[0] + counts[1],)
    assert connection.execute("SELECT count(*) FROM rejection").fetchone() == (counts[2],)


def test_the_receiver_says_that_it_lives(client: TestClient, connection: Connection) -> None:
    assert client

    def beats() -> list[tuple[object, ...]]:
        connection.rollback()
        return connection.execute("SELECT service, detail FROM heartbeat").fetchall()

    assert wait_until(lambda: beats() == [("webhook", "ok")])


def test_the_same_body_again_is_one_reading(client: TestClient, connection: Connection) -> None:
    for _ in range(3):
        assert client.post("/webhook/tenovi/lb", headers=BEARER, json=TENOVI).status_code == 200
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (1,)


def test_a_signature_or_the_address_may_carry_the_secret(client: TestClient) -> None:
    body = json.dumps(TENOVI).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert client.post("/webhook/tenovi/lb", headers={"X-Vigie-Signature": signature}, content=body).status_code == 200
    assert client.post("/webhook/tenovi/lb", params={"secret": SECRET}, content=body).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer another secret"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": "Bearer "},
        {"X-Vigie-Signature": ""},
        {"X-Vigie-Signature": "sha256=00"},
        {"X-Vigie-Signature": "sha256=" + hmac.new(SECRET.encode(), b"another body", hashlib.sha256).hexdigest()},
    ],
)
def test_without_the_secret_nothing_is_stored(
    client: TestClient, connection: Connection, headers: dict[str, str]
) -> None:
    assert client.post("/webhook/tenovi/lb", headers=headers, json=TENOVI).status_code == 401
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (0,)


def test_withings_finds_somebody_and_strangers_find_nothing(client: TestClient) -> None:
    assert client.head("/webhook/withings/12345").status_code == 200
    assert client.post("/webhook/nobody", headers=BEARER, json={}).status_code == 404
    assert client.get("/webhook/tenovi/lb").status_code == 405


def test_a_body_too_large_is_refused(client: TestClient) -> None:
    answer = client.post("/webhook/tenovi/lb", headers=BEARER, content=b" " * (2 * 1024 * 1024 + 1))
    assert answer.status_code == 413


def test_what_cannot_be_stored_is_never_a_200(client: TestClient, connection: Connection) -> None:
    connection.execute("ALTER TABLE reading RENAME TO away")
    connection.commit()
    with pytest.raises(psycopg.errors.UndefinedTable):
        client.post("/webhook/tenovi/lb", headers=BEARER, json=TENOVI)
    connection.execute("ALTER TABLE away RENAME TO reading")
    connection.commit()
    assert client.post("/webhook/tenovi/lb", headers=BEARER, json=TENOVI).json()["stored"] == 1
