"""`vigie import`, `export`, `backtest`: histories as files."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
Readings = Annotated[Path, typer.Argument(metavar="READINGS.csv", help="patient_id,measured_at,weight_kg[,device_id]")]


@app.command("import")
def import_history(readings: Readings) -> None:
    """Bring a history into the database; again does no harm.

    Patients nobody knows yet are enrolled. The whole file is read first: one bad row, and nothing is stored.
    """
    from deploy import history_import, outcome, stack
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
    from deploy import outcome, stack
    from ingest import history
    from schemas import database
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        print(f"{history.export_csv(conn, readings)} readings written to {readings}")
