"""Are we the ones who cannot hear? Outages found by ingest's heartbeat, by holes in our own watch, and by a hush."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from psycopg_pool import ConnectionPool

from alerts import outage_store
from alerts.days import hush, incidents, ledger
from alerts.days.hush import Arrivals
from alerts.detectors.silence import Span
from alerts.outage_store import Lasting, Pattern
from schemas.clock import Clock
from schemas.database import Connection

log = structlog.get_logger()

STALE_SECONDS = 10.0
"""Real seconds without a heartbeat of ingest, which beats every 2."""
LASTING_SECONDS = 4.0
"""Real seconds that ingest says it cannot take readings before that is an outage: a restart is none."""
HOLE = timedelta(minutes=10)
"""A shorter hole in our own watch hides nothing."""
PATTERN_EVERY = timedelta(minutes=15)
PATTERN_EVERY_SECONDS = 5.0
"""And on a fast clock no more often than this, in real seconds: it reads a week of readings."""


@dataclass(kw_only=True)
class Lookout:
    """Looks about once a second; any number of processes may try, one looks."""

    pool: ConnectionPool[Connection]
    clock: Clock
    failing_since: datetime | None = None
    pattern_due_at: datetime | None = None

    def look(self) -> None:
        """Begin and end outages as things stand now, and announce the longer ones."""
        with self.pool.connection() as conn:
            if not outage_store.try_lock(conn):
                return
            now = self.clock.now()
            self._look_back(conn, now)
            lasting = outage_store.lasting(conn)
            changed = self._look_at_ingest(conn, lasting, now)
            changed |= self._listen(conn, lasting, now)
            if changed:
                ledger.explain_again(conn, now=now)
            incidents.announce(conn, now=now)

    def _look_back(self, conn: Connection, now: datetime) -> None:
        """While nobody looked and nothing was recorded, we all may have been away."""
        before = outage_store.looked(conn, now=now)
        if before is None or now - before < max(HOLE, self._span(STALE_SECONDS)):
            return
        if outage_store.first_recorded(conn, since=before) is None:
            log.warning("outage", part="alerts", began=before.isoformat(), ended=now.isoformat())
            span = Span(since=before, until=now)
            outage_store.record(conn, "alerts", span=span, detail="nobody looked, nothing came", now=now)
            ledger.explain_again(conn, now=now)

    def _look_at_ingest(self, conn: Connection, lasting: list[Lasting], now: datetime) -> bool:
        known = next((outage for outage in lasting if outage.part == "ingest"), None)
        problem, since = self._problem(conn, now)
        if problem is None:
            self.failing_since = None
            if known:
                log.warning("outage_over", part="ingest")
                outage_store.end(conn, known, until=now, now=now)
            return known is not None
        self.failing_since = min(self.failing_since or since, since)
        if known or now - self.failing_since < self._span(LASTING_SECONDS):
            return False
        log.error("outage", part="ingest", detail=problem)
        outage_store.begin(conn, "ingest", site=None, from_at=self.failing_since, detail=problem, now=now)
        return True

    def _problem(self, conn: Connection, now: datetime) -> tuple[str | None, datetime]:
        """What keeps ingest from taking readings, and since when as far as its heartbeat shows."""
        beat = outage_store.ingest_beat(conn)
        if beat is None:  # it has never run: an import, a demonstration of the screens
            return None, now
        age_seconds, detail = beat
        if age_seconds > STALE_SECONDS:
            return "ingest is silent", now - self._span(age_seconds)
        return (None if detail == "ok" else detail), now

    def _listen(self, conn: Connection, lasting: list[Lasting], now: datetime) -> bool:
        """End the hushes into which a weight came; once in a while, look for new ones."""
        changed = False
        for outage in lasting:
            if outage.part == "arrivals":
                came_at = outage_store.first_recorded(conn, since=outage.from_at, site=outage.site)
                if came_at:
                    log.warning("outage_over", part="arrivals", site=outage.site)
                    outage_store.end(conn, outage, until=came_at, now=now)
                    changed = True
        everywhere = any(outage.site is None for outage in lasting)
        if changed or everywhere or (self.pattern_due_at and now < self.pattern_due_at):
            return changed
        self.pattern_due_at = now + max(PATTERN_EVERY, self._span(PATTERN_EVERY_SECONDS))
        return self._find_hushes(conn, now, known={outage.site for outage in lasting})

    def _find_hushes(self, conn: Connection, now: datetime, *, known: set[str | None]) -> bool:
        arrivals = [_arrivals(pattern) for pattern in outage_store.patterns(conn, zone=hush.ZONE.key)]
        everything = next((one for one in arrivals if one.site is None), None)
        if everything is None:
            return False
        sites = [one for one in arrivals if one.site is not None and one.site not in known]
        found = hush.hushed(everything, sites, now=now)
        for one in found:
            log.error("outage", part="arrivals", site=one.site, expected=round(one.expected(now), 1))
            detail = "no weight comes from anybody"
            outage_store.begin(conn, "arrivals", site=one.site, from_at=one.last_at, detail=detail, now=now)
        return bool(found)

    def _span(self, real_seconds: float) -> timedelta:
        return timedelta(seconds=real_seconds * self.clock.rate)


def _arrivals(pattern: Pattern) -> Arrivals:
    last_at = max(pattern.last_at, pattern.outage_until) if pattern.outage_until else pattern.last_at
    return Arrivals(
        site=pattern.site,
        patients=pattern.patients,
        a_day_by_hour={int(hour): float(count) for hour, count in pattern.by_hour.items()},
        last_at=last_at,
    )
