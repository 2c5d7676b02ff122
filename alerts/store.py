"""Whose turn is it, and what do the detectors need of them? The caller owns every transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg.rows import class_row

from alerts.judgement import anchors, months
from alerts.judgement.assessment import HISTORY, Doubted, Facts
from alerts.judgement.baseline import Weight
from alerts.judgement.choice import Choice
from alerts.policy import Episode
from schemas import plausibility
from schemas.alert import Cause, Evidence, Outcome, Severity
from schemas.database import Connection
from schemas.plan import Plan
from schemas.plausibility import CONFIRMABLE, Weighed

TREATED: tuple[Outcome, ...] = ("confirmed_diuretic_changed", "confirmed_emergency", "confirmed_hospital")
"""After these the weight goes elsewhere: earlier ones no longer tell the baseline."""
FUTURE = timedelta(hours=1)
"""A weight dated further ahead is not used: a scale set to 2030 must not silence the no-transmission alert."""

WATCH_EVERYONE: LiteralString = """
INSERT INTO watch (patient_id, due_at)
SELECT patient_id, %(now)s FROM patient
WHERE NOT EXISTS (SELECT FROM watch WHERE watch.patient_id = patient.patient_id)
ORDER BY patient_id
ON CONFLICT DO NOTHING
"""
# Nobody is left for as long as `longest`: what lies further ahead was written by a clock that ran ahead.
CLAIM: LiteralString = """
SELECT watch.patient_id, watch.recorded_seen, watch.arrivals_seen < 0 AS first_light,
       coalesce(latest.arrivals, 0) AS arrivals,
       coalesce(latest.arrivals, 0) <> watch.arrivals_seen AS has_arrivals
FROM watch LEFT JOIN latest_reading AS latest USING (patient_id)
WHERE (watch.due_at <= %(now)s OR watch.due_at > %(ahead)s OR latest.arrivals <> watch.arrivals_seen)
  AND NOT EXISTS (SELECT FROM departed WHERE departed.patient_id = watch.patient_id)
ORDER BY watch.due_at, watch.patient_id
LIMIT %(limit)s
FOR UPDATE OF watch SKIP LOCKED
"""
PLANNED_ONCE: LiteralString = "SET LOCAL plan_cache_mode = force_generic_plan"
PLANNED_AS_EVER: LiteralString = "SET LOCAL plan_cache_mode TO DEFAULT"
PATIENTS: LiteralString = """
SELECT patient_id, time_zone, enrolled_at,
       (SELECT settings FROM plan WHERE plan.patient_id = patient.patient_id ORDER BY plan_id DESC LIMIT 1) AS plan,
       (SELECT weight_kg::float8 FROM dry_weight
        WHERE dry_weight.patient_id = patient.patient_id AND valid_from <= %(now)s
        ORDER BY valid_from DESC, dry_weight_id DESC LIMIT 1) AS dry_kg,
       (SELECT coalesce(array_agg(valid_from), '{}') FROM dry_weight
        WHERE dry_weight.patient_id = patient.patient_id AND valid_from <= %(now)s) AS dry_set_at,
       (SELECT coalesce(array_agg(acknowledgement.at), '{}') FROM acknowledgement JOIN episode USING (episode_id)
        WHERE episode.patient_id = patient.patient_id AND cause = 'decompensation' AND action = 'close'
          AND acknowledgement.outcome = ANY(%(treated)s) AND acknowledgement.at <= %(now)s) AS treated_at,
       (SELECT measured_at FROM standing_reading AS reading
        WHERE reading.patient_id = patient.patient_id AND quarantine_reason IS NULL AND measured_at <= %(until)s
        ORDER BY measured_at DESC LIMIT 1) AS last_weight_at
