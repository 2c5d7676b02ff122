"""`vigie explain`, `budget`, `shadow`: why an alert was raised, and what another detector would raise."""

from typing import Annotated

import typer

from deploy.commands.numbers import finite

app = typer.Typer()
shadow = typer.Typer(help="A second detector on the same weights, for whom nobody is paged.", no_args_is_help=True)
app.add_typer(shadow, name="shadow")


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
    from alerts.judgement.explanation import UnexplainableError
    from deploy import outcome
    from deploy.servers import stack
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


@app.command()
def budget(
    target: Annotated[
        float,
        typer.Argument(metavar="X", min=0.05, max=50, callback=finite, help="false alerts per patient-year, at most"),
    ] = 1.0,
    detector: Annotated[str | None, typer.Option(metavar="NAME", help="another than Vigie's own")] = None,
    nurses: Annotated[int, typer.Option(min=1, help="who share the calls")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,  # noqa: FBT002 a switch
) -> None:
    """Solve the threshold for a budget of false alerts, and show its price; it is put in force by a signature.

    Solved on the clinic's own history; on simulated patients until there is enough of it. Patients whose plan names a
    threshold keep theirs.
    """
    import json

    from alerts.judgement import registry
    from alerts.study.trial import BudgetError
    from deploy import alarm_budget, outcome
    from deploy.servers import stack
    from schemas import database
    from schemas.clock import ClockSetting, open_clock
    from schemas.plan import DEFAULT_DETECTOR
    from schemas.settings import read_settings

    with outcome.explained():
        try:
            name = registry.named(detector or DEFAULT_DETECTOR).NAME
        except registry.UnknownDetectorError as error:
            raise typer.BadParameter(str(error), param_hint="--detector") from None
        given = read_settings()
        now = open_clock(ClockSetting.parse(given.clock), home=given.home).now()
        with stack.migrated_database(given) as settings, database.connect(stack.url(settings)) as conn:
            try:
                priced = alarm_budget.price(conn, detector=name, target=target, nurses=nurses, now=now)
            except BudgetError as error:
                raise outcome.CommandError(str(error)) from None
        if as_json:
            print(json.dumps(priced.as_json()))
        else:
            alarm_budget.show(priced)
            print(
                "Nothing was changed. A budget is put in force by a clinician's signature, kept with its reason:",
                end=" ",
            )
            print(f"{given.screens_url}/detection")


@shadow.command("compare")
def compare_shadow(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,  # noqa: FBT002 a switch
) -> None:
    """Set the shadow's alerts beside those of the detector that alerts, since the shadow began."""
    import json

    from deploy import outcome, shadow_report
    from deploy.servers import stack
    from schemas import database
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        names, comparison = shadow_report.compare(conn)
    if as_json:
        print(json.dumps({"alerting_detector": names[0], "shadow_detector": names[1]} | comparison.as_json()))
    else:
        shadow_report.show(names, comparison)
