"""Was this very form recorded before, with other words? A double click says the same; a second tab may not."""

import hashlib
from collections.abc import Iterable
from typing import LiteralString

from schemas.database import Connection

SAME_ANYWAY = {"csrf", "request_id", "then"}
"""What a form may say otherwise and still be the same: `then` is where to go afterwards."""
CLAIM: LiteralString = """
INSERT INTO sent_form (request_id, digest) VALUES (%(request_id)s, %(digest)s) ON CONFLICT (request_id) DO NOTHING
"""
KNOWN: LiteralString = "SELECT digest = %(digest)s FROM sent_form WHERE request_id = %(request_id)s"
RELEASE: LiteralString = "DELETE FROM sent_form WHERE request_id = %(request_id)s"
# A session lasts 12 hours, and a form is its session's.
SWEEP: LiteralString = "DELETE FROM sent_form WHERE at < now() - interval '13 hours'"


class SentBeforeError(Exception):
    """The form was recorded before with other words; `fields` are what it says now."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        super().__init__("sent before with other words")
        self.fields = fields


def claim(conn: Connection, request_id: str, fields: Iterable[tuple[str, str]]) -> bool:
    """True if the form is new; of two sent at once the second waits here for the first.

    Raises:
        SentBeforeError: it was recorded with other words.
    """
    said = list(fields)
    told = "\0".join(f"{name}={value}" for name, value in sorted(said) if name not in SAME_ANYWAY)
    values = {"request_id": request_id, "digest": hashlib.sha256(told.encode("utf-8", "replace")).digest()}
    if conn.execute(CLAIM, values).rowcount:
        return True
    if conn.execute(KNOWN, values).fetchone() == (False,):
        raise SentBeforeError(said)
    return False


def release(conn: Connection, request_id: str) -> None:
    """Nothing was recorded: corrected or confirmed, it may come again under its number."""
    conn.execute(RELEASE, {"request_id": request_id})


def sweep(conn: Connection) -> None:
    """Forget what no session can send again."""
    conn.execute(SWEEP)
