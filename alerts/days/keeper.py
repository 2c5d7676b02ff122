"""Who keeps the days explained? Rounds over the patients with news or a passed hour, a thousand in a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from psycopg_pool import ConnectionPool

from alerts import outage_store, pause_store, store
from alerts.days import explained, ledger
from alerts.days.explained import Seen
from alerts.detectors.silence import A_DAY
from schemas.clock import Clock
from schemas.database import Connection
from schemas.plan import Plan

log = structlog.get_logger()

AT_ONCE = 1000
POSTPONED_SECONDS = 300
"""Real seconds until a patient whose days could not be explained is tried again."""
HOUR = timedelta(hours=1)
"""A day in which clocks are turned is longer by one."""
OVERLAP_SECONDS = 300
"""Real seconds that a reading's transaction may have been open for after the time it recorded."""


@dataclass(kw_only=True)
class Keeper:
    """Explains the days of whoever is due; any number of processes may try, one works."""

    pool: ConnectionPool[Connection]
    clock: Clock

    def explain_due(self) -> int:
        """Explain all who are due; how many patients that were."""
        with self.pool.connection() as conn:
            ledger.watch_everyone(conn, now=self.clock.now())
        done = 0
        while True:
            with self.pool.connection() as conn:
                if not ledger.try_lock(conn):
                    return done
                count = self._explain_some(conn)
            done += count
            if count < AT_ONCE:
                return done

    def _explain_some(self, conn: Connection) -> int:
        now = self.clock.now()
        postponed = timedelta(seconds=POSTPONED_SECONDS * self.clock.rate)
        claimed = ledger.claim(conn, now=now, longest=A_DAY + 2 * HOUR + postponed, limit=AT_ONCE)
        if not claimed:
            return 0
        overlap = timedelta(seconds=OVERLAP_SECONDS * self.clock.rate)
        round_ = Round(conn=conn, claimed=claimed, now=now, overlap=overlap)
        written = [explained for one in claimed if (explained := self._explain(round_, one))]
        ledger.write(conn, written, now=now)
        failed = {one.patient_id for one in claimed} - {one.patient_id for one in written}
        ledger.postpone(conn, failed, due_at=now + postponed)
        return len(claimed)

    def _explain(self, round_: "Round", one: ledger.Claimed) -> ledger.Explained | None:
        try:
            return round_.explain(one)
        except (ValueError, KeyError, OSError) as error:  # a stored plan or zone that is none: this patient's alone
            log.error(  # noqa: TRY400 the traceback would hold the patient's data
                "days_postponed", patient_id=one.patient_id, problem=type(error).__name__
            )
            return None


class Round:
    """What is known of the claimed patients, read at once."""

    def __init__(
        self, *, conn: Connection, claimed: Sequence[ledger.Claimed], now: datetime, overlap: timedelta
    ) -> None:
        self.now = now
        self.overlap = overlap
        ids = [one.patient_id for one in claimed]
        known = [one.explained_at for one in claimed if one.explained_at]
        self.changed = ledger.changed(conn, ids, since=min(known, default=now) - overlap)
        self.outages = outage_store.outages(conn, ids, now=now, since=now - ledger.OLDEST)
        self.pauses = pause_store.pauses(conn, ids)
        since = {one.patient_id: self._since(one) - A_DAY for one in claimed}  # a day more than any zone moves it
        self.readings = ledger.readings(conn, since, now=now)

    def explain(self, one: ledger.Claimed) -> ledger.Explained:
        """The days of one patient that may have changed.

        Raises:
            ValueError: the stored plan is not one; ZoneInfoNotFoundError (a KeyError), OSError: nor the zone.
        """
        zone = ZoneInfo(one.time_zone)
        used, doubted = store.sift(self.readings.get(one.patient_id, []))
        seen = Seen(
            zone=zone,
            plan=Plan.model_validate(one.plan or {}),
            enrolled_at=one.enrolled_at,
            left_at=one.left_at,
            weighed=[weight.measured_at for weight in used],
            waiting=[weight.measured_at for weight in doubted],
            scale_heard_at=one.scale_heard_at,
            has_scale=one.has_scale,
            outages=self.outages.spans(one.patient_id),
            pauses=[pause.span(zone) for pause in self.pauses[one.patient_id]],
        )
        first = self._since(one).astimezone(zone).date()
        return ledger.Explained(
            patient_id=one.patient_id,
            arrivals=one.arrivals,
            first=first,
            states=explained.explain(seen, first=first, now=self.now),
            due_at=explained.next_change(seen, now=self.now),
        )

    def _since(self, one: ledger.Claimed) -> datetime:
        """From when on the patient's days may have changed."""
        whole, changed = max(one.enrolled_at, self.now - ledger.OLDEST), self.changed.get(one.patient_id)
        news = one.arrivals != one.arrivals_seen
        if one.explained_at is None or (news and changed is None):
            return whole  # nothing newer was recorded, yet something changed: whose an older reading is
        instants = [one.explained_at - self.overlap, *([changed] if changed else [])]
        instants += [outage.from_at for outage in self.outages.of(one.patient_id) if outage.changed_at > instants[0]]
        days = [pause.first_day for pause in self.pauses[one.patient_id] if pause.changed_at > instants[0]]
        days += [one.unsettled] if one.unsettled else []
        # The day or the one before it, in any zone: at noon in Greenwich it is tomorrow in Auckland.
        instants += [datetime.combine(day, time(12), tzinfo=UTC) - A_DAY for day in days]
        return max(whole, min(instants))
