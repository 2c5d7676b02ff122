"""A small clinic in a real database: patients, their weights, users; all by plain SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from schemas.database import Connection

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ENROLLED = NOW - timedelta(days=60)
STEADY = [80.0, 80.3, 79.9, 80.2, 80.1, 79.8, 80.0]
GAIN = [*STEADY, 82.6]

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


# As the worker writes them: an episode of a new patient each, its event, the notification of one person.
RAISE: LiteralString = """
WITH new AS (SELECT 'P-' || gen_random_uuid() AS patient_id FROM generate_series(1, %(count)s)),
enrolled AS (INSERT INTO patient (patient_id, enrolled_at) SELECT patient_id, %(at)s FROM new),
unwatched AS (
    INSERT INTO watch (patient_id, arrivals_seen, due_at) SELECT patient_id, 0, %(at)s + interval '1 day' FROM new
),
opened AS (
    INSERT INTO episode (patient_id, cause, severity, opened_at, last_raised_at, evidence)
    SELECT patient_id, 'decompensation', %(severity)s, %(at)s, %(at)s, '{}' FROM new RETURNING episode_id
), told AS (
    INSERT INTO episode_event (episode_id, at, kind, severity, evidence)
    SELECT episode_id, %(at)s, 'raised', %(severity)s, '{}' FROM opened RETURNING event_id, episode_id
)
INSERT INTO notification (episode_id, event_id, user_id, created_at, due_at)
SELECT episode_id, event_id, %(user_id)s, %(at)s, %(at)s FROM told RETURNING event_id
"""
ADD_CHANNEL: LiteralString = """
INSERT INTO channel (user_id, url, position, created_at, verified_at, renewed_at, quiet_from, quiet_until)
VALUES (%s, %s, %s, %s, now(), %s, %s, %s) RETURNING channel_id
"""


@dataclass(frozen=True, kw_only=True)
class EpisodeSeen:
    patient_id: str
    cause: str
    severity: str
    events: tuple[str, ...]
    notifications: int


def seen(severity: str, *events: str, cause: str = "decompensation", told: int = 1) -> EpisodeSeen:
    """Of P1."""
    return EpisodeSeen(patient_id="P1", cause=cause, severity=severity, events=events, notifications=told)


def add_patients(conn: Connection, patient_ids: Iterable[str], *, enrolled_at: datetime) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(ADD_PATIENT, [(patient_id, enrolled_at) for patient_id in patient_ids])
    conn.commit()


def add_user(
    conn: Connection, *, role: str = "nurse", notify_url: str | None = "json://127.0.0.1:9/", language: str = "fr"
) -> int:
    email = f"{role}-{language}-{hash(notify_url)}@vigie.example"
    row = conn.execute(ADD_USER, (email, "Camille Martin", role, notify_url, language)).fetchone()
    conn.execute("UPDATE channel SET renewed_at = %s", (NOW,))
    conn.commit()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def add_channel(
    conn: Connection, user_id: int, url: str, *, position: int = 2, quiet: tuple[str, str] | None = None
) -> int:
    """A verified channel; the one of `add_user` stands at position 1."""
    quiet_from, quiet_until = quiet or (None, None)
    row = conn.execute(ADD_CHANNEL, (user_id, url, position, NOW, NOW, quiet_from, quiet_until)).fetchone()
    conn.commit()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def prefer(conn: Connection, user_id: int, *, bundle: bool) -> None:
    conn.execute("INSERT INTO delivery_preference (user_id, bundle) VALUES (%s, %s)", (user_id, bundle))
    conn.commit()


def raise_alerts(
    conn: Connection, user_id: int, *, count: int = 1, severity: str = "alert", at: datetime = NOW
) -> list[int]:
    """Alerts that this person is to be told of; their numbers."""
    values = {"user_id": user_id, "count": count, "severity": severity, "at": at}
    numbers = [int(str(number)) for (number,) in conn.execute(RAISE, values).fetchall()]
    conn.commit()
    return numbers


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


def choose(conn: Connection, detector: str | None, *, duty: str = "alerting", threshold: float | None = None) -> None:
    """What a signed decision leaves."""
    conn.execute(
        "INSERT INTO detector_choice (duty, detector, threshold, recorded_at) VALUES (%s, %s, %s, %s)",
        (duty, detector, threshold, NOW),
    )


ACT: LiteralString = """
INSERT INTO acknowledgement (request_id, episode_id, action, note, author, at, until)
SELECT gen_random_uuid(), episode_id, %(action)s, 'because', (SELECT min(user_id) FROM app_user), %(at)s, %(until)s
FROM episode WHERE closed_at IS NULL
"""


def act(conn: Connection, action: str, *, at: datetime, until: datetime) -> None:
    """What the first user does to every open episode."""
    conn.execute(ACT, {"action": action, "at": at, "until": until})
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
