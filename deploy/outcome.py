"""How does a command end? 0 done, 1 failed with one line that says what to do, 2 wrong usage."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from deploy.servers.embedded_broker import BrokerError
from deploy.servers.embedded_postgres import PostgresError
from deploy.servers.ports import PortTakenError
from deploy.servers.stack import NotMigratedError
from deploy.servers.unprivileged import CannotDropRootError
from schemas.history_csv import BadCsvError
from schemas.migrate import MigrationError
from schemas.settings import BadSettingsError


class CommandError(Exception):
    """A command cannot do what was asked; the message says why and what to do."""


EXPECTED = (
    BadCsvError,
    BadSettingsError,
    BrokerError,
    CannotDropRootError,
    CommandError,
    MigrationError,
    NotMigratedError,
    PortTakenError,
    PostgresError,
)


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error that an operator can act on into one line on stderr and status 1; others keep their traceback."""
    try:
        yield
    except EXPECTED as error:
        _fail(str(error))
    except psycopg.OperationalError as error:
        _fail(f"the database cannot be reached: {_first_line(error)}; check VIGIE_DATABASE_URL, or `vigie doctor`")
    except psycopg.Error as error:
        _fail(f"the database refused: {_first_line(error)}")
    except BrokenPipeError:
        raise
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _fail(sentence: str) -> None:
    print(f"vigie: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(1)
