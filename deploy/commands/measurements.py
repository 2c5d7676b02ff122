"""`vigie bench …`: the project's own measurements."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer()


@app.command()
def ingest(
    readings: Annotated[int, typer.Option(min=1000, help="in each round")] = 60_000,
    rounds: Annotated[int, typer.Option(min=1, max=20)] = 3,
    peer: Annotated[
        Literal["mq-bridge"] | None, typer.Option(help="also this one, from PyPI, in a venv of its own")
    ] = None,
    backlog: Annotated[int, typer.Option(min=0, help="also the memory on a backlog of so many readings")] = 0,
) -> None:
    """Readings a second, CPU, latency and memory, beside what one would write instead: one JSON object; some minutes.

    The C floor needs mosquitto_sub (Debian: mosquitto-clients). Progress goes to stderr; docs/ingest.md has figures.
    """
    from deploy.bench import ingest as measurement

    _print(lambda: measurement.run(readings=readings, rounds=rounds, backlog=backlog, peer=peer is not None))


@app.command()
def soak(minutes: Annotated[float, typer.Option(min=0.2, max=24 * 60)] = 10.0) -> None:
    """Half of what ingest can take, for minutes: memory and lag must be flat."""
    from deploy.bench import soak as measurement

    _print(lambda: measurement.run(minutes=minutes))


@app.command()
def delivery(seconds: Annotated[float, typer.Option(min=5, max=600, help="at each rate")] = 20.0) -> None:
    """From a raised alert to its gateway: median and p99, beside a plain loop around apprise; two minutes."""
    from deploy.bench import delivery as measurement

    _print(lambda: measurement.run(seconds=seconds))


@app.command()
def wakes(seconds: Annotated[float, typer.Option(min=1, max=600)] = 10.0) -> None:
    """Connect with a TLS client certificate, publish, disconnect: how many a second; needs mosquitto and openssl."""
    from deploy.bench import wakes as measurement

    _print(lambda: measurement.run(seconds=seconds))


@app.command()
def api(
    patients: Annotated[list[int] | None, typer.Option(min=10, max=1_000_000, help="give it several times")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="for each page and number of readers")] = 8.0,
    home: Annotated[Path | None, typer.Option(help="keep the databases here, and use them again")] = None,
) -> None:
    """Worklist, patient page and search: p99 with 1 and 8 readers, weight, first paint, plans; 800 patients by default.

    100,000 patients take about 12 GB on disk and some minutes to seed.
    """
    from deploy.bench import pages as measurement

    _print(lambda: measurement.run(patients=tuple(patients or [800]), seconds=seconds, home=home))


@app.command()
def tryout(patients: Annotated[int, typer.Option(min=10, max=10_000)] = 800) -> None:
    """From asking what a change would have done on a year of so many patients to the answer: one JSON object."""
    from deploy.bench import tryout as measurement

    _print(lambda: measurement.run(patients=patients))


def _print(measure: Callable[[], dict[str, object]]) -> None:
    from deploy import outcome
    from deploy.bench.ingest import BenchError

    with outcome.explained():
        try:
            print(json.dumps(measure(), indent=2))
        except BenchError as error:
            raise outcome.CommandError(str(error)) from None
