"""What does `vigie ingest` do? Take what came, store it, give receipts, acknowledge: in this order and no other.

Three batches are under way at once, one in each step; they keep their order. A kill between any two steps costs a
repetition, never a reading: what was not acknowledged comes again from the broker, what was not receipted comes again
from the scale, and `receipt` (the table) makes both harmless.
"""

import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import LiteralString, TypeVar

import psycopg
import structlog

from ingest.adapters import arrival
from ingest.adapters.arrival import Arrival, Sighting
from ingest.claim import Refusal
from ingest.discovery.announced import Announced
from ingest.storage import ordinary
from ingest.storage import receipts as receipt_messages
from ingest.storage import store as storing
from ingest.storage.ordinary import Asked
from ingest.storage.sightings import Told
from ingest.storage.store import Outcome
from ingest.wire import subscriber
from ingest.wire.connection import Access, Delivery, NoBrokerError
from ingest.wire.subscriber import Subscriber
from ingest.wire.subscriptions import Share
from ingest.worker import heartbeat, metrics, seat
from ingest.worker.stage import Stage
from schemas import database
from schemas.clock import Clock
from schemas.settings import Settings

RETRY_SECONDS = (0.1, 5.0)
GARBAGE = 200_000  # objects until Python looks for cycles; a message makes none, and looking was a quarter of our time
TURN_SECONDS = 0.0005  # who has heard from the database waits no longer for a thread that decodes (Python's: 5 ms)

# Everything here is looked up by key. A plan made while a table is small must not become a scan when it has grown.
PLANS: LiteralString = """
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET jit = off; SET plan_cache_mode = force_generic_plan
"""

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a batch of messages says; `asked` if it was looked through for what is ordinary."""

    arrivals: list[Arrival]
    sightings: list[Sighting]
    asked: Asked | None = None


class Store:
    """The database as this program sees it: one connection, made anew after every failure."""

    def __init__(self, url: str, *, clock: Clock, stop: threading.Event) -> None:
        self.detail = "ok"
        self._url = url
        self._clock = clock
        self._stop = stop
        self._conn: database.Connection | None = None
        self._told = Told()

    def commit(self, batch: Batch) -> Outcome | None:
        """Store a batch; as `do`."""
        return self._insist(lambda conn: self._store(conn, batch))

    def do(self, work: Callable[[database.Connection], T]) -> T | None:
        """Do this and commit, however long the database is away; None only if `stop` was set meanwhile."""

        def committed(conn: database.Connection) -> T:
            with conn.transaction():
                return work(conn)

        return self._insist(committed)

    def _insist(self, work: Callable[[database.Connection], T]) -> T | None:
        wait, longest = RETRY_SECONDS
        while not self._stop.is_set():
            try:
                outcome = work(self._connected())
            except psycopg.Error as error:
                self._lose(error)
                self._stop.wait(wait)
                wait = min(longest, wait * 2)
            else:
                self.detail = "ok"
                return outcome
        return None

    def close(self) -> None:
        if self._conn:
            self._conn.close()

    def _connected(self) -> database.Connection:
        if self._conn is None or self._conn.closed:
            self._conn = database.connect(self._url, service="ingest", autocommit=True)
            self._conn.execute(PLANS)
        return self._conn

    def _store(self, conn: database.Connection, batch: Batch) -> Outcome:
        now, rate = self._clock.now(), self._clock.rate
        try:
            return store_batch(conn, batch, now=now, rate=rate, told=self._told)
        except Exception as error:
            if not _is_poison(error):
                raise
            log.error("poison", error=type(error).__name__)  # noqa: TRY400 the database's text repeats the weight
            return store_one_by_one(conn, batch, now=now, rate=rate)

    def _lose(self, error: psycopg.Error) -> None:
        detail = f"the database does not take readings: {type(error).__name__}"
        if detail != self.detail:
            log.error("database", detail=detail, sqlstate=error.sqlstate)
        self.detail = detail
        if self._conn:
            self._conn.close()
        self._conn = None


def run(settings: Settings, *, clock: Clock, stop: threading.Event) -> None:
    """Ingest until `stop` is set; outages of broker and database are waited out.

    Raises:
        seat.TakenError: another one is at work under our number.
    """
    assert settings.database_url
    assert settings.broker_url
    gc.freeze()
    gc.set_threshold(GARBAGE)
    sys.setswitchinterval(TURN_SECONDS)
    url = settings.database_url.get_secret_value()
    worker = settings.ingest.worker or 1
    seated = seat.take(url, worker=worker, stop=stop)
    store = Store(url, clock=clock, stop=stop)
    share = Share(worker=settings.ingest.worker, sites=tuple(settings.ingest.sites))
    access = Access(url=settings.broker_url, tls=settings.broker)
    broker = Subscriber(access, share, now=clock.now, stop=stop, able=lambda: store.detail == "ok")
    if settings.metrics_port:
        metrics.watch(oldest_seconds=lambda: broker.oldest_seconds, unacknowledged=lambda: broker.outstanding)
        metrics.serve(settings.metrics_port)
    beating = heartbeat.start(url, seated=seated, worker=worker, detail=lambda: _detail(store, broker), stop=stop)
    replies: Stage[Committed] = Stage("replies", lambda committed: finish(committed, at=clock.now()), stop=stop)
    commits: Stage[Taken] = Stage(
        "commits", lambda taken: handle(taken, store=store, replies=replies), stop=stop, rested=broker.look
    )
    with ExitStack() as stack:
        if worker == 1:
            stack.enter_context(_announced(access, Store(url, clock=clock, stop=stop), clock=clock, stop=stop))
        for context in (broker, replies, commits):
            stack.enter_context(context)
        for deliveries in broker.batches(ready=lambda: commits.idle):
            commits.give(take(deliveries, rate=clock.rate))
    store.close()
    beating.join()


def _announced(access: Access, store: Store, *, clock: Clock, stop: threading.Event) -> Announced:
    """With a database connection of its own, so that it waits for nobody."""
    return Announced(
        access,
        clock=clock,
        stop=stop,
        keep=store.do,
        commit=lambda arrivals: store.commit(Batch(arrivals=arrivals, sightings=[])),
    )


def _detail(store: Store, broker: Subscriber) -> str:
    return "; ".join(detail for detail in (broker.detail, store.detail) if detail != "ok") or "ok"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Messages, and what they say; `began` in perf_counter seconds."""

    deliveries: Sequence[Delivery]
    batch: Batch
    began: float


