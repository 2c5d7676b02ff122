"""`vigie duty who`, `vigie duty holes`: who would be told of an alert, and when nobody is on duty."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.alert import Urgency

if TYPE_CHECKING:  # a fast `vigie --help`
    from datetime import datetime

    from schemas.duty import Roster

app = typer.Typer()
duty_app = typer.Typer(help="Who is on duty; teams and shifts are entered in the dashboard.", no_args_is_help=True)
app.add_typer(duty_app, name="duty")

OneTeam = Annotated[str, typer.Option(help="this team alone, by its name")]


@dataclass(frozen=True, kw_only=True)
class Duties:
    """The teams asked for, everybody's names, and the programs' time."""

    rosters: "list[Roster]"
    names: dict[int, str]
    now: "datetime"


@duty_app.command()
def who(
    at: Annotated[str, typer.Argument(help="the team's day and time, such as 2026-11-29T03:00; none: now")] = "",
    severity: Annotated[Urgency, typer.Option()] = "alert",
    team: OneTeam = "",
) -> None:
    """Whom would an alert be told, raised now or at a given moment, if nobody took it?

    vigie duty who 2026-11-29T03:00 --severity alarm
    """
    from schemas import chain

    with _duties(team) as known:
        for roster in known.rosters:
            raised_at = _moment(at, roster) if at else known.now
            print(f"{roster.team.name}: {severity} raised {_said(raised_at, roster)}")
            forecast = chain.forecast(roster, severity, raised_at)
            for when, told in forecast:
                print(f"  {_said(when, roster)}  {', '.join(known.names[one] for one in told)}")
            if not forecast:
                print("  nobody: no one has an address that works (vigie user add … --notify-url)")


@duty_app.command()
def holes(team: OneTeam = "") -> None:
    """In which hours of the next 14 days is nobody on duty who can be reached?"""
    from schemas import duty

    with _duties(team) as known:
        for roster in known.rosters:
            found = duty.holes(roster, known.now, until=known.now + duty.AHEAD)
            print(f"{roster.team.name}: {len(found)} in the next 14 days")
            for hole in found:
                hours = "  in working hours" if hole.in_hours else ""
                print(f"  {_said(hole.since, roster)} to {_said(hole.until, roster)}{hours}")


@contextmanager
def _duties(name: str) -> Iterator[Duties]:
    """Without any team, the one of everybody.

    Raises:
        CommandError: there is no team of that name.
    """
    from clinician_api.duty import teams
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database, rosters
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        given = read_settings()
        now = open_clock(ClockSetting.parse(given.clock), home=given.home).now()
        with stack.migrated_database(given) as settings, database.connect(stack.url(settings)) as conn:
            known = rosters.rosters(conn, rosters.team_ids(conn), now=now)
            names = {person.user_id: person.display_name for person in teams.people(conn)}
        everybody = known.pop(None)
        chosen = [one for one in known.values() if name in {"", one.team.name}]
        if name and not chosen:
            teams_there = ", ".join(one.team.name for one in known.values()) or "none yet"
            raise outcome.CommandError(f"there is no team called {name}; there are: {teams_there}")
        yield Duties(rosters=chosen or [everybody], names=names, now=now)


def _moment(text: str, roster: "Roster") -> "datetime":
    from datetime import datetime

    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be a day and a time such as 2026-11-29T03:00", param_hint="AT") from None
    return given if given.tzinfo else given.replace(tzinfo=roster.team.zone)


def _said(at: "datetime", roster: "Roster") -> str:
    return f"{at.astimezone(roster.team.zone):%a %Y-%m-%d %H:%M}"
