"""`vigie simulate`, `bench`: scales without patients."""

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
