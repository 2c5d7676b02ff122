"""`vigie import`, `export`, `backtest`: histories as files."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.numbers import finite

app = typer.Typer()
Readings = Annotated[Path, typer.Argument(metavar="READINGS.csv", help="patient_id,measured_at,weight_kg[,device_id]")]


@app.command("import")
def import_history(readings: Readings) -> None:
    """Bring a history into the database; again does no harm.

    Patients nobody knows yet are enrolled. The whole file is read first: one bad row, and nothing is stored.
    """
    from deploy import history_import, outcome
    from deploy.servers import stack
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        settings = read_settings()
        clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
        with stack.migrated_database(settings) as ready:
            print(history_import.run(stack.url(ready), readings, now=clock.now()))


@app.command()
def export(readings: Annotated[Path, typer.Argument(metavar="READINGS.csv")]) -> None:
    """Write every stored reading to a file, in the order in which they were recorded."""
    from deploy import outcome
    from deploy.servers import stack
    from ingest.past import history
    from schemas import database
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        print(f"{history.export_csv(conn, readings)} readings written to {readings}")


@app.command()
def backtest(  # noqa: PLR0913, PLR0917 one for each option
    readings: Readings,
    events: Annotated[Path | None, typer.Option(metavar="EVENTS.csv", help="what really happened")] = None,
    detector: Annotated[str | None, typer.Option(metavar="NAME", help="another than Vigie's own")] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, callback=finite, help="false alerts per patient-year: sets the threshold")
    ] = None,
    alerts: Annotated[Path | None, typer.Option(metavar="OUT.csv", help="write what would have been raised")] = None,
    scores: Annotated[Path | None, typer.Option(metavar="OUT.csv", help="write the risk at every reading")] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT.svg|OUT.png", help="draw sensitivity against false alerts; needs --events"),
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="DETECTOR[:THRESHOLD]", help="and whose alerts would change with this one")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the report as one JSON object")] = False,  # noqa: FBT002 a switch
) -> None:
    """Run a detector over a history, as if each reading had just come in; needs no database.

    vigie backtest readings.csv --events events.csv --budget 2

    Weights are kilograms; a file that looks like pounds is told, not converted. A weight still to come, more than 300
    of a patient a day, or any other bad row ends it, with row and column. A million rows take about 0.8 GB of memory.
    """
    import gc

    from alerts.study import backtest_command
    from alerts.study.trial import BudgetError
    from deploy import outcome
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    gc.disable()  # millions of small objects and no cycles: looking for them took a quarter of the time
    with outcome.explained():
        settings = read_settings()
        clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
        try:
            backtest_command.backtest(
                readings,
                events_path=events,
                detector=detector,
                budget=budget,
                alerts_out=alerts,
                scores_out=scores,
                plot_out=plot,
                compare=compare,
                as_json=as_json,
                now=clock.now(),
            )
        except backtest_command.UnknownDetectorError as error:
            raise typer.BadParameter(str(error), param_hint="--detector or --compare") from None
        except (backtest_command.BadUsageError, backtest_command.BadSettingError) as error:
            raise typer.BadParameter(str(error)) from None
        except BudgetError as error:
            raise outcome.CommandError(str(error)) from None
