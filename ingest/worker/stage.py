"""Who does the next step while we do this one? A thread that takes over one thing after another, in their order."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ingest.worker.guarded import Guarded

T = TypeVar("T")
LOOK_SECONDS = 0.2


class Stage(Guarded, Generic[T]):
    """A context manager. `work` is done in a thread; `rested` is called when it is `idle`."""

    def __init__(
        self, name: str, work: Callable[[T], None], *, stop: threading.Event, rested: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(name, stop=stop)
        self._work, self._rested = work, rested
        self._waiting: queue.Queue[T] = queue.Queue(1)

    @property
    def idle(self) -> bool:
        """Whether what is given now is begun at once."""
        return self._waiting.unfinished_tasks == 0

    def give(self, thing: T) -> None:
        """Hand over; waits while another thing waits already. After `stop` it is dropped."""
        while not self._stop.is_set():
            try:
                self._waiting.put(thing, timeout=LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                thing = self._waiting.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            self._work(thing)
            self._waiting.task_done()
            if self.idle:
                self._rested()
