"""`vigie explain`, `budget`, `shadow`: why an alert was raised, and which detector shall raise the next."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # a fast `vigie --help`
    from alerts.judgement.choice import Duty

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


@app.command()
def budget(
    target: Annotated[
        float, typer.Argument(metavar="X", min=0.05, max=50, help="false alerts per patient-year, at most")
    ] = 1.0,
    detector: Annotated[str | None, typer.Option(metavar="NAME", help="another than Vigie's own")] = None,
    nurses: Annotated[int, typer.Option(min=1, help="who share the calls")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="alert by this threshold from now on")] = False,  # noqa: FBT002 a switch
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,  # noqa: FBT002 a switch
) -> None:
    """Solve the threshold for a budget of false alerts, and show its price; with --keep the worker uses it.

    Solved on the clinic's own history; on simulated patients until there is enough of it. Patients whose plan names a
    threshold keep theirs.
    """
    import json

    from alerts.judgement import choice, registry
    from alerts.study.trial import BudgetError
    from deploy import alarm_budget, outcome, stack
    from schemas import database
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        try:
            name = registry.named(detector or choice.RECOMMENDED).NAME
        except registry.UnknownDetectorError as error:
            raise typer.BadParameter(str(error), param_hint="--detector") from None
        given = read_settings()
        now = open_clock(ClockSetting.parse(given.clock), home=given.home).now()
        with stack.migrated_database(given) as settings, database.connect(stack.url(settings)) as conn:
            try:
                priced = alarm_budget.price(conn, detector=name, target=target, nurses=nurses, now=now)
            except BudgetError as error:
                raise outcome.CommandError(str(error)) from None
            if keep:
                alarm_budget.keep(conn, priced, now=now)
        if as_json:
            print(json.dumps(priced.as_json()))
        else:
            alarm_budget.show(priced)
            print("The worker alerts by it from now on." if keep else "Nothing was changed; --keep puts it to work.")


@shadow.command("start")
def start_shadow(
    detector: Annotated[str, typer.Argument(metavar="DETECTOR[:THRESHOLD]", help="like macd, or macd:1.2")],
) -> None:
    """Run a detector in the shadow from now on, in place of any other one."""
    from alerts.judgement.choice import BadSettingError, setting
    from alerts.judgement.registry import UnknownDetectorError

    try:
        duty = setting(detector)
    except (UnknownDetectorError, BadSettingError) as error:
        raise typer.BadParameter(str(error)) from None
    _shadow(duty)
    print(f"{detector} runs in the shadow from now on; compare with: vigie shadow compare")


@shadow.command("stop")
def stop_shadow() -> None:
    """Run no detector in the shadow; what it has said stays."""
    _shadow(None)
    print("no detector runs in the shadow")


@shadow.command("compare")
def compare_shadow(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,  # noqa: FBT002 a switch
) -> None:
    """Set the shadow's alerts beside those of the detector that alerts, since the shadow began."""
    import json

    from deploy import outcome, shadow_report, stack
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


def _shadow(duty: "Duty | None") -> None:
    from alerts import choice_store
    from deploy import outcome, stack
    from schemas import database
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        given = read_settings()
        now = open_clock(ClockSetting.parse(given.clock), home=given.home).now()
        with stack.migrated_database(given) as settings, database.connect(stack.url(settings)) as conn:
            choice_store.shadow(conn, duty, now=now)
