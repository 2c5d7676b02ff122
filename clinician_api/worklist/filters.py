"""Which patients does this user want to see? A choice that is kept for the next visit."""

from typing import Annotated, Literal, LiteralString

from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clinician_api.language import message
from schemas.alert import Severity
from schemas.database import Connection

Weighed = Literal["", "today", "silent"]


class Filter(BaseModel):
    """Empty fields let everybody through."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    severity: Literal["", "watch", "alert", "alarm"] = ""
    """This one, and what is worse."""
    owner: Literal["", "me", "nobody"] = ""
    weighed: Weighed = ""
    tag: Annotated[str, Field(max_length=40)] = ""
    team: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @property
    def severities(self) -> list[Severity] | None:
        known: dict[str, list[Severity]] = {"alarm": ["alarm"], "alert": ["alarm", "alert"]}
        return known.get(self.severity)

    @property
    def is_open(self) -> bool:
        """Whether everybody is shown."""
        return self == Filter()


Choice = tuple[str, str]
CHOICES: dict[str, tuple[str, list[Choice]]] = {
    "severity": (
        message("Severity"),
        [("", message("all")), ("alert", message("alerts and alarms")), ("alarm", message("alarms only"))],
    ),
    "owner": (
        message("Taken by"),
        [("", message("anybody or nobody")), ("nobody", message("nobody")), ("me", message("me"))],
    ),
    "weighed": (
        message("Last weight"),
        [("", message("at any time")), ("today", message("today")), ("silent", message("none for 2 days"))],
    ),
}
"""What the form offers: label, and for each value what it is called."""

KEPT: LiteralString = "SELECT filter FROM worklist_filter WHERE user_id = %(user_id)s"
KEEP: LiteralString = """
INSERT INTO worklist_filter (user_id, filter) VALUES (%(user_id)s, %(filter)s)
ON CONFLICT (user_id) DO UPDATE SET filter = excluded.filter
"""


def kept(conn: Connection, user_id: int) -> Filter:
    """What the user chose last; one that an older version wrote is forgotten."""
    row = conn.execute(KEPT, {"user_id": user_id}).fetchone()
    try:
        return Filter.model_validate(row[0]) if row else Filter()
    except ValidationError:
        return Filter()


def keep(conn: Connection, chosen: Filter, *, user_id: int) -> None:
    conn.execute(KEEP, {"user_id": user_id, "filter": Jsonb(chosen.model_dump())})
