"""Who notices that a thread has died? The program; in silence it would leave everything unacknowledged for ever."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Guarded(ABC):
    """A context manager: `run` in a thread; an exception there sets `stop`, and is raised again at the end."""

    def __init__(self, name: str, *, stop: threading.Event) -> None:
        self._stop = stop
        self._thread = threading.Thread(target=self._guard, name=name, daemon=True)
        self._fault: BaseException | None = None

    @abstractmethod
    def run(self) -> None:
        """What the thread does; returns soon after `stop` is set."""

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

    def _guard(self) -> None:
        try:
            self.run()
        except BaseException as fault:  # noqa: BLE001 raised again by __exit__, in the thread that can end the program
            self._fault = fault
            self._stop.set()
