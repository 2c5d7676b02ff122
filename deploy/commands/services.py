"""`vigie up`, `ingest`, `alerts`, `api`, `migrate`: the programs and their database."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # a fast `vigie --help`
    from schemas.clock import Clock
    from schemas.settings import Settings

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the database up to date; prints what it applied.

    Safe to repeat, and while another one runs.
    """
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database
    from schemas import migrate as migrations
    from schemas.settings import read_settings

    with outcome.explained(), stack.database_server(read_settings()) as settings:
        with database.connect(stack.url(settings)) as conn:
            for name in migrations.migrate(conn):
                print(f"applied {name}")
        print("the database is up to date")


@app.command()
def ingest(
    worker: Annotated[
        int | None, typer.Option(min=1, max=999, help="This worker's number, if several share the load: 1, 2, ...")
    ] = None,
    sites: Annotated[
        str, typer.Option(help="This worker's sites, comma-separated, where the broker cannot share (MQTT 3.1.1).")
    ] = "",
    replay_raw: Annotated[  # noqa: FBT002 an option of the command line
        bool,
        typer.Option(
            "--replay-raw", help="Read refused messages and stored readings again with today's adapters, and end."
        ),
    ] = False,
) -> None:
    """Take readings from the broker into the database, in the foreground."""
    from deploy.processes import program

    if replay_raw:
        _run("ingest", program.replay_raw)
        return

    def run(settings: "Settings", clock: "Clock") -> None:
        given = {"worker": worker, "sites": [site for site in sites.split(",") if site]}
        part = settings.ingest.model_copy(update={name: value for name, value in given.items() if value})
        program.ingest(settings.model_copy(update={"ingest": part}), clock)

    _run("ingest", run)


@app.command()
def webhook() -> None:
    """Take readings by HTTP at VIGIE_WEBHOOK_HOST:VIGIE_WEBHOOK_PORT, in the foreground; see docs/scales.md."""
    from deploy.processes import program

    _run("webhook", program.webhook)


@app.command()
def alerts() -> None:
    """Assess readings, open episodes and notify people, in the foreground."""
    from deploy.processes import program

    _run("alerts", program.alerts)


@app.command()
def api() -> None:
    """Serve the dashboard at VIGIE_API_HOST:VIGIE_API_PORT, in the foreground."""
    from deploy.processes import program

    _run("api", program.api)


@app.command()
def up() -> None:
    """Run ingest, alerts and the dashboard, and what is embedded, until Ctrl-C.

    A program that dies is started again.

    Without VIGIE_DATABASE_URL and VIGIE_BROKER_URL, a PostgreSQL and a broker of our own run too, in VIGIE_HOME.
    """
    from deploy import outcome
    from deploy.processes import up as all_programs
    from schemas.settings import read_settings

    with outcome.explained():
        all_programs.run(read_settings())


def _run(name: str, program: "Callable[[Settings, Clock], None]") -> None:
    from deploy import outcome
    from deploy.servers import stack
    from schemas import logs
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        given = read_settings()
        logs.configure(service=name, log_format=given.log_format)
        with stack.ready_servers(given) as settings:
            program(settings, open_clock(ClockSetting.parse(settings.clock), home=settings.home))
