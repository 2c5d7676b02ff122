import contextlib
import json
import signal
import time
import urllib.error
import urllib.request

import psutil
import pytest

from tests.fixtures.commands import Command, Start, gone


def healthz(address: str, *, seconds: float = 60) -> dict[str, object]:
    """The answer of `/healthz` once it is 200."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
                found: dict[str, object] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            error.close()
            assert time.monotonic() < until, said
            time.sleep(0.2)
        except urllib.error.URLError:  # it is being started again
            assert time.monotonic() < until
            time.sleep(0.2)


def up(start: Start, **environment: str) -> tuple[Command, str]:
    command = start("deploy.cli", "up", **environment)
    return command, command.wait_for("Vigie answers on").split()[-1]


def programs(command: Command) -> dict[str, psutil.Process]:
    """The three programs by name."""
    found = {}
    for process in psutil.Process(command.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it is dying
            if "deploy.cli" in process.cmdline():
                found[process.cmdline()[-1]] = process
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_everything_answers_and_a_signal_ends_everything(start: Start, number: signal.Signals) -> None:
    command, address = up(start, VIGIE_CANARY_URL="json://127.0.0.1:9/canary")
    assert healthz(address)["status"] == "ok"
    family = command.family()
    assert {"ingest", "alerts", "api", "canary"} <= programs(command).keys()
    assert command.end(number) == 0
    assert gone(family, seconds=1) == []


def test_nothing_survives_when_it_is_killed_and_it_starts_again(start: Start) -> None:
    command, address = up(start)
    healthz(address)
    family = command.family()
    command.end(signal.SIGKILL)
    again, address = up(start)
    assert gone(family) == []
    healthz(address)
    assert again.end() == 0


@pytest.mark.parametrize("name", ["ingest", "alerts", "api"])
def test_a_program_that_dies_is_started_again(start: Start, name: str) -> None:
    command, address = up(start)
    healthz(address)
    before = programs(command)[name]
    before.kill()
    until = time.monotonic() + 20
    while programs(command).get(name) in (None, before):
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(1)
    healthz(address)
    assert command.end() == 0