FROM patient WHERE patient_id = ANY(%(patient_ids)s)
"""
MERGED: LiteralString = "SELECT patient_id, record_id FROM merged_records(%(patient_ids)s, %(now)s)"
LAST_OF_MERGED: LiteralString = """
SELECT wanted.patient_id, max(newest.measured_at)
FROM unnest(%(patient_ids)s::text[], %(records)s::text[]) AS wanted (patient_id, record_id)
CROSS JOIN LATERAL (
    SELECT measured_at FROM standing_reading AS reading
    WHERE reading.patient_id = wanted.record_id AND quarantine_reason IS NULL AND measured_at <= %(until)s
    ORDER BY measured_at DESC LIMIT 1
) AS newest GROUP BY 1
"""
READINGS: LiteralString = """
SELECT wanted.patient_id, measured_at, weight_kg::float8 AS weight_kg, recorded_at, quarantine_reason,
       nullif(device_id, reading.patient_id) AS device_id,
       coalesce(review_action = 'release', false) OR source IN ('manual', 'reassigned') AS confirmed
FROM unnest(%(patient_ids)s::text[], %(records)s::text[], %(since)s::timestamptz[])
     AS wanted (patient_id, record_id, since)
JOIN standing_reading AS reading ON reading.patient_id = wanted.record_id
            AND reading.measured_at > wanted.since AND reading.measured_at <= %(until)s
"""
LOCK_OPEN_EPISODES: LiteralString = """
SELECT episode_id FROM episode WHERE patient_id = ANY(%(patient_ids)s) AND closed_at IS NULL
ORDER BY episode_id FOR UPDATE
"""
LATEST_EPISODES: LiteralString = """
SELECT DISTINCT ON (patient_id, cause) patient_id, episode_id, cause, severity, state,
       snoozed_until IS NOT NULL AS snoozed, last_raised_at, closed_at,
       coalesce(starts_with(outcome, 'false_'), false) AS closed_as_false,
       (SELECT evidence FROM episode_event AS event
        WHERE event.episode_id = episode.episode_id AND kind <> 'back_in_band'
        ORDER BY event_id DESC LIMIT 1) AS evidence,
       (SELECT kind = 'back_in_band' FROM episode_event AS event WHERE event.episode_id = episode.episode_id
        ORDER BY event_id DESC LIMIT 1) AS in_band,
       EXISTS (SELECT FROM episode_event AS event
               WHERE event.episode_id = episode.episode_id AND kind = 'back_in_band') AS ever_in_band
FROM episode WHERE patient_id = ANY(%(patient_ids)s)
ORDER BY patient_id, cause, episode_id DESC
"""
WATCH_ON: LiteralString = """
UPDATE watch SET arrivals_seen = %(arrivals)s, recorded_seen = coalesce(%(recorded_seen)s, recorded_seen),
                 due_at = %(due_at)s
WHERE patient_id = %(patient_id)s
"""
POSTPONE: LiteralString = """
UPDATE watch SET arrivals_seen = greatest(arrivals_seen, %(arrivals)s), due_at = %(due_at)s
WHERE patient_id = %(patient_id)s
"""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A patient whose row of `watch` is locked by this transaction."""

    patient_id: str
    arrivals: int
    recorded_seen: datetime | None
    first_light: bool
    has_arrivals: bool


@dataclass(frozen=True, kw_only=True)
class PatientRow:
    """A patient as stored; nothing is checked yet, so that one bad row can be one patient's problem."""

    patient_id: str
    time_zone: str
    enrolled_at: datetime
    plan: dict[str, Any] | None
    dry_kg: float | None
    dry_set_at: list[datetime]
    treated_at: list[datetime]
    last_weight_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ReadingRow:
    patient_id: str
    measured_at: datetime
    weight_kg: float
    recorded_at: datetime
    quarantine_reason: str | None
    device_id: str | None
    """Null where none was named: an import calls it like the patient."""
    confirmed: bool = False
    """A person said that it is true: released it from quarantine, or gave it. Days do not ask for this."""


@dataclass(frozen=True, kw_only=True)
class EpisodeRow:
    patient_id: str
    episode_id: int
    cause: Cause
    severity: Severity
    state: str
    snoozed: bool
    last_raised_at: datetime
    closed_at: datetime | None
    closed_as_false: bool
    evidence: dict[str, Any]
    in_band: bool
    ever_in_band: bool


Row = TypeVar("Row", ReadingRow, EpisodeRow)


