"""When could no weight reach us? The outages as stored, for detectors, days and incidents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, LiteralString

from psycopg.rows import class_row

from alerts.detectors.silence import Span
from schemas.database import Connection

Part = Literal["ingest", "alerts", "arrivals"]
REMEMBERED = timedelta(days=60)
"""Outages that ended earlier excuse no silence that is still to be judged."""

# Of a hush nobody can be sure that it is ours: what nobody mends for three days silences no alert any longer.
OUTAGES: LiteralString = """
SELECT outage_id, site, from_at,
       CASE WHEN part = 'arrivals' THEN least(until_at, from_at + interval '72 hours') ELSE until_at END AS until_at,
       changed_at
FROM service_outage WHERE coalesce(until_at, %(now)s) > %(since)s ORDER BY from_at, outage_id
"""
SITES: LiteralString = """
SELECT patient_id, array_agg(DISTINCT site) AS sites FROM device_loan
WHERE patient_id = ANY(%(patient_ids)s) AND returned_at IS NULL GROUP BY patient_id
"""


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A stored outage; `until_at` None: it lasts; `site` None: all of them."""

    outage_id: int
    site: str | None
    from_at: datetime
    until_at: datetime | None
    changed_at: datetime

    def span(self, now: datetime) -> Span:
        return Span(since=self.from_at, until=min(self.until_at or now, now))


@dataclass(frozen=True, kw_only=True)
class Outages:
    """The outages of a while, and which of these patients they concerned."""

    outages: Sequence[Outage]
    sites: dict[str, set[str]]
    now: datetime

    def of(self, patient_id: str) -> list[Outage]:
        sites = self.sites.get(patient_id, set())
        return [outage for outage in self.outages if outage.site is None or outage.site in sites]

    def spans(self, patient_id: str) -> list[Span]:
        return [outage.span(self.now) for outage in self.of(patient_id)]


def outages(conn: Connection, patient_ids: Sequence[str], *, now: datetime, since: datetime | None = None) -> Outages:
    """All outages since then (60 days ago), and where these patients' scales are."""
    with conn.cursor(row_factory=class_row(Outage)) as cursor:
        found = cursor.execute(OUTAGES, {"now": now, "since": since or now - REMEMBERED}).fetchall()
    if all(outage.site is None for outage in found):
        return Outages(outages=found, sites={}, now=now)
    rows = conn.execute(SITES, {"patient_ids": list(patient_ids)}).fetchall()
    sites = {str(patient_id): {str(site) for site in _list(of)} for patient_id, of in rows}
    return Outages(outages=found, sites=sites, now=now)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


# One process watches: two would open the same outage twice.
TRY_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtext('vigie.outages'))"
INGEST_BEAT: LiteralString = """
SELECT extract(epoch FROM now() - at)::float8, detail FROM heartbeat WHERE service = 'ingest'
"""
OPEN: LiteralString = """
SELECT outage_id, part, site, from_at, announced_at FROM service_outage WHERE until_at IS NULL FOR UPDATE
"""
# One that ended less than an hour ago goes on: a broker that comes and goes is one incident.
RESUME: LiteralString = """
UPDATE service_outage SET until_at = NULL, changed_at = %(now)s WHERE outage_id = (
    SELECT outage_id FROM service_outage
    WHERE part = %(part)s AND site IS NOT DISTINCT FROM %(site)s AND until_at > %(from_at)s - interval '1 hour'
    ORDER BY until_at DESC LIMIT 1)
RETURNING outage_id
"""
BEGIN: LiteralString = """
INSERT INTO service_outage (part, site, from_at, until_at, changed_at, patients, detail)
VALUES (%(part)s, %(site)s, %(from_at)s, %(until_at)s, %(now)s, (
    SELECT count(*) FROM patient WHERE patient_id <> 'VIGIE-CANARY' AND (%(site)s::text IS NULL OR EXISTS (
        SELECT FROM device_loan AS loan
        WHERE loan.patient_id = patient.patient_id AND site = %(site)s AND returned_at IS NULL))), %(detail)s)
"""
END: LiteralString = """
UPDATE service_outage SET until_at = greatest(from_at, %(until_at)s), changed_at = %(now)s
WHERE outage_id = %(outage_id)s
"""
LOOKED: LiteralString = """
INSERT INTO outage_watch (looked_at) VALUES (%(now)s)
ON CONFLICT (only_one) DO UPDATE SET looked_at = excluded.looked_at
"""
LOOKED_AT: LiteralString = "SELECT looked_at FROM outage_watch"
FIRST_RECORDED: LiteralString = """
SELECT min(recorded_at) FROM reading
WHERE recorded_at > %(since)s AND (%(site)s::text IS NULL OR site = %(site)s)
  AND patient_id IS DISTINCT FROM 'VIGIE-CANARY'
"""
# Weights a day in each hour of the clinic's clock, over the week before the last arrival: each site's, and all. An
# import brings everybody's within a minute: that is no habit.
PATTERN: LiteralString = """
WITH newest AS (SELECT recorded_at AS at FROM reading ORDER BY recorded_at DESC LIMIT 1),
week AS (
    SELECT site, patient_id, recorded_at, extract(hour FROM recorded_at AT TIME ZONE %(zone)s)::int AS hour
    FROM reading, newest WHERE recorded_at > newest.at - interval '7 days' AND patient_id <> 'VIGIE-CANARY'
      AND source <> 'csv'
), who AS (
    SELECT site, count(DISTINCT patient_id) AS patients, max(recorded_at) AS last_at
    FROM week GROUP BY GROUPING SETS ((site), ())
), hours AS (
    SELECT site, jsonb_object_agg(hour, count) AS by_hour FROM (
        SELECT site, hour, count(DISTINCT (patient_id, (recorded_at AT TIME ZONE %(zone)s)::date)) / 7.0 AS count
        FROM week GROUP BY GROUPING SETS ((site, hour), (hour))) AS counted GROUP BY site
)
SELECT who.site, who.patients, who.last_at, hours.by_hour, (
    SELECT max(until_at) FROM service_outage AS outage
    WHERE outage.site IS NULL OR outage.site = who.site OR who.site IS NULL) AS outage_until
FROM who JOIN hours ON hours.site IS NOT DISTINCT FROM who.site
WHERE who.last_at IS NOT NULL
"""


