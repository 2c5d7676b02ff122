"""What do the scales say that devices announced to Home Assistant? A lane of its own, beside the dialects we know.

A session that the broker keeps, of worker 1 alone, so that nothing comes twice: the announcements, and the topics that
they name. In this order: weighings committed, announcements kept, new topics subscribed to, all acknowledged. Who is
killed in between begins again with what is kept, and gets the rest anew; kept earlier, an announcement taken back would
leave nobody to read what was said before.
"""

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from ingest.adapters import arrival, home_assistant
from ingest.adapters.arrival import Arrival
from ingest.discovery import announcements
from ingest.discovery.announcements import Registry
from ingest.storage.store import Outcome
from ingest.wire import subscriber
from ingest.wire.connection import Access, Delivery, Session
from ingest.wire.subscriber import CLIENT_ID, Lane
from ingest.worker import metrics
from ingest.worker.guarded import Guarded
from schemas.clock import Clock
from schemas.database import Connection

LOOK_SECONDS = 0.2

log = structlog.get_logger()

Keep = Callable[[Callable[[Connection], Registry]], Registry | None]
Commit = Callable[[list[Arrival]], Outcome | None]


class Announced(Guarded):
    """As long as it lasts, what was announced is followed, stored and acknowledged.

    `keep` and `commit` wait for the database; None from either means that `stop` was set.
    """

    def __init__(self, access: Access, *, clock: Clock, stop: threading.Event, keep: Keep, commit: Commit) -> None:
        super().__init__("announced", stop=stop)
        self._clock, self._keep, self._commit = clock, keep, commit
        self._registry = Registry()
        self._followed: set[str] = set()
        self._news = threading.Condition()
        session = Session(client_id=f"{CLIENT_ID}-announced", kept=True, filters=lambda _: (self._filters(), []))
        self._lane = Lane(access, session, now=clock.now, news=self._news)

    def _filters(self) -> list[str]:
        return [*home_assistant.FILTERS, *sorted(self._followed)]

    def run(self) -> None:
        """Begin with what is kept, for what waits at the broker comes before the announcements."""
        if registry := self._keep(announcements.known):
            self._registry, self._followed = registry, registry.topics
            self._lane.start()
            while not self._stop.is_set():
                with self._news:
                    self._news.wait_for(lambda: self._lane.pending, timeout=LOOK_SECONDS)
                if deliveries := self._lane.take():
                    self._handle(deliveries)
            self._lane.stop()

    def _handle(self, deliveries: Sequence[Delivery]) -> None:
        changed, arrivals = self._read(deliveries)
        if arrivals and not self._stored(arrivals):
            return
        if changed and self._keep(lambda conn: self._kept(conn, changed)) is None:
            return
        before, self._followed = self._followed, self._registry.topics
        connection = self._lane.connection  # of now: if it is another than brought these, it may have come too early
        if connection:
            connection.follow(sorted(self._followed - before), given_up=sorted(before - self._followed))
        subscriber.acknowledge(deliveries)

    def _read(self, deliveries: Sequence[Delivery]) -> tuple[list[str], list[Arrival]]:
        """The discovery topics that say something new, and what scales say; in the order in which both came."""
        changed: list[str] = []
        arrivals: list[Arrival] = []
        for message in (delivery.message for delivery in deliveries):
            if home_assistant.is_announcement(message.topic):
                if self._registry.learn(message.topic, message.payload):
                    changed.append(message.topic)
            else:
                for read in self._registry.readers(message.topic):
                    arrivals += arrival.heard(message, read)
        return changed, arrivals

    def _kept(self, conn: Connection, topics: Sequence[str]) -> Registry:
        announcements.keep(conn, self._registry, topics, now=self._clock.now())
        return self._registry

    def _stored(self, arrivals: list[Arrival]) -> bool:
        began = time.perf_counter()
        outcome = self._commit(arrivals)
        if outcome is None:
            return False
        metrics.count(arrivals, outcome, seconds=time.perf_counter() - began)
        log.info("batch", lane="announced", readings=len(arrivals), stored=outcome.stored, refused=outcome.refused)
        return True
