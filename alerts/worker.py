"""How do detectors, policy and outbox become a program? Loops that no patient, no gateway and no outage ends."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from alerts import choice_store, episode_store, outage_store, pause_store, policy, store
from alerts.days import notices
from alerts.days.keeper import Keeper
from alerts.days.lookout import Lookout
from alerts.delivery.post import Post
from alerts.delivery.sender import Sender
from alerts.detectors import silence
from alerts.judgement import assessment
from alerts.judgement.assessment import Assessment, Verdict
from alerts.judgement.choice import Choice
from alerts.outage_store import Outages
from alerts.pause_store import Pause
from alerts.router import Router
from alerts.trials.desk import Desk
from alerts.trials.job import Simulated
from alerts.vigil.vigil import Vigil
from schemas import database
from schemas.clock import Clock
from schemas.database import Connection
from schemas.settings import Settings

log = structlog.get_logger()

AT_ONCE = 100
CONNECTIONS = 12
"""Lanes hold one only while they lease or mark, never while they send."""
POLL_SECONDS = 1.0
BEAT_SECONDS = 2.0
VIGIL_SECONDS = 30.0
"""By the programs' clock: what is promised within minutes must be looked at as often."""
DAYS_SECONDS = 5.0
"""Real seconds between two rounds over the patients' days."""
POSTPONED_SECONDS = 300
"""Real seconds until a patient whose assessment failed is tried again."""
AGAIN = timedelta(days=1)
"""Look at everyone daily, also without a reading: a plan may have changed, or a closed silence may be due again."""


