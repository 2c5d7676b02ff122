"""How long did it take while anybody was at work? By the hours of the patient's team, and French public holidays."""

from datetime import datetime, timedelta

from psycopg import Cursor

from schemas import duty, rosters
from schemas.database import Connection
from schemas.duty import Team

CLINIC = Team(name="-")
"""Of patients without a team, whose alerts are told at any hour: Monday to Friday, 8:00 to 18:00, without holidays."""
LONGEST = timedelta(days=400)
"""Nothing is counted further: an alert that waited a year is long enough."""


def teams(conn: Connection) -> dict[int | None, Team]:
    """Each team with its hours as of now; under None those of patients without a team.

    Raises:
        ValueError: a stored team is not one.
    """
    return read_teams(rosters.ask_teams(conn))


def read_teams(rows: Cursor[tuple[object, ...]]) -> dict[int | None, Team]:
    """The same of what was asked for before."""
    return dict[int | None, Team]({None: CLINIC}) | rosters.read_teams(rows)


def last_closure(now: datetime) -> tuple[datetime, datetime]:
    """When the clinic closed last and opened again; it is closed until `now` if it has not opened since."""
    spans = sorted(duty.working_spans(CLINIC, now - timedelta(days=14), now))
    opened = next((opens for opens, closes in reversed(spans) if opens <= now < closes), now)
    closed = max((closes for _, closes in spans if closes <= opened), default=now - timedelta(days=14))
    return closed, opened


def between(since: datetime, until: datetime, *, team: Team = CLINIC) -> timedelta:
    """The team's working time between two instants."""
    return duty.worked(team, since, min(until, since + LONGEST))
