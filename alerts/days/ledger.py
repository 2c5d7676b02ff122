"""Whose days are to be explained again, from what, and where is it written? The caller owns the transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import class_row

from alerts.store import ReadingRow
from schemas.database import Connection
from schemas.patient_day import DayState

OLDEST = timedelta(days=400)
"""No day further back is explained: a year's report, and a month for what comes late."""

# One process explains at a time: the work is small, and so nobody waits for another's rows.
TRY_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtext('vigie.days'))"
WATCH_EVERYONE: LiteralString = """
INSERT INTO day_watch (patient_id, arrivals_seen, due_at)
SELECT patient_id, -1, %(now)s FROM patient
WHERE patient_id <> 'VIGIE-CANARY'
  AND NOT EXISTS (SELECT FROM day_watch AS known WHERE known.patient_id = patient.patient_id)
ON CONFLICT DO NOTHING
"""
# What lies further ahead than `longest` was written by a clock that ran ahead. The scale is heard now while its
# connection lasts: the broker would have sent its last will.
CLAIM: LiteralString = """
WITH claimed AS (
    SELECT watched.patient_id, watched.arrivals_seen, watched.explained_at, coalesce(latest.arrivals, 0) AS arrivals
    FROM day_watch AS watched LEFT JOIN latest_reading AS latest USING (patient_id)
    WHERE watched.due_at <= %(now)s OR watched.due_at > %(ahead)s OR latest.arrivals <> watched.arrivals_seen
    ORDER BY watched.due_at, watched.patient_id LIMIT %(limit)s
    FOR UPDATE OF watched  -- a pause that is entered meanwhile waits, and makes the patient due again (0067)
)
SELECT claimed.patient_id, claimed.arrivals_seen, claimed.explained_at, claimed.arrivals, patient.time_zone,
       patient.enrolled_at,
       (SELECT recorded_at FROM departed WHERE departed.patient_id = claimed.patient_id) AS left_at,
       (SELECT settings FROM plan WHERE plan.patient_id = claimed.patient_id ORDER BY plan_id DESC LIMIT 1) AS plan,
       scale.lent > 0 AS has_scale, scale.heard_at AS scale_heard_at,
       (SELECT min(day) FROM patient_day AS known WHERE known.patient_id = claimed.patient_id
          AND state IN ('waiting', 'scale_silent', 'our_outage') AND day > %(unsettled_since)s) AS unsettled
FROM claimed JOIN patient USING (patient_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS lent,
           max(least(CASE WHEN online THEN %(now)s ELSE last_seen_at END, loan.returned_at)) AS heard_at
    FROM device_loan AS loan LEFT JOIN device_sighting AS seen USING (site, device_id)
    WHERE loan.patient_id = claimed.patient_id
) AS scale
ORDER BY claimed.patient_id
"""
# What was learnt since: readings, what their sources and people said of readings.
CHANGED: LiteralString = """
SELECT patient_id, min(measured_at) FROM (
    SELECT patient_id, measured_at FROM reading WHERE recorded_at > %(since)s
    UNION ALL
    SELECT reading.patient_id, measured_at
    FROM (SELECT reading_id, site, device_id, measured_at FROM reading_event WHERE recorded_at > %(since)s
          UNION ALL SELECT reading_id, site, device_id, measured_at FROM reading_review WHERE at > %(since)s) AS said
    JOIN reading USING (site, device_id, measured_at, reading_id)
) AS changed
WHERE patient_id = ANY(%(patient_ids)s) GROUP BY patient_id
"""
READINGS: LiteralString = """
SELECT reading.patient_id, measured_at, weight_kg::float8 AS weight_kg, recorded_at, quarantine_reason,
       nullif(device_id, reading.patient_id) AS device_id
FROM unnest(%(patient_ids)s::text[], %(since)s::timestamptz[]) AS wanted (patient_id, since)
JOIN standing_reading AS reading ON reading.patient_id = wanted.patient_id AND measured_at >= wanted.since
WHERE measured_at <= %(now)s AND state IN ('accepted', 'quarantined')
"""
FORGET: LiteralString = """
DELETE FROM patient_day USING unnest(%(patient_ids)s::text[], %(firsts)s::date[]) AS explained (patient_id, first)
WHERE patient_day.patient_id = explained.patient_id AND day >= first
  AND NOT EXISTS (SELECT FROM unnest(%(of)s::text[], %(days)s::date[]) AS kept (patient_id, day)
                  WHERE kept.patient_id = patient_day.patient_id AND kept.day = patient_day.day)
"""
WRITE: LiteralString = """
INSERT INTO patient_day AS known (patient_id, day, state, team_id, explained_at)
SELECT patient_id, day, state, coalesce(team.team_id, 0), %(now)s
FROM unnest(%(of)s::text[], %(days)s::date[], %(states)s::text[]) AS explained (patient_id, day, state)
LEFT JOIN (
    SELECT DISTINCT ON (patient_id) patient_id, team_id FROM patient_team WHERE patient_id = ANY(%(of)s)
    ORDER BY patient_id, patient_team_id DESC) AS team USING (patient_id)
ON CONFLICT (patient_id, day) DO UPDATE
SET state = excluded.state, team_id = excluded.team_id, explained_at = excluded.explained_at
WHERE known.state <> excluded.state
"""
WATCH_ON: LiteralString = """
UPDATE day_watch SET arrivals_seen = explained.arrivals, explained_at = %(now)s, due_at = explained.due_at
FROM unnest(%(patient_ids)s::text[], %(arrivals)s::bigint[], %(due)s::timestamptz[])
     AS explained (patient_id, arrivals, due_at)
WHERE day_watch.patient_id = explained.patient_id
"""
POSTPONE: LiteralString = """
UPDATE day_watch SET due_at = %(due_at)s, arrivals_seen = coalesce(
    (SELECT arrivals FROM latest_reading AS latest WHERE latest.patient_id = day_watch.patient_id), 0)
WHERE patient_id = ANY(%(patient_ids)s)
"""
EXPLAIN_AGAIN: LiteralString = "UPDATE day_watch SET due_at = least(due_at, %(now)s)"


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A patient whose days are to be explained; nothing is checked yet."""

    patient_id: str
    arrivals_seen: int
    explained_at: datetime | None
    arrivals: int
    time_zone: str
    enrolled_at: datetime
    left_at: datetime | None
    plan: dict[str, Any] | None
    has_scale: bool
    scale_heard_at: datetime | None
    unsettled: date | None


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The days of one patient since `first`; all other rows since then go."""

    patient_id: str
    arrivals: int
    first: date
    states: Mapping[date, DayState]
    due_at: datetime


