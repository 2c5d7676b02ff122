"""Several processes serve the dashboard's one port."""

import http.client
import signal
import time
import urllib.error
import urllib.request

import psutil

from deploy.servers.embedded_broker import free_port
from tests.fixtures.commands import Command, Start, gone


def answers(port: int, *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=5).close()
        except urllib.error.URLError:
            assert time.monotonic() < until
            time.sleep(0.1)
        else:
            return


def workers(command: Command) -> set[psutil.Process]:
    return {one for one in psutil.Process(command.process.pid).children() if is_worker(one)}


def is_worker(process: psutil.Process) -> bool:
    """Not the embedded broker, and not one that is ending."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and "deploy.cli" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def test_one_that_dies_is_replaced_while_the_other_answers_and_none_outlives_a_killed_parent(
    start: Start, database_url: str
) -> None:
    port = free_port()
    given = {"VIGIE_DATABASE_URL": database_url, "VIGIE_API_PORT": str(port), "VIGIE_API_WORKERS": "2"}
    command = start("deploy.cli", "api", **given)
    answers(port)
    before = workers(command)
    assert len(before) == 2
    dying = before.pop()
    dying.kill()
    answers(port, seconds=1)
    until = time.monotonic() + 10
    while dying in workers(command) or len(workers(command)) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert before < workers(command)
    assert "worker_died" in command.output.read_text()
    family = command.family()
    command.end(signal.SIGKILL)
    assert gone(family) == []


def test_who_come_at_once_are_shared_out_evenly(start: Start, database_url: str) -> None:
    port = free_port()
    given = {"VIGIE_DATABASE_URL": database_url, "VIGIE_API_PORT": str(port), "VIGIE_API_WORKERS": "2"}
    command = start("deploy.cli", "api", **given)
    answers(port)
    for _ in range(3):  # what closed is not counted any more
        readers = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(8)]
        for reader in readers:
            reader.request("GET", "/static/vigie.svg")
        for reader in readers:
            reader.getresponse().read()
        shares = sorted(open_at(port, one) for one in workers(command))
        assert sum(shares) == 8
        assert shares[0] >= 2  # two that look in one moment may both be right, and one may be busy
        for reader in readers:
            reader.close()


def open_at(port: int, process: psutil.Process) -> int:
    here = [one for one in process.net_connections() if one.laddr.port == port]
    return sum(one.status == psutil.CONN_ESTABLISHED for one in here)