def run(settings: Settings, *, clock: Clock, stop: threading.Event, simulated: Simulated) -> None:
    """Assess and send until `stop` is set, whatever happens to the database in between.

    `simulated` makes the patients on which a change is tried while the clinic's own history is too short.
    """
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    with database.open_pool(url, service="alerts", max_size=CONNECTIONS) as pool:
        work = Worker(
            url=url,
            pool=pool,
            clock=clock,
            stop=stop,
            screens_url=settings.screens_url,
            fallback_seconds=settings.alerts.fallback_seconds,
            ping_url=settings.alerts.ping_url.get_secret_value() if settings.alerts.ping_url else None,
        )
        threads = [
            threading.Thread(target=work.keep_up, args=(name, loop), name=name)
            for name, loop in (
                ("heartbeat", work.beat),
                ("send", work.send),
                ("assess", work.assess),
                ("route", work.route),
                ("days", work.days),
                ("look_out", work.look_out),
                ("vigil", work.keep_vigil),
                ("try", lambda: work.answer_trials(simulated)),
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@dataclass(kw_only=True)
class Worker:
    """The loops of one process; any number of processes share the work."""

    url: str
    pool: ConnectionPool[Connection]
    clock: Clock
    stop: threading.Event
    screens_url: str
    fallback_seconds: float = 120.0
    ping_url: str | None = None
    postponed: set[str] = field(default_factory=set)
    """Patients whose last assessment failed here."""
    interrupted: dict[str, str] = field(default_factory=dict)
    """Loops that ended with an error and have not worked since, with its name."""

    def keep_up(self, name: str, loop: Callable[[], None]) -> None:
        """Run `loop`; after an outage of the database again, waiting 0.2 s to 10 s in between."""
        failures = 0
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                loop()
            except Exception as error:  # noqa: BLE001 a watch that ends because of one error watches nobody
                self.interrupted[name] = type(error).__name__
                failures = 1 if time.monotonic() - began > 30 else failures + 1
                log.warning("interrupted", loop=name, problem=type(error).__name__, failures=failures)
                self.stop.wait(min(10.0, 0.1 * 2.0 ** min(failures, 7)) * random.uniform(0.75, 1.25))  # noqa: S311

    def beat(self) -> None:
        """Say every 2 s that we live, and who cannot be assessed."""
        with database.connect(self.url, service="alerts", autocommit=True) as conn:
            while True:
                self.interrupted.pop("heartbeat", None)
                database.beat(conn, program="alerts", detail=self._state())
                if self.stop.wait(BEAT_SECONDS):
                    return

    def _state(self) -> str:
        if self.interrupted:
            return "; ".join(f"{name} is interrupted: {problem}" for name, problem in self.interrupted.copy().items())
        count = len(self.postponed)
        return f"{count} patients could not be assessed; see the log" if count else "ok"

    def send(self) -> None:
        """Send what is due whenever something is written, and each second."""
        lanes = Sender(
            pool=self.pool,
            clock=self.clock,
            stop=self.stop,
            screens_url=self.screens_url,
            fallback_seconds=self.fallback_seconds,
        )
        try:
            with self._listen("vigie_notification") as conn:
                while not self.stop.is_set():
                    lanes.send_due()
                    self.interrupted.pop("send", None)
                    _wait(conn)
        finally:
            lanes.close()

    def assess(self) -> None:
        """Assess whenever a reading is committed, and each second whoever is due."""
        with self._listen("vigie_reading") as conn:
            while not self.stop.is_set():
                self.assess_due()
                self.interrupted.pop("assess", None)
                _wait(conn)

    def assess_due(self) -> None:
        """Assess everyone with new readings or a passed hour, a hundred in a transaction."""
        with self.pool.connection() as conn:
            store.watch_everyone(conn, now=self.clock.now())
        while not self.stop.is_set():
            with self.pool.connection() as conn:
                if self.assess_some(conn) < AT_ONCE:
                    return

    def assess_some(self, conn: Connection) -> int:
        """Assess up to a hundred who are due, in the caller's transaction; how many they were."""
        began = time.monotonic()
        now = self.clock.now()
        postponed = timedelta(seconds=POSTPONED_SECONDS * self.clock.rate)
        claimed = store.claim(conn, now=now, longest=AGAIN + 2 * postponed, limit=AT_ONCE)
        if not claimed:
            return 0
        patient_ids = [patient.patient_id for patient in claimed]
        with store.planned_once(conn):
            batch = Batch(
                conn=conn,
                choice=choice_store.choice(conn),
                outages=outage_store.outages(conn, patient_ids, now=now),
                pauses=pause_store.pauses(conn, patient_ids),
                now=now,
                retry_at=now + postponed,
                router=Router(conn=conn, now=now),
            )
            records = store.read(conn, claimed, now=now)
        for patient in claimed:
            batch.take(patient, records)
        batch.write()
        self.postponed.difference_update(patient_ids)
        self.postponed.update(batch.failed)
        log.info(
            "assessed",
            patients=len(claimed),
            failed=len(batch.failed),
            actions=batch.actions,
            notifications=batch.notifications,
            seconds=round(time.monotonic() - began, 3),
        )
        return len(claimed)

    def route(self) -> None:
        """Each second, take the next step of every episode whose moment has come: the next person, or a reminder."""
        while not self.stop.is_set():
            while self._route_some() == AT_ONCE and not self.stop.is_set():
                pass
            self.interrupted.pop("route", None)
            self.stop.wait(POLL_SECONDS)

    def _route_some(self) -> int:
        with self.pool.connection() as conn:
            moves = Router(conn=conn, now=self.clock.now()).go_on(limit=AT_ONCE)
        if moves:
            log.info("routed", episodes=len(moves), notifications=sum(len(move.tell) for move in moves))
        return len(moves)

    def days(self) -> None:
        """Keep the patients' days explained."""
        keeper = Keeper(pool=self.pool, clock=self.clock)
        while not self.stop.is_set():
            keeper.explain_due()
            self.interrupted.pop("days", None)
            self.stop.wait(DAYS_SECONDS)

    def look_out(self) -> None:
        """Look out for outages of ours; tell the team of them, and of what else is no alert."""
        lookout = Lookout(pool=self.pool, clock=self.clock)
        sending = Post(pool=self.pool, clock=self.clock, stop=self.stop, screens_url=self.screens_url)
        try:
            while not self.stop.is_set():
                lookout.look()
                with self.pool.connection() as conn:
                    notices.write(conn, now=self.clock.now())
                sending.send_due()
                self.interrupted.pop("look_out", None)
                self.stop.wait(POLL_SECONDS)
        finally:
            sending.close()

    def keep_vigil(self) -> None:
        """Watch ourselves."""
        vigil = Vigil(pool=self.pool, clock=self.clock, ping_url=self.ping_url)
        while not self.stop.is_set():
            vigil.look()
            self.interrupted.pop("vigil", None)
            self.stop.wait(max(POLL_SECONDS / 2, VIGIL_SECONDS / self.clock.rate))

    def answer_trials(self, simulated: Simulated) -> None:
        """Answer what would have been, for whoever asks before a change."""
        desk = Desk(url=self.url, pool=self.pool, clock=self.clock, stop=self.stop, simulated=simulated)
        while not self.stop.is_set():
            desk.answer_due()
            self.interrupted.pop("try", None)
            self.stop.wait(POLL_SECONDS)

    def _listen(self, channel: Literal["vigie_reading", "vigie_notification"]) -> AbstractContextManager[Connection]:
        conn = database.connect(self.url, service="alerts", autocommit=True)
        conn.execute(f"LISTEN {channel}")
        return conn


@dataclass(kw_only=True)
class Batch:
    """Claimed patients, one transaction: what was decided for each, and who failed."""

    conn: Connection
    choice: Choice
    outages: Outages
    pauses: dict[str, list[Pause]]
    now: datetime
    retry_at: datetime
    router: Router
    assessments: dict[str, Assessment] = field(default_factory=dict)
    nexts: list[store.Next] = field(default_factory=list)
    failed: dict[str, store.Next] = field(default_factory=dict)
    actions: int = 0
    notifications: int = 0

    def take(self, patient: store.Claimed, records: dict[str, store.Record]) -> None:
        """Assess one patient and write what follows; if that fails, postpone this one alone."""
        try:
            self._take(patient, records[patient.patient_id])
        except psycopg.OperationalError:
            raise  # the database went away: nobody's fault in particular
        except Exception as error:  # noqa: BLE001 one poisoned patient never stops the others
            log.error(  # noqa: TRY400 the traceback would hold the patient's data
                "patient_postponed", patient_id=patient.patient_id, problem=type(error).__name__
            )
            self.failed[patient.patient_id] = store.Next(
                patient_id=patient.patient_id, arrivals=patient.arrivals, recorded_seen=None, due_at=self.retry_at
            )

    def _take(self, patient: store.Claimed, record: store.Record) -> None:
        facts = replace(record.facts(self.choice), outages=self.outages.spans(patient.patient_id))
        facts = pause_store.paused(facts, self.pauses[patient.patient_id])
        found = assessment.assess(facts, now=self.now, known_until=patient.recorded_seen)
        actions = policy.decide(found, latest=record.latest(), now=self.now, first_light=patient.first_light)
        with self.conn.transaction() if actions else nullcontext():
            acts = [
                episode_store.act(self.conn, action, patient_id=patient.patient_id, router=self.router)
                for action in actions
            ]
        for move in acts:
            if move is not None and not move.tell:  # the team's hours, or no user has an address: the list shows it
                log.warning("told_later", patient_id=patient.patient_id, not_before=str(move.next_at))
            self.notifications += len(move.tell) if move else 0
        self.actions += len(actions)
        if patient.has_arrivals:
            found.verdicts.extend(_in_the_shadow(facts, patient_id=patient.patient_id))
            self.assessments[patient.patient_id] = found
        self.nexts.append(
            store.Next(
                patient_id=patient.patient_id,
                arrivals=patient.arrivals,
                recorded_seen=record.recorded_until,
                due_at=self._look_again(facts),
            )
        )

    def _look_again(self, facts: assessment.Facts) -> datetime:
        due_at = silence.due_at(
            facts.silent_since, zone=facts.zone, plan=facts.plan, outages=facts.outages, pauses=facts.pauses
        )
        tomorrow = self.now + AGAIN
        return min(due_at, tomorrow) if due_at > self.now else tomorrow

    def write(self) -> None:
        episode_store.record_assessments(self.conn, self.assessments, now=self.now)
        store.watch_on(self.conn, self.nexts)
        store.postpone(self.conn, self.failed.values())


def _in_the_shadow(facts: assessment.Facts, *, patient_id: str) -> list[Verdict]:
    """What the shadow detector says; one that fails costs its own verdict, never an alert."""
    try:
        return assessment.shadowed(facts)
    except Exception as error:  # noqa: BLE001 a detector on trial may be wrong in any way
        log.error(  # noqa: TRY400 the traceback would hold the patient's data
            "shadow_failed", patient_id=patient_id, problem=type(error).__name__
        )
        return []


def _wait(conn: Connection) -> None:
    """Until the database announces something, at most a second."""
    for _ in conn.notifies(timeout=POLL_SECONDS, stop_after=1):
        pass