def try_lock(conn: Connection) -> bool:
    """Whether this transaction is the one that explains days."""
    return conn.execute(TRY_LOCK).fetchone() == (True,)


def watch_everyone(conn: Connection, *, now: datetime) -> None:
    conn.execute(WATCH_EVERYONE, {"now": now})


def claim(conn: Connection, *, now: datetime, longest: timedelta, limit: int) -> list[Claimed]:
    """Patients with something new, or whose hour has come."""
    wanted = {"now": now, "ahead": now + longest, "limit": limit, "unsettled_since": now.date() - OLDEST}
    with conn.cursor(row_factory=class_row(Claimed)) as cursor:
        return cursor.execute(CLAIM, wanted).fetchall()


def changed(conn: Connection, patient_ids: Sequence[str], *, since: datetime) -> dict[str, datetime]:
    """The oldest weighing of each patient about which something was recorded after `since`."""
    rows = conn.execute(CHANGED, {"patient_ids": list(patient_ids), "since": since}).fetchall()
    return {str(patient_id): at for patient_id, at in rows if isinstance(at, datetime)}


def readings(conn: Connection, since: Mapping[str, datetime], *, now: datetime) -> dict[str, list[ReadingRow]]:
    """What counts or waits of each patient's weights, since then."""
    wanted = {"patient_ids": list(since), "since": list(since.values()), "now": now}
    groups: dict[str, list[ReadingRow]] = {}
    with conn.cursor(row_factory=class_row(ReadingRow)) as cursor:
        for row in cursor.execute(READINGS, wanted):
            groups.setdefault(row.patient_id, []).append(row)
    return groups


def write(conn: Connection, explained: Iterable[Explained], *, now: datetime) -> None:
    """Each patient's days as they stand now; rows that say the same stay untouched."""
    patients = list(explained)
    days = [(one.patient_id, day, state) for one in patients for day, state in one.states.items()]
    values = {
        "now": now,
        "patient_ids": [one.patient_id for one in patients],
        "firsts": [one.first for one in patients],
        "arrivals": [one.arrivals for one in patients],
        "due": [one.due_at for one in patients],
        "of": [patient_id for patient_id, _, _ in days],
        "days": [day for _, day, _ in days],
        "states": [state for _, _, state in days],
    }
    conn.execute(FORGET, values)
    conn.execute(WRITE, values)
    conn.execute(WATCH_ON, values)


def postpone(conn: Connection, patient_ids: Iterable[str], *, due_at: datetime) -> None:
    """Leave these patients' days as they are until `due_at`, so that they stop nobody else's."""
    conn.execute(POSTPONE, {"patient_ids": list(patient_ids), "due_at": due_at})


def explain_again(conn: Connection, *, now: datetime) -> None:
    """Everyone, at once: an outage has ended, or one became known."""
    conn.execute(EXPLAIN_AGAIN, {"now": now})
