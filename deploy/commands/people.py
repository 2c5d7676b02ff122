"""`vigie user add`: who may sign in."""

import sys
from typing import Annotated, Literal

import typer

app = typer.Typer()
user = typer.Typer(help="The people who sign in to the dashboard.", no_args_is_help=True)
app.add_typer(user, name="user")


@user.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="also the name to sign in with")],
    name: Annotated[str, typer.Option(help="as colleagues read it")],
    role: Annotated[Literal["nurse", "cardiologist"], typer.Option()],
    language: Annotated[Literal["fr", "en"], typer.Option()] = "fr",
    notify_url: Annotated[
        str | None, typer.Option(help="where alerts go: an apprise address, https://github.com/caronc/apprise")
    ] = None,
) -> None:
    """Add a person, or change one; the password is asked for, or read from a pipe.

    vigie user add claire@chu.example --name "Claire Roux" --role nurse --notify-url "mailtos://…"
    """
    from clinician_api.enrol import enrolment
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        enrolment.add_user(
            conn,
            email=email,
            display_name=name,
            role=role,
            password=_password(),
            language=language,
            notify_url=notify_url,
        )
    print(f"{email} may sign in as {role}")


def _password() -> str:
    """A password of at least 12 characters, asked twice on a terminal; never an argument, which `ps` shows."""
    from deploy.outcome import CommandError

    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < 12:
        raise CommandError("a password needs at least 12 characters")
    return password
