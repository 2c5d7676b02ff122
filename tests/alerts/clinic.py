"""A small clinic in a real database: patients, their weights, users; all by plain SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from schemas.database import Connection

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

ADD_PATIENT: LiteralString = "INSERT INTO patient (patient_id, enrolled_at) VALUES (%s, %s)"
ADD_READING: LiteralString = """
INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,
                     quarantine_reason, source, raw)
VALUES ('home', %(patient_id)s, NULL, %(patient_id)s, %(at)s, %(recorded_at)s, %(recorded_at)s, %(kg)s,
        %(quarantine)s, 'test', '')
"""
BUMP: LiteralString = """
INSERT INTO latest_reading (patient_id, arrivals, measured_at, weight_kg) VALUES (%(patient_id)s, 1, NULL, NULL)
ON CONFLICT (patient_id) DO UPDATE SET arrivals = latest_reading.arrivals + 1
"""
ADD_USER: LiteralString = """
INSERT INTO app_user (email, display_name, role, password_hash, notify_url, language)
VALUES (%s, %s, %s, '-', %s, %s) RETURNING user_id
"""
CLOSE: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, author, at)
SELECT gen_random_uuid(), episode_id, 'close', 'false_food', (SELECT min(user_id) FROM app_user), %s
FROM episode WHERE closed_at IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class EpisodeSeen:
    patient_id: str
    cause: str
    severity: str
    events: tuple[str, ...]
    notifications: int


def add_patients(conn: Connection, patient_ids: Iterable[str], *, enrolled_at: datetime) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(ADD_PATIENT, [(patient_id, enrolled_at) for patient_id in patient_ids])
    conn.commit()


def add_user(
    conn: Connection, *, role: str = "nurse", notify_url: str | None = "json://127.0.0.1:9/", language: str = "fr"
) -> int:
    email = f"{role}-{language}-{hash(notify_url)}@vigie.example"
    row = conn.execute(ADD_USER, (email, "Camille Martin", role, notify_url, language)).fetchone()
    conn.commit()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def weigh(
    conn: Connection,
    patient_id: str,
    weights: Sequence[tuple[datetime, float]],
    *,
    recorded_at: datetime,
    quarantine: str | None = None,
) -> None:
    """Store readings as ingest does, and tell alerts."""
    rows = [
        {"patient_id": patient_id, "at": at, "kg": kg, "recorded_at": recorded_at, "quarantine": quarantine}
        for at, kg in weights
    ]
    with conn.cursor() as cursor:
        cursor.executemany(ADD_READING, rows)
    conn.execute(BUMP, {"patient_id": patient_id})
    conn.execute("SELECT pg_notify('vigie_reading', %s)", (patient_id,))
    conn.commit()


def mornings(last: datetime, weights: Sequence[float]) -> list[tuple[datetime, float]]:
    """One weight a day, the last at `last`."""
    return [(last - timedelta(days=len(weights) - 1 - index), kg) for index, kg in enumerate(weights)]


def set_plan(conn: Connection, patient_id: str, settings: dict[str, Any]) -> None:
    conn.execute(
        "INSERT INTO plan (patient_id, settings, recorded_at) VALUES (%s, %s, %s)", (patient_id, Jsonb(settings), NOW)
    )
    conn.commit()


def close_all(conn: Connection, *, at: datetime) -> None:
    conn.execute(CLOSE, (at,))
    conn.commit()


def episodes(conn: Connection) -> list[EpisodeSeen]:
    rows: list[Any] = conn.execute("""
        SELECT patient_id, cause, severity,
               (SELECT array_agg(kind ORDER BY event_id) FROM episode_event e WHERE e.episode_id = episode.episode_id),
               (SELECT count(*) FROM notification n WHERE n.episode_id = episode.episode_id)
        FROM episode ORDER BY episode_id
    """).fetchall()
    conn.commit()
    return [
        EpisodeSeen(patient_id=row[0], cause=row[1], severity=row[2], events=tuple(row[3]), notifications=row[4])
        for row in rows
    ]


def count(conn: Connection, query: LiteralString) -> int:
    row = conn.execute(query).fetchone()
    conn.commit()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


PAUSE: LiteralString = """
INSERT INTO pause (request_id, patient_id, kind, first_day, last_day, note, author, recorded_at)
VALUES (gen_random_uuid(), %(patient_id)s, %(kind)s, %(first)s, %(last)s, 'said so',
        (SELECT min(user_id) FROM app_user), %(now)s)
RETURNING pause_id
"""
MOVE_PAUSE: LiteralString = """
INSERT INTO pause_change (request_id, pause_id, last_day, author, recorded_at)
SELECT gen_random_uuid(), pause_id, %(last)s, author, %(now)s FROM pause WHERE pause_id = %(pause_id)s
"""


def pause(conn: Connection, patient_id: str, first: date, last: date, *, now: datetime, kind: str = "holiday") -> int:
    """Needs a user, its author."""
    values = {"patient_id": patient_id, "kind": kind, "first": first, "last": last, "now": now}
    row = conn.execute(PAUSE, values).fetchone()
    conn.commit()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def move_pause(conn: Connection, pause_id: int, last: date, *, now: datetime) -> None:
    conn.execute(MOVE_PAUSE, {"pause_id": pause_id, "last": last, "now": now})
    conn.commit()
