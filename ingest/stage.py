"""Who does the next step while we do this one? A thread that takes over one thing after another, in their order."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")
LOOK_SECONDS = 0.2


class Stage(Generic[T]):
    """A context manager. `work` is done in a thread; an exception there sets `stop` and is raised again at the end.

    A thread that dies in silence would leave everything unacknowledged for ever. `rested` is called when it is `idle`.
    """

    def __init__(
        self, name: str, work: Callable[[T], None], *, stop: threading.Event, rested: Callable[[], None] = lambda: None
    ) -> None:
        self._work, self._stop, self._rested = work, stop, rested
        self._waiting: queue.Queue[T] = queue.Queue(1)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._fault: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._fault:
            raise self._fault

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

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    thing = self._waiting.get(timeout=LOOK_SECONDS)
                except queue.Empty:
                    continue
                self._work(thing)
                self._waiting.task_done()
                if self.idle:
                    self._rested()
        except BaseException as fault:  # noqa: BLE001 raised again by __exit__, in the thread that can end the program
            self._fault = fault
            self._stop.set()
