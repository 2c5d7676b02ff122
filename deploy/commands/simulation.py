"""`vigie simulate`, `bench`: scales without patients."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
simulate = typer.Typer(help="Scales, patients and faults over real MQTT.", no_args_is_help=True)
bench = typer.Typer(help="The project's own measurements, each printing one JSON object.", no_args_is_help=True)
app.add_typer(simulate, name="simulate")
app.add_typer(bench, name="bench")


@simulate.command()
def cohort(
    patients: Annotated[int, typer.Option(min=1, max=20_000)] = 800,
    days: Annotated[int, typer.Option(min=1, max=730, help="of history")] = 120,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Patients with a believable history; then their scales weigh each morning, at the clock's rate, until Ctrl-C."""
    from deploy import outcome
    from deploy.servers import stack
    from deploy.simulated import cohort as simulated
    from schemas import logs
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        given = read_settings()
        logs.configure(service="simulator", log_format=given.log_format)
        with stack.ready_servers(given) as settings:
            clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
            people = simulated.Cohort(patients=patients, days=days, seed=seed)
            simulated.run(settings, people, clock)


@simulate.command()
def replay(
    log: Annotated[Path, typer.Argument(metavar="FILE.csv", help="READINGS, or two columns t,kg")],
    device: Annotated[str | None, typer.Option(help="the scale's name; by default the file's")] = None,
    patient: Annotated[str | None, typer.Option(help="the pseudonym; by default the file's name")] = None,
    site: Annotated[str, typer.Option()] = "replay",
    as_dated: Annotated[bool, typer.Option("--as-dated", help="do not move the last day to today")] = False,  # noqa: FBT002 a switch
) -> None:
    """Send a weight log as a scale does: through the broker, until every reading has its receipt.

    `vigie ingest` (or `vigie up`) must run on the same database and broker. Patients nobody knows yet are enrolled.
    """
    from clinician_api.enrol import enrolment
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings
    from simulator import replay as replaying

    with outcome.explained(), stack.ready_servers(read_settings()) as settings:
        clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
        try:
            planned = replaying.plan(
                settings,
                path=log,
                now=clock.now(),
                site=site,
                device_id=device,
                patient_id=patient,
                as_dated=as_dated,
            )
            print(planned)
            with database.connect(stack.url(settings)) as conn:
                enrolment.enrol(conn, planned.new_patients, now=clock.now())
                enrolment.lend_named_scales(conn, planned.new_patients, now=clock.now())
            print(replaying.replay(settings, planned=planned, clock=clock))
        except replaying.ReplayError as error:
            raise outcome.CommandError(str(error)) from None


@simulate.command()
def scenario(
    name: Annotated[str, typer.Argument(help="such as fast-gain; `list` prints them all")],
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Live through a story of six days at the clock's rate; status 1 if it does not end in the episodes expected.

    VIGIE_CLOCK=rate=8640 vigie up   (and, in another terminal, with the same VIGIE_CLOCK)
    VIGIE_CLOCK=rate=8640 vigie simulate scenario fast-gain
    """
    from deploy import outcome
    from deploy.servers import stack
    from deploy.simulated import scenario as simulated
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    if name not in simulated.NAMES:
        print("\n".join(simulated.NAMES))
        if name == "list":
            return
        raise typer.BadParameter(f"no scenario {name!r}", param_hint="NAME")
    with outcome.explained(), stack.ready_servers(read_settings()) as settings:
        clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
        simulated.run(settings, name, seed=seed, clock=clock)


@bench.command()
def latency() -> None:
    """From publish to receipt, to episode, to screen: median and p99 at 1 and at 200 readings a second."""
    from deploy import outcome
    from deploy.bench import latency as measurement

    with outcome.explained():
        try:
            print(json.dumps(measurement.run()))
        except measurement.BenchError as error:
            raise outcome.CommandError(str(error)) from None


@bench.command()
def calibration(
    seed: Annotated[int, typer.Option(min=0)] = 1,
    patient_years: Annotated[int, typer.Option(min=100, max=100_000)] = 3000,
) -> None:
    """Rules with a published field result, on the simulator, beside that result."""
    from deploy.bench import calibration

    typer.echo(json.dumps(calibration.run(seed=seed, patient_years=patient_years), allow_nan=False))


@bench.command()
def detection(
    seed: Annotated[int, typer.Option(min=0)] = 1,
    patient_years: Annotated[int, typer.Option(min=100, max=100_000, help="in each world")] = 1000,
) -> None:
    """Every detector at 0.5, 1, 2 and 4.2 false alerts per patient-year, in several worlds, with intervals."""
    from deploy.bench import detection

    measured = detection.run(seed=seed, patient_years=patient_years, say=_progress)
    typer.echo(json.dumps(measured, allow_nan=False))


@bench.command()
def detect(
    seed: Annotated[int, typer.Option(min=0)] = 1,
    patients: Annotated[int, typer.Option(min=1000, max=1_000_000)] = 100_000,
) -> None:
    """The speed of each detector on one core, beside a plain numpy MACD and a scipy Theil-Sen."""
    from deploy.bench import detect

    typer.echo(json.dumps(detect.run(patients=patients, seed=seed, say=_progress), allow_nan=False))


@bench.command()
def fit(
    seed: Annotated[int, typer.Option(min=0)] = 11,
    count: Annotated[int, typer.Option("--worlds", min=1, max=1000, help="drawn at random")] = 480,
    patients: Annotated[int, typer.Option(min=10, max=10_000, help="patient-years of each world")] = 100,
) -> None:
    """The weights of Vigie's own detector, fitted anew to drawn worlds; minutes."""
    from deploy.bench import fit

    typer.echo(json.dumps(fit.fit(count=count, patients=patients, seed=seed), allow_nan=False))


def _progress(said: str) -> None:
    typer.echo(said, err=True)
