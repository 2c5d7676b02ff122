"""`vigie simulate`, `bench`: scales without patients."""

import json
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
    from deploy import outcome, simulated_cohort, stack
    from schemas import logs
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        given = read_settings()
        logs.configure(service="simulator", log_format=given.log_format)
        with stack.servers(given) as settings:
            stack.bring_up_to_date(given, settings)
            clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
            people = simulated_cohort.Cohort(patients=patients, days=days, seed=seed)
            simulated_cohort.run(settings, people, clock)


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
    patients: Annotated[int, typer.Option(min=100, max=10_000, help="patient-years of each world")] = 800,
) -> None:
    """The weights of Vigie's own detector, fitted anew to the simulated worlds; minutes."""
    from deploy.bench import fit

    typer.echo(json.dumps(fit.fit(patients=patients, seed=seed), allow_nan=False))


def _progress(said: str) -> None:
    typer.echo(said, err=True)