@dataclass(frozen=True, kw_only=True)
class Committed:
    """What was taken, and is safe."""

    taken: Taken
    outcome: Outcome


def take(deliveries: Sequence[Delivery], *, rate: float) -> Taken:
    began = time.perf_counter()
    return Taken(deliveries=deliveries, batch=read(deliveries, rate=rate), began=began)


def handle(taken: Taken, *, store: Store, replies: Stage[Committed]) -> None:
    """One batch as far as its commit; only then are there replies."""
    began = time.perf_counter()
    outcome = store.commit(taken.batch)
    if outcome is not None:
        metrics.count(taken.batch.arrivals, outcome, seconds=time.perf_counter() - began)
        replies.give(Committed(taken=taken, outcome=outcome))


def finish(committed: Committed, *, at: datetime) -> None:
    """Receipts, then acknowledgements; never the other way round."""
    deliveries, outcome = committed.taken.deliveries, committed.outcome
    receipted = send_receipts(outcome, deliveries, at=at)
    if receipted:
        acknowledge(deliveries)
    log.info(
        "batch",
        messages=len(deliveries),
        readings=len(committed.taken.batch.arrivals),
        stored=outcome.stored,
        quarantined=outcome.quarantined,
        known=outcome.known.total(),
        refused=outcome.refused - outcome.seq_reused,
        seq_reused=outcome.seq_reused,
        receipted=receipted,
        ms=round((time.perf_counter() - committed.taken.began) * 1000, 1),
    )


def read(deliveries: Sequence[Delivery], *, rate: float) -> Batch:
    """Take the messages apart."""
    arrivals: list[Arrival] = []
    sightings: list[Sighting] = []
    for message in (delivery.message for delivery in deliveries):
        if arrival.is_status(message):
            sightings += [seen] if (seen := arrival.sighting(message)) else []
        else:
            arrivals += arrival.arrivals(message)
    return Batch(arrivals=arrivals, sightings=sightings, asked=ordinary.ask(arrivals, sightings, rate=rate))


