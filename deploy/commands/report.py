"""`vigie report`: a month's activity, as files."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def report(
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="like 2026-10")],
    csv: Annotated[Path | None, typer.Option(metavar="OUT.csv", help="one line a patient")] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="OUT.pdf", help="to print and sign, in French")] = None,
    team: Annotated[str, typer.Option(help="this team's patients alone, by its name")] = "",
) -> None:
    """Write a month's activity: days with a weight, alerts and reviews of each patient, by pseudonym.

    vigie report 2026-10 --pdf 2026-10.pdf --csv 2026-10.csv
    """
    from clinician_api.language import Words
    from clinician_api.programme import activity, activity_files
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database, rosters
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    if csv is None and pdf is None:
        raise typer.BadParameter("name at least one file to write", param_hint="--csv or --pdf")
    with outcome.explained():
        given = read_settings()
        now = open_clock(ClockSetting.parse(given.clock), home=given.home).now()
        try:
            asked = activity.Month.parse(month, now=now)
        except activity.NoSuchMonthError as error:
            raise typer.BadParameter(str(error)) from None
        with stack.migrated_database(given) as settings, database.connect(stack.url(settings), service="api") as conn:
            named = [team_id for team_id, one in rosters.teams(conn).items() if team == one.name]
            if team and not named:
                raise outcome.CommandError(f"there is no team called {team}")
            rows = activity.of_month(conn, asked, team_id=named[0] if team else None)
        if csv:
            csv.write_text(activity_files.as_csv(rows))
        if pdf:
            pdf.write_bytes(activity_files.as_pdf(rows, asked, words=Words(language="fr"), now=now))
        print(f"{len(rows)} patients in {asked}")
