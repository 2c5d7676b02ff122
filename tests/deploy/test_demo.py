"""The demonstration, as somebody who has just cloned the project meets it."""

import re
import signal
import time
import urllib.request
from pathlib import Path

import httpx2
import psycopg
import pytest

from deploy.demo.team import NURSE
from deploy.servers.embedded_postgres import EmbeddedPostgres
from tests.deploy.test_up import healthz
from tests.fixtures.commands import Command, Start, gone

NEW_EPISODES = "SELECT count(*) FROM episode WHERE cause = 'decompensation' AND severity <> 'watch' AND opened_at > %s"
FIRST_MORNING = "SELECT min(measured_at) FROM reading WHERE source = 'native-1'"


def demo(start: Start) -> tuple[Command, dict[str, str]]:
    """A running demonstration and what it says: dashboard, mailbox, password."""
    command = start("deploy.demo")
    command.wait_for("Ctrl-C ends everything", seconds=240)
    said = dict(re.findall(r"^  (Dashboard|Mailbox|Password) +(\S+)$", command.output.read_text(), re.MULTILINE))
    return command, said


def read(url: str) -> str:
    with urllib.request.urlopen(url) as page:
        return str(page.read().decode())


def teams(dashboard: str, password: str) -> str:
    """The page On duty, as the nurse sees it."""
    with httpx2.Client(base_url=dashboard, timeout=20) as client:
        client.post("/sign-in", data={"email": NURSE, "password": password})
        return client.get("/duty").text


@pytest.mark.timeout(600)
def test_the_demonstration_shows_a_new_episode_and_its_mail_and_starts_again(start: Start, tmp_path: Path) -> None:
    command, said = demo(start)
    assert healthz(said["Dashboard"])["status"] == "ok"
    with psycopg.connect(EmbeddedPostgres(tmp_path / "home" / "postgres").url, autocommit=True) as conn:
        until = time.monotonic() + 90
        while (conn.execute(NEW_EPISODES, conn.execute(FIRST_MORNING).fetchone()).fetchone() or (0,)) == (0,):
            assert time.monotonic() < until, "no new episode in time"
            time.sleep(0.5)
    while "<article>" not in read(said["Mailbox"]):
        assert time.monotonic() < until, "no e-mail in time"
        time.sleep(0.5)
    assert "Cellule de Clermont" in teams(said["Dashboard"], said["Password"])
    with psycopg.connect(EmbeddedPostgres(tmp_path / "home" / "postgres").url) as conn:
        assert conn.execute("SELECT count(*) FROM standing_pause").fetchone() == (3,)
    while "/b/" not in read(said["Mailbox"]):
        assert time.monotonic() < until, "no bundle in time"
        time.sleep(0.5)
    family = command.family()
    assert command.end(signal.SIGINT) == 0
    assert gone(family) == []

    command, again = demo(start)
    assert again["Password"] == said["Password"]
    healthz(again["Dashboard"])
    family = command.family()
    command.end(signal.SIGKILL)
    assert gone(family) == []