def store_batch(
    conn: database.Connection, batch: Batch, *, now: datetime, rate: float, told: Told | None = None
) -> Outcome:
    """Store everything, and commit: what is ordinary at once, the rest in a transaction of its own."""
    outcomes = []
    rest, heard = batch.arrivals, batch.sightings
    if batch.asked and batch.asked.claims:
        try:
            kept, left = _store_ordinary(conn, batch.asked, now=now, told=told or Told())
        except psycopg.DatabaseError as error:
            if error.sqlstate != ordinary.OVERTAKEN:
                raise
        else:
            outcomes.append(kept)
            rest, heard = [*left, *batch.asked.rest], []
    if rest or heard:
        with conn.pipeline(), conn.transaction():
            outcomes.append(storing.store(conn, rest, heard, now=now, rate=rate))
    return outcomes[0] if len(outcomes) == 1 else _sum(outcomes)


def _store_ordinary(
    conn: database.Connection, asked: Asked, *, now: datetime, told: Told
) -> tuple[Outcome, list[Arrival]]:
    """What was stored of these, and what was not; one way to the server and back."""
    news = told.news(asked.seen)
    with _at_once(conn):
        answering = ordinary.store(conn, asked, news=news, now=now)
    told.remember(news)
    answer = answering.fetchone()
    assert answer
    return ordinary.outcome(asked, answer)


@contextmanager
def _at_once(conn: database.Connection) -> Iterator[None]:
    """A transaction that travels with its BEGIN and COMMIT; psycopg's own would wait for the answer to each."""
    try:
        with conn.pipeline():
            conn.execute("BEGIN")
            yield
            conn.execute("COMMIT")
    except BaseException:
        conn.rollback()
        raise


def store_one_by_one(conn: database.Connection, batch: Batch, *, now: datetime, rate: float) -> Outcome:
    """Store a batch that the database refuses as a whole: each item alone, a bad one as a refusal."""
    outcomes = []
    for single in _singles(batch):
        try:
            outcomes.append(store_batch(conn, single, now=now, rate=rate))
        except Exception as error:
            if not _is_poison(error):
                raise
            outcomes.append(store_batch(conn, _refused(single), now=now, rate=rate))
    return _sum(outcomes)


def _sum(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        answers=[answer for outcome in outcomes for answer in outcome.answers],
        new=sum((outcome.new for outcome in outcomes), Counter()),
        doubted=sum((outcome.doubted for outcome in outcomes), Counter()),
        known=sum((outcome.known for outcome in outcomes), Counter()),
        refused_for=sum((outcome.refused_for for outcome in outcomes), Counter()),
    )


def _is_poison(error: Exception) -> bool:
    """Whether this batch is at fault (or our code, by it), and not the database, which would refuse any batch."""
    return isinstance(error, psycopg.DataError | psycopg.IntegrityError) or not isinstance(error, psycopg.Error)


def _singles(batch: Batch) -> Iterator[Batch]:
    for item in batch.arrivals:
        yield Batch(arrivals=[item], sightings=[])
    for seen in batch.sightings:
        yield Batch(arrivals=[], sightings=[seen])


def _refused(single: Batch) -> Batch:
    """The same item as a refusal; a sighting is dropped, the next one says the same."""
    arrivals = [replace(item, said=_refusal(item)) for item in single.arrivals]
    return Batch(arrivals=arrivals, sightings=[])


def _refusal(item: Arrival) -> Refusal:
    raw = item.said.raw
    return Refusal(
        seq=item.said.seq,
        reason="the database refuses this reading",
        raw=raw if isinstance(raw, bytes) else raw.encode(),
    )


def send_receipts(outcome: Outcome, deliveries: Sequence[Delivery], *, at: datetime) -> bool:
    """Give each scale its words; whether they are on their way. If not, the messages come again."""
    try:
        subscriber.publish(receipt_messages.receipts(outcome.answers, at=at), deliveries)
    except NoBrokerError:
        return False
    return True


def acknowledge(deliveries: Sequence[Delivery]) -> None:
    subscriber.acknowledge(deliveries)
