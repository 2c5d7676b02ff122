"""`vigie explain`, `budget`, `shadow`: why an alert was raised, and which detector shall raise the next."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def explain(
    episode: Annotated[int, typer.Argument(min=1, help="its number, as in the notification")],
    from_readings: Annotated[  # noqa: FBT002 a switch
        bool, typer.Option("--from-readings", help="compute it from the stored readings of then, too")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,  # noqa: FBT002 a switch
) -> None:
    """Show why an episode was raised, and compute it again: status 1 if anything differs to the last digit."""
    from alerts import explain_command
    from alerts.explain_command import UnknownEpisodeError
    from alerts.explanation import UnexplainableError
    from deploy import outcome, stack
    from schemas import database
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        try:
            differing = explain_command.explain(conn, episode, readings_too=from_readings, as_json=as_json)
        except (UnknownEpisodeError, UnexplainableError) as error:
            raise outcome.CommandError(str(error)) from None
        if differing:
            raise outcome.CommandError(f"episode {episode} is not what it is when computed again: {differing[0]}")
