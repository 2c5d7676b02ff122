"""How much do we hold that is not acknowledged, and since when? The bound of a worker's memory."""

import threading
import time
from collections import deque
from collections.abc import Callable

MESSAGES, BYTES = 8000, 32 * 1024 * 1024


class Held:
    """Counts what came and what was acknowledged; who brings more waits for room until `lost`."""

    def __init__(self, lost: Callable[[], bool]) -> None:
        self.messages = 0
        self._bytes = 0
        self._since: deque[tuple[float, int]] = deque()  # when how many came that are not acknowledged
        self._lost = lost
        self._changed = threading.Condition()

    @property
    def has_room(self) -> bool:
        return self.messages < MESSAGES and self._bytes < BYTES

    @property
    def oldest_seconds(self) -> float:
        """How long ago the oldest that is not acknowledged came."""
        with self._changed:
            return time.monotonic() - self._since[0][0] if self._since else 0.0

    def add(self, sizes: list[int]) -> None:
        """So many more, of so many bytes each."""
        with self._changed:
            self.messages += len(sizes)
            self._bytes += sum(sizes)
            if sizes:
                self._since.append((time.monotonic(), len(sizes)))

    def remove(self, sizes: list[int]) -> None:
        """The oldest are acknowledged."""
        with self._changed:
            self.messages -= len(sizes)
            self._bytes -= sum(sizes)
            self._forget(len(sizes))
            self._changed.notify_all()

    def wait_for_room(self) -> None:
        """Until enough is acknowledged, or all is lost."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_room or self._lost())

    def wake(self) -> None:
        """Let who waits see that all is lost."""
        with self._changed:
            self._changed.notify_all()

    def _forget(self, count: int) -> None:
        while count and self._since:
            at, held = self._since.popleft()
            if held > count:
                self._since.appendleft((at, held - count))
            count -= min(count, held)
