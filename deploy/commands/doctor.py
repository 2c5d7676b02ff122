"""`vigie doctor`."""

import typer

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Say what is installed, reachable and misconfigured; status 1 if Vigie cannot work so.

    Nothing is changed or started.
    """
    from deploy import doctor as examination
    from deploy import outcome
    from schemas.settings import read_settings

    with outcome.explained():
        lacking = 0
        for finding in examination.examine(read_settings()):
            lacking += finding.needed and not finding.fine
            mark = "ok  " if finding.fine else "FAIL" if finding.needed else "note"
            print(f"{mark}  {finding.subject:<12} {finding.sentence}")
        if lacking:
            raise outcome.CommandError(f"{lacking} of these must be repaired before Vigie works")
