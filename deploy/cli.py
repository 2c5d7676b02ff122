"""The command `vigie`: which subcommands are there? Each imports its program only when it is asked for."""

import signal
import sys

# Ctrl-C while the rest is imported ends us at once, without a traceback; a shell's background job ignores it as before.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import typer

from deploy.commands import (
    doctor,
    duty,
    history,
    judgement,
    measurements,
    people,
    reach,
    report,
    scales,
    services,
    simulation,
)

app = typer.Typer(
    name="vigie",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
simulation.bench.registered_commands.extend(measurements.app.registered_commands)
for family in (services, history, judgement, people, duty, reach, report, scales, simulation, doctor):
    app.registered_commands.extend(family.app.registered_commands)
    app.registered_groups.extend(family.app.registered_groups)


@app.callback()
def name_the_misspelt(context: typer.Context) -> None:
    """Vigie watches the daily weight of heart-failure patients at home, and tells a clinician in time."""
    from schemas import settings

    if context.invoked_subcommand != "doctor":  # which says it among the rest
        for sentence in settings.misspelt():
            print(f"vigie: {sentence}", file=sys.stderr)


def main() -> None:
    """The console script."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app(prog_name="vigie")


if __name__ == "__main__":
    main()