def sift(readings: Iterable[ReadingRow]) -> tuple[list[Weight], list[Doubted]]:
    """The weights that detectors use, and those they ignore.

    A doubted weight is used once the next accepted one has confirmed it; its row stays as it is.
    """
    used: list[Weight] = []
    ignored: list[Doubted] = []
    waiting: list[ReadingRow] = []
    for row in sorted(readings, key=lambda row: (row.measured_at, row.weight_kg)):
        if row.quarantine_reason is not None:
            waiting.append(row)
            continue
        for one in waiting:
            if one.quarantine_reason in CONFIRMABLE and plausibility.confirms(_weighed(row), _weighed(one)):
                used.append(_weight(one))
            else:
                ignored.append(_doubted(one))
        used.append(_weight(row))
        waiting = []
    return used, [*ignored, *(_doubted(one) for one in waiting)]


def _weighed(row: ReadingRow) -> Weighed:
    return Weighed(measured_at=row.measured_at, weight_kg=row.weight_kg)


def _weight(row: ReadingRow) -> Weight:
    return Weight(
        measured_at=row.measured_at, weight_kg=row.weight_kg, recorded_at=row.recorded_at, confirmed=row.confirmed
    )


def _doubted(row: ReadingRow) -> Doubted:
    return Doubted(measured_at=row.measured_at, weight_kg=row.weight_kg, reason=row.quarantine_reason or "")


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that is stored about one claimed patient."""

    patient: PatientRow
    readings: Sequence[ReadingRow]
    year: Sequence[ReadingRow]
    """Where four weeks have just ended: all of a year."""
    episodes: Sequence[EpisodeRow]

    def facts(self, choice: Choice) -> Facts:
        """As the detectors take it.

        Raises:
            ValueError: a stored plan or zone is not one.
        """
        zone = ZoneInfo(self.patient.time_zone)
        used, doubted = sift(self.readings)
        return Facts(
            plan=choice.on(Plan.model_validate(self.patient.plan or {})),
            zone=zone,
            enrolled_at=self.patient.enrolled_at,
            choice=choice,
            dry_kg=self.patient.dry_kg,
            dry_set_at=max(self.patient.dry_set_at, default=None),
            weights=used,
            year=sift(self.year)[0],
            doubted=doubted,
            anchors=anchors.anchors(
                zone=zone,
                dry_weights=self.patient.dry_set_at,
                treated=self.patient.treated_at,
                devices=sorted(
                    (row.measured_at, row.device_id)
                    for row in self.readings
                    if row.device_id and row.quarantine_reason is None
                ),
            ),
            last_weight_at=self.patient.last_weight_at,
        )

    def latest(self) -> list[Episode]:
        """The latest episode of each cause."""
        return [
            Episode(
                episode_id=row.episode_id,
                cause=row.cause,
                severity=row.severity,
                state=row.state,  # type: ignore[arg-type]  # the table's CHECK
                snoozed=row.snoozed,
                last_raised_at=row.last_raised_at,
                closed_at=row.closed_at,
                closed_as_false=row.closed_as_false,
                evidence=Evidence.model_validate(row.evidence),
                in_band=row.in_band,
                ever_in_band=row.ever_in_band,
            )
            for row in self.episodes
        ]

    @property
    def recorded_until(self) -> datetime | None:
        return max((row.recorded_at for row in self.readings), default=None)


def watch_everyone(conn: Connection, *, now: datetime) -> None:
    """Begin to watch each patient who is not watched yet."""
    conn.execute(WATCH_EVERYONE, {"now": now})


def claim(conn: Connection, *, now: datetime, longest: timedelta, limit: int) -> list[Claimed]:
    """Patients with new readings or whose hour has come, locked until the transaction ends; others' are skipped."""
    with conn.cursor(row_factory=class_row(Claimed)) as cursor:
        return cursor.execute(CLAIM, {"now": now, "ahead": now + longest, "limit": limit}).fetchall()


@contextmanager
def planned_once(conn: Connection) -> Iterator[None]:
    """Of what is read by a patient's keys, whoever it is: planned anew each time, that took longer than the answers."""
    conn.execute(PLANNED_ONCE)
    yield
    conn.execute(PLANNED_AS_EVER)


