"""When could no weight reach us? The outages as stored, for detectors, days and incidents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg.rows import class_row

from alerts.detectors.silence import Span
from schemas.database import Connection

REMEMBERED = timedelta(days=60)
"""Outages that ended earlier excuse no silence that is still to be judged."""

OUTAGES: LiteralString = """
SELECT outage_id, site, from_at, until_at, changed_at FROM service_outage
WHERE coalesce(until_at, %(now)s) > %(since)s ORDER BY from_at, outage_id
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
        return Span(since=self.from_at, until=self.until_at or now)


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
