"""`vigie contact`, `remind`, `canary`: who is told of what is no alert, and whether alerts arrive at all."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal, LiteralString

import typer

if TYPE_CHECKING:  # a fast `vigie --help`
    from schemas.clock import Clock
    from schemas.database import Connection

app = typer.Typer()

SET_CONTACT: LiteralString = """
INSERT INTO contact (duty, url, language) VALUES (%(duty)s, %(url)s, %(language)s)
ON CONFLICT (duty) DO UPDATE SET url = excluded.url, language = excluded.language
"""
REMIND: LiteralString = """
INSERT INTO patient_reminder (patient_id, url, at, language, agreed_at)
SELECT patient_id, %(url)s, %(at)s, %(language)s, %(now)s FROM patient WHERE patient_id = %(patient_id)s
ON CONFLICT (patient_id) DO UPDATE SET url = excluded.url, at = excluded.at, language = excluded.language,
                                       agreed_at = excluded.agreed_at
"""
REMIND_NO_MORE: LiteralString = "DELETE FROM patient_reminder WHERE patient_id = %(patient_id)s"
Language = Annotated[Literal["fr", "en"], typer.Option()]


@app.command()
def contact(
    duty: Annotated[
        Literal["operations", "technical"],
        typer.Argument(help="operations: programs and channels that fail; technical: scales that are silent"),
    ],
    notify_url: Annotated[str, typer.Option(help="an apprise address")],
    language: Language = "fr",
) -> None:
    """Who is told though no clinician: of our own failures, of silent scales."""
    with _database() as (conn, _):
        conn.execute(SET_CONTACT, {"duty": duty, "url": notify_url, "language": language})
    print(f"{duty} is told there")


@app.command()
def remind(
    patient_id: Annotated[str, typer.Argument(help="who asked for it")],
    notify_url: Annotated[str | None, typer.Option(help="the patient's SMS: an apprise address; none: no more")] = None,
    at: Annotated[str, typer.Option(help="by the patient's clock")] = "10:00",
    language: Language = "fr",
) -> None:
    """Remind a patient who wishes it to weigh, on mornings without a weight; without an address, no more."""
    from deploy.outcome import CommandError

    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", at):
        raise typer.BadParameter("write the hour as 10:00", param_hint="--at")
    with _database() as (conn, clock):
        values = {"patient_id": patient_id, "url": notify_url, "at": at, "language": language, "now": clock.now()}
        if conn.execute(REMIND if notify_url else REMIND_NO_MORE, values).rowcount != 1:
            raise CommandError(f"{patient_id} is not enrolled" if notify_url else f"{patient_id} had no reminder")
    print(f"{patient_id} is reminded at {at}" if notify_url else f"{patient_id} is reminded no more")


@app.command()
def canary(
    notify_url: Annotated[
        str | None, typer.Option(help="where its alerts must arrive: an apprise address; none: VIGIE_CANARY_URL")
    ] = None,
) -> None:
    """A synthetic patient, weighed by MQTT every morning at 6:30, ill on Mondays and Thursdays; runs until a signal.

    Operations (the page On duty, or vigie contact) is paged if its alert is not handed over within 15 minutes. No
    screen shows it.
    """
    from deploy import canary as deployed
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database, logs
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with outcome.explained():
        given = read_settings()
        url = notify_url or (given.canary_url.get_secret_value() if given.canary_url else None)
        if url is None:
            raise outcome.CommandError("where must its alerts arrive? Give --notify-url, or set VIGIE_CANARY_URL")
        logs.configure(service="canary", log_format=given.log_format)
        with stack.ready_servers(given) as settings:
            clock = open_clock(ClockSetting.parse(settings.clock), home=settings.home)
            with database.connect(stack.url(settings)) as conn:
                deployed.enrol(conn, notify_url=url, clock=clock)
            deployed.run(settings, clock)


@contextmanager
def _database() -> Iterator[tuple["Connection", "Clock"]]:
    from deploy import outcome
    from deploy.servers import stack
    from schemas import database
    from schemas.clock import ClockSetting, open_clock
    from schemas.settings import read_settings

    with (
        outcome.explained(),
        stack.migrated_database(read_settings()) as settings,
        database.connect(stack.url(settings)) as conn,
    ):
        yield conn, open_clock(ClockSetting.parse(settings.clock), home=settings.home)