@dataclass(frozen=True, kw_only=True)
class Lasting:
    """An outage that lasts."""

    outage_id: int
    part: Part
    site: str | None
    from_at: datetime
    announced_at: datetime | None


def try_lock(conn: Connection) -> bool:
    """Whether this transaction is the one that looks for outages."""
    return conn.execute(TRY_LOCK).fetchone() == (True,)


def ingest_beat(conn: Connection) -> tuple[float, str] | None:
    """How many real seconds ago ingest said last how it is, and what; None: it never ran."""
    row = conn.execute(INGEST_BEAT).fetchone()
    return (float(str(row[0])), str(row[1])) if row else None


def lasting(conn: Connection) -> list[Lasting]:
    with conn.cursor(row_factory=class_row(Lasting)) as cursor:
        return cursor.execute(OPEN).fetchall()


def begin(conn: Connection, part: Part, *, site: str | None, from_at: datetime, detail: str, now: datetime) -> None:
    """An outage that lasts, or the one before it that goes on."""
    values = {"part": part, "site": site, "from_at": from_at, "until_at": None, "detail": detail, "now": now}
    if conn.execute(RESUME, values).fetchone() is None:
        conn.execute(BEGIN, values)


def record(conn: Connection, part: Part, *, span: Span, detail: str, now: datetime) -> None:
    """An outage that is over, everywhere."""
    values = {"part": part, "site": None, "from_at": span.since, "until_at": span.until, "detail": detail, "now": now}
    conn.execute(BEGIN, values)


def end(conn: Connection, outage: Lasting, *, until: datetime, now: datetime) -> None:
    conn.execute(END, {"outage_id": outage.outage_id, "until_at": until, "now": now})


def looked(conn: Connection, *, now: datetime) -> datetime | None:
    """Remember that we look now; returns when we looked last."""
    row = conn.execute(LOOKED_AT).fetchone()
    conn.execute(LOOKED, {"now": now})
    if row is None:
        return None
    assert isinstance(row[0], datetime)
    return row[0]


def first_recorded(conn: Connection, *, since: datetime, site: str | None = None) -> datetime | None:
    """When the first reading since then was recorded, if any was."""
    row = conn.execute(FIRST_RECORDED, {"since": since, "site": site}).fetchone()
    assert row
    assert row[0] is None or isinstance(row[0], datetime)
    return row[0]


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What a site (None: all) sent in the week before the last arrival."""

    site: str | None
    patients: int
    last_at: datetime
    by_hour: dict[str, float]
    outage_until: datetime | None


def patterns(conn: Connection, *, zone: str) -> list[Pattern]:
    """Of every site, and of all together."""
    with conn.cursor(row_factory=class_row(Pattern)) as cursor:
        return cursor.execute(PATTERN, {"zone": zone}).fetchall()
