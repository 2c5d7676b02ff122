"""Is the database up to date? Plain SQL files in name order, each applied once, remembered with its hash.

A file's first lines may say `-- no-transaction` (it holds one statement that refuses a transaction),
`-- only-with: timescaledb` or `-- only-without: timescaledb`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from schemas.database import Connection

FOLDER = Path(__file__).parent / "migrations"
LOCK: LiteralString = "SELECT pg_advisory_lock(hashtext('vigie.migrate'))"
UNLOCK: LiteralString = "SELECT pg_advisory_unlock(hashtext('vigie.migrate'))"
CREATE_LEDGER: LiteralString = """
CREATE TABLE IF NOT EXISTS migration (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)
"""
HAS_LEDGER: LiteralString = "SELECT to_regclass('migration') IS NOT NULL"
APPLIED: LiteralString = "SELECT name, sha256 FROM migration"
REMEMBER: LiteralString = "INSERT INTO migration (name, sha256) VALUES (%s, %s)"
EXTENSION_STATE: LiteralString = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb'),
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
"""


class MigrationError(Exception):
    """The database and this program's migrations do not fit together; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One file of `schemas/migrations`."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def in_transaction(self) -> bool:
        return "-- no-transaction" not in self.text

    def wanted(self, *, timescaledb: bool) -> bool:
        """Whether this file belongs to a database with, or without, the extension."""
        marker = re.search(r"^-- (only-with|only-without): timescaledb$", self.text, re.MULTILINE)
        return marker is None or (marker[1] == "only-with") == timescaledb


def migrations() -> list[Migration]:
    """All migrations, in the order in which they are applied."""
    return [Migration(name=path.stem, text=path.read_text()) for path in sorted(FOLDER.glob("*.sql"))]


def migrate(conn: Connection) -> Iterator[str]:
    """Bring the database up to date, yielding the name of each file once it is applied.

    Two programs may call this at once: the second waits, and finds nothing left to do.

    Raises:
        MigrationError: the database is newer than this program, or a file changed after it was applied.
    """
    conn.autocommit = True
    conn.execute(LOCK)
    try:
        conn.execute(CREATE_LEDGER)
        applied = _applied(conn)
        _check(applied)
        timescaledb = _use_timescaledb(conn, applied)
        for migration in migrations():
            if migration.name not in applied and migration.wanted(timescaledb=timescaledb):
                _apply(conn, migration)
                yield migration.name
    finally:
        conn.execute(UNLOCK)


def pending(conn: Connection) -> list[str]:
    """The files that `migrate` would apply now; changes nothing.

    Raises:
        MigrationError: as for `migrate`.
    """
    if conn.execute(HAS_LEDGER).fetchone() == (False,):
        return [migration.name for migration in migrations()]
    applied = _applied(conn)
    _check(applied)
    installed, _ = conn.execute(EXTENSION_STATE).fetchone() or (False, False)
    timescaledb = bool(installed) and not _settled_without(applied)
    return [m.name for m in migrations() if m.name not in applied and m.wanted(timescaledb=timescaledb)]


def _applied(conn: Connection) -> dict[str, str]:
    return {str(name): str(sha256) for name, sha256 in conn.execute(APPLIED)}


def _check(applied: dict[str, str]) -> None:
    ours = {migration.name: migration.sha256 for migration in migrations()}
    if unknown := sorted(applied.keys() - ours.keys()):
        raise MigrationError(f"the database has {unknown[0]}, which this Vigie does not know: install a newer Vigie")
    if changed := sorted(name for name, sha256 in applied.items() if ours[name] != sha256):
        raise MigrationError(f"{changed[0]} was changed after it was applied here: restore the file as it was")


def _settled_without(applied: dict[str, str]) -> bool:
    """Whether this database began as plain PostgreSQL: an extension that appears later does not change its tables."""
    without = {migration.name for migration in migrations() if not migration.wanted(timescaledb=True)}
    return bool(without & applied.keys())


def _use_timescaledb(conn: Connection, applied: dict[str, str]) -> bool:
    """Whether readings become a hypertable: the extension is there, or is available and we may create it."""
    if _settled_without(applied):
        return False
    row = conn.execute(EXTENSION_STATE).fetchone()
    installed, available = row or (False, False)
    if installed or not available:
        return bool(installed)
    try:
        conn.execute("CREATE EXTENSION timescaledb")
    except psycopg.errors.InsufficientPrivilege:
        return False  # `vigie doctor` says so
    return True


def _apply(conn: Connection, migration: Migration) -> None:
    statements = migration.text.encode()  # our own files, never anyone's input
    if migration.in_transaction:
        with conn.transaction():
            conn.execute(statements)
            conn.execute(REMEMBER, (migration.name, migration.sha256))
    else:
        conn.execute(statements)
        conn.execute(REMEMBER, (migration.name, migration.sha256))
