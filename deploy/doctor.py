"""What is installed, reachable and misconfigured? Findings in plain words; nothing stays changed or started."""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import LiteralString

import psycopg

from deploy.servers import broker_probe, embedded_postgres, stack
from deploy.servers.embedded_broker import mosquitto_program
from schemas import database, migrate
from schemas.clock import ClockSetting
from schemas.database import Connection
from schemas.heartbeat import ENDED, WORKER
from schemas.settings import Settings, misspelt

SERVER: LiteralString = "SELECT current_setting('server_version'), current_setting('server_version_num')::int"
OLDEST_SERVER = 15_00_00  # NULLS NOT DISTINCT
EXTENSION: LiteralString = """
SELECT installed_version FROM pg_available_extensions WHERE name = 'timescaledb'
"""
HYPERTABLE: LiteralString = "SELECT EXISTS (SELECT FROM migration WHERE name LIKE '0003_timescale%')"
ROLES: LiteralString = """
SELECT coalesce(array_agg(name), '{}') FROM unnest(ARRAY['vigie_ingest', 'vigie_alerts', 'vigie_api']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name AND pg_has_role(current_user, oid, 'MEMBER'))
"""
TOLD: LiteralString = "SELECT DISTINCT told_of.of FROM told_of"
HEARTBEATS: LiteralString = """
SELECT service, extract(epoch FROM now() - at)::float8, detail FROM heartbeat ORDER BY service
"""
SILENT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report; `needed` and not `fine` means Vigie cannot work so."""

    subject: str
    fine: bool
    sentence: str
    needed: bool = True


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, in the order in which one would repair it."""
    yield Finding(subject="Python", fine=True, sentence=platform.python_version())
    for sentence in misspelt():
        yield Finding(subject="settings", fine=False, needed=False, sentence=sentence)
    yield _home(settings)
    yield _clock(settings)
    yield from _database(settings)
    yield from _broker(settings)
    yield from _for_tests()


def _home(settings: Settings) -> Finding:
    folder = settings.home.resolve()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        TemporaryDirectory(dir=nearest).cleanup()  # to root every folder looks writable, /proc too
    except OSError as error:
        fine, sentence = False, f"{folder} cannot be used ({error.strerror}): set VIGIE_HOME to a folder of yours"
    else:
        fine, sentence = True, f"{folder}"
    embedded = settings.database_url is None or settings.broker_url is None
    return Finding(subject="VIGIE_HOME", fine=fine, sentence=sentence, needed=embedded)


def _clock(settings: Settings) -> Finding:
    setting = ClockSetting.parse(settings.clock)
    if setting == ClockSetting():
        return Finding(subject="clock", fine=True, sentence="the machine's own")
    return Finding(
        subject="clock",
        fine=False,
        needed=False,
        sentence=f"VIGIE_CLOCK makes it run {setting.rate:g} times as fast: for demonstrations only",
    )


def _database(settings: Settings) -> Iterator[Finding]:
    server = embedded_postgres.EmbeddedPostgres(settings.home / "postgres")
    if settings.database_url is None and not server.is_running():
        yield Finding(subject="database", fine=True, sentence="embedded PostgreSQL, started when a program needs it")
        return
    try:
        with database.connect(stack.url(settings) if settings.database_url else server.url) as conn:
            yield from _server(conn)
            if conn.execute(migrate.HAS_LEDGER).fetchone() == (True,) and not migrate.pending(conn):
                yield from _programs(conn)
                yield from _upkeep(conn)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        yield Finding(subject="database", fine=False, sentence=f"not reachable: {reason}; check VIGIE_DATABASE_URL")


def _server(conn: Connection) -> Iterator[Finding]:
    version, number = conn.execute(SERVER).fetchone() or ("", 0)
    fine = isinstance(number, int) and number >= OLDEST_SERVER
    yield Finding(
        subject="database", fine=fine, sentence=f"PostgreSQL {version}{'' if fine else ': 15 or newer needed'}"
    )
    try:
        behind = migrate.pending(conn)
    except migrate.MigrationError as error:
        yield Finding(subject="migrations", fine=False, sentence=str(error))
        return
    if behind:
        yield Finding(subject="migrations", fine=False, sentence=f"{len(behind)} to apply: run `vigie migrate`")
        return
    yield Finding(subject="migrations", fine=True, sentence="up to date")
    yield _timescaledb(conn)
    (missing,) = conn.execute(ROLES).fetchone() or ([],)
    assert isinstance(missing, list)
    sentence = "each program has only its own rights"
    if missing:
        sentence = f"this login may not become {', '.join(missing)}: all programs have all its rights"
    yield Finding(subject="roles", fine=not missing, sentence=sentence, needed=False)


def _timescaledb(conn: Connection) -> Finding:
    installed = conn.execute(EXTENSION).fetchone()
    used = conn.execute(HYPERTABLE).fetchone() == (True,)
    sentence = f"TimescaleDB {installed[0]}" if used and installed else "plain tables; the extension was not there"
    if installed and not used:
        sentence = "available, but this database began without it: plain tables, which work the same"
    return Finding(subject="TimescaleDB", fine=True, sentence=sentence)


def _programs(conn: Connection) -> Iterator[Finding]:
    beats = conn.execute(HEARTBEATS).fetchall()
    if not beats:
        yield Finding(subject="programs", fine=False, needed=False, sentence="none has run yet: `vigie up`")
    for service, age, detail in beats:
        assert isinstance(age, float)
        if detail == ENDED and str(service).startswith(WORKER):
            continue
        silent = age > SILENT_SECONDS or detail == ENDED
        sentence = f"not running: last heard of {age:.0f} s ago" if silent else str(detail)
        yield Finding(subject=str(service), fine=not silent and detail == "ok", needed=not silent, sentence=sentence)


def _upkeep(conn: Connection) -> Iterator[Finding]:
    told = {row[0] for row in conn.execute(TOLD).fetchall()}
    for duty, news in (("operations", "Vigie itself fails"), ("technical", "a scale falls silent")):
        sentence = f"somebody is told when {news}"
        if duty not in told:
            sentence = f"nobody is told when {news}: page On duty, or `vigie contact {duty}`"
        yield Finding(subject=duty, fine=duty in told, needed=False, sentence=sentence)


def _broker(settings: Settings) -> Iterator[Finding]:
    url = settings.broker_url
    if url is None:
        program = mosquitto_program()
        kind = (
            f"mosquitto ({program})" if program else "the one in the iotcore wheel (MQTT 3.1.1, nothing kept on disk)"
        )
        yield Finding(subject="broker", fine=True, sentence=f"embedded: {kind}")
        return
    port = url.port or (8883 if url.scheme == "mqtts" else 1883)
    try:
        for answer in broker_probe.probe(url, settings.broker):
            yield Finding(subject="broker", fine=answer.fine, sentence=answer.sentence, needed=answer.needed)
    except OSError as error:
        sentence = f"{url.host}:{port} is not reachable: {error}; check VIGIE_BROKER_URL"
        yield Finding(subject="broker", fine=False, sentence=sentence)


def _for_tests() -> Iterator[Finding]:
    for name, found, use in (
        ("mosquitto", mosquitto_program(), "the tests, and an embedded broker that keeps its queues on disk"),
        ("chromium", shutil.which("chromium"), "the tests in a browser"),
        ("node", shutil.which("node") and shutil.which("npm"), "the tests against TimescaleDB"),
    ):
        sentence = found or f"not installed; for {use}"
        yield Finding(subject=name, fine=bool(found), needed=False, sentence=sentence)