def read(conn: Connection, claimed: Iterable[Claimed], *, now: datetime) -> dict[str, Record]:
    """What is known of the claimed patients, in five queries, or six; their open episodes stay locked against a close.

    Weights of a record that was merged into the patient's are the patient's.
    """
    seen = {patient.patient_id: patient.recorded_seen for patient in claimed}
    patient_ids = list(seen)
    until = now + FUTURE
    with conn.cursor(row_factory=class_row(PatientRow)) as cursor:
        wanted = {"patient_ids": patient_ids, "now": now, "until": until, "treated": list(TREATED)}
        patients = cursor.execute(PATIENTS, wanted).fetchall()
    merged = [(str(patient), str(record)) for patient, record in conn.execute(MERGED, wanted).fetchall()]
    if merged:
        patients = _with_last_of_merged(conn, patients, merged, until=until)
    readings = _readings(conn, patients, merged, until=until, back=HISTORY)
    ended = [one for one in patients if _has_ended(readings.get(one.patient_id, []), one, seen=seen[one.patient_id])]
    years = _readings(conn, ended, merged, until=until, back=months.YEAR) if ended else {}
    conn.execute(LOCK_OPEN_EPISODES, {"patient_ids": patient_ids})
    with conn.cursor(row_factory=class_row(EpisodeRow)) as cursor:
        episodes = _grouped(cursor.execute(LATEST_EPISODES, {"patient_ids": patient_ids}))
    return {
        patient.patient_id: Record(
            patient=patient,
            readings=readings.get(patient.patient_id, []),
            year=years.get(patient.patient_id, []),
            episodes=episodes.get(patient.patient_id, []),
        )
        for patient in patients
    }


def _with_last_of_merged(
    conn: Connection, patients: Sequence[PatientRow], merged: Sequence[tuple[str, str]], *, until: datetime
) -> list[PatientRow]:
    """A person who weighed in under an earlier record was not silent."""
    wanted = {
        "patient_ids": [patient for patient, _ in merged],
        "records": [record for _, record in merged],
        "until": until,
    }
    last: dict[str, datetime] = dict(conn.execute(LAST_OF_MERGED, wanted).fetchall())  # type: ignore[arg-type]
    return [
        replace(one, last_weight_at=max(filter(None, (one.last_weight_at, last.get(one.patient_id))), default=None))
        for one in patients
    ]


def _readings(
    conn: Connection,
    patients: Sequence[PatientRow],
    merged: Sequence[tuple[str, str]],
    *,
    until: datetime,
    back: timedelta,
) -> dict[str, list[ReadingRow]]:
    """So far back from each patient's newest weight: an imported history may end long ago."""
    since = {patient.patient_id: (patient.last_weight_at or until) - back for patient in patients}
    records = [*((one, one) for one in since), *(one for one in merged if one[0] in since)]
    wanted = {
        "patient_ids": [patient for patient, _ in records],
        "records": [record for _, record in records],
        "since": [since[patient] for patient, _ in records],
        "until": until,
    }
    with conn.cursor(row_factory=class_row(ReadingRow)) as cursor:
        return _grouped(cursor.execute(READINGS, wanted))


def _has_ended(readings: Sequence[ReadingRow], patient: PatientRow, *, seen: datetime | None) -> bool:
    """Whether four weeks have just ended for this patient."""
    try:
        zone = ZoneInfo(patient.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False  # this patient's own judgement will say so, and no other's
    accepted = [(row.measured_at, row.recorded_at) for row in readings if row.quarantine_reason is None]
    return months.has_ended(accepted, zone=zone, seen=seen)


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.patient_id, []).append(row)
    return groups


@dataclass(frozen=True, kw_only=True)
class Next:
    """Up to where a patient has been assessed, and when to look again at the latest."""

    patient_id: str
    arrivals: int
    recorded_seen: datetime | None
    due_at: datetime


def watch_on(conn: Connection, patients: Iterable[Next]) -> None:
    """Release the claimed patients until their next reading or `due_at`."""
    with conn.cursor() as cursor:
        cursor.executemany(WATCH_ON, [vars(patient) for patient in patients])


def postpone(conn: Connection, patients: Iterable[Next]) -> None:
    """Leave the patients unassessed until `due_at`, so that they do not stop the others."""
    with conn.cursor() as cursor:
        cursor.executemany(POSTPONE, [vars(patient) for patient in patients])
