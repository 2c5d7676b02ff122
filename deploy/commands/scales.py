"""`vigie scales`, `vigie lend`: which scales are about, and whose are they?"""

import sys
from typing import TYPE_CHECKING, Annotated, LiteralString

import typer

if TYPE_CHECKING:  # a fast `vigie --help`
    from ingest.discovery.announcements import Found

app = typer.Typer()

UNKNOWN: LiteralString = """
SELECT site, device_id, to_char(first_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM device_sighting
WHERE NOT EXISTS (SELECT FROM device_loan WHERE device_loan.site = device_sighting.site
                  AND device_loan.device_id = device_sighting.device_id AND returned_at IS NULL)
ORDER BY last_seen_at DESC
"""


NOT_FETCHED: LiteralString = """
SELECT user_id, coalesce(problem, CASE WHEN refresh_token IS NULL THEN 'nobody has consented: `vigie withings`'
                                       ELSE 'not yet' END)
FROM withings_account WHERE told > fetched ORDER BY user_id
"""


@app.command()
def scales() -> None:
    """Say which scales nobody has on loan, and which topics devices announced to Home Assistant as weights.

    What an unknown scale sends is kept; lent from the day it was first heard, it brings that along. See docs/scales.md.
    """
    from deploy import outcome
    from deploy.servers import stack
    from ingest.discovery import announcements
    from schemas import database
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        for site, device_id, since in conn.execute(UNKNOWN):
            print(f"a scale nobody knows: {site} / {device_id}, first heard {since}")
        for found in announcements.known(conn).found:
            line = f"announced: {found.topic} in {found.unit}, {_how(found)}"
            print("".join(character if character.isprintable() else "?" for character in line))
        for user_id, problem in conn.execute(NOT_FETCHED):
            print(f"Withings {user_id}, not fetched: {problem}")


def _how(found: "Found") -> str:
    if found.dialect is None:
        return f"not read: {found.problem}"
    name = f" / {found.device_id}" if found.device_id else ""
    return f"read as {found.dialect}{name}{f', WRONGLY: {found.problem}' if found.problem else ''}"


@app.command()
def withings(user_id: Annotated[str, typer.Argument(help="the user's id with Withings")]) -> None:
    """Keep a patient's consent with Withings: the refresh token, asked for or read from a pipe. See docs/scales.md.

    From then on what Withings tells of is fetched, and now what it has already.
    """
    from deploy import outcome
    from deploy.servers import stack
    from ingest.web import withings_fetch
    from schemas import database
    from schemas.clock import real_now
    from schemas.settings import read_settings

    if not (user_id.isascii() and user_id.isdigit() and len(user_id) <= 20):
        raise typer.BadParameter("must be a number of at most 20 digits")
    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        token: str = typer.prompt("Refresh token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
        if not token.strip():
            raise outcome.CommandError("a consent is a refresh token")
        withings_fetch.consent(conn, user_id, refresh_token=token.strip(), now=real_now())
    print(f"what Withings has of {user_id} is fetched as soon as `vigie webhook` runs")


@app.command()
def lend(
    site: str,
    device_id: str,
    patient: Annotated[str, typer.Argument(help="the patient's pseudonym, patient_id")],
    since: Annotated[
        str | None, typer.Option(help="from when on its readings are the patient's, like 2026-11-22T00:00:00+01:00")
    ] = None,
) -> None:
    """Lend a scale, named as `vigie scales` names it, from now on or from a day before.

    What it sent since that day while nobody knew it becomes the patient's. Whoever has it now returns it.

    vigie lend ble 5C:CA:D3:4C:EE:74 p-17 --since 2026-11-20T00:00:00+01:00
    """
    from clinician_api.enrol import enrolment
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database, rfc3339
    from schemas.clock import ClockSetting, open_clock
    from schemas.patient import LentScale
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        now = open_clock(ClockSetting.parse(settings.clock), home=settings.home).now()
        try:
            start = rfc3339.parse(since) if since else now
        except rfc3339.NotAnInstantError as error:
            raise outcome.CommandError(f"--since {error}") from None
        lent = enrolment.lend(conn, LentScale(site=site, device_id=device_id), patient_id=patient, since=start, now=now)
        if lent is None:
            raise outcome.CommandError(f"there is no patient {patient}: `vigie import` or the dashboard enrols")
    print(f"{site} / {device_id} is lent to {patient} since {lent:%Y-%m-%dT%H:%M:%SZ}")
