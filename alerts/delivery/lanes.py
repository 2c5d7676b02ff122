"""Who waits for whom? A few threads for each gateway: one that hangs delays its own messages, nobody else's."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

PER_GATEWAY = 4
THREADS = 32 * PER_GATEWAY
"""32 gateways may hang at once before the 33rd waits; threads wait cheaply."""


@dataclass(kw_only=True)
class Lanes:
    """Runs a drain per gateway: one as soon as something is due, more while each finds work."""

    name: str
    _executor: ThreadPoolExecutor = field(init=False)
    _running: dict[str, list[Future[None]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, self.name)

    def open(self, gateway: str, drain: Callable[[], None]) -> None:
        """One more lane for this gateway, unless it has all of its own."""
        with self._lock:
            lanes = self._running.setdefault(gateway, [])
            if sum(not lane.done() for lane in lanes) < PER_GATEWAY:
                lanes.append(self._executor.submit(drain))

    def rest(self) -> None:
        """Wait until nothing is being sent."""
        while self._running:
            self.sweep()
            time.sleep(0.01)

    def sweep(self) -> None:
        """Forget ended lanes.

        Raises:
            psycopg.Error: what one of them met.
        """
        with self._lock:
            ended = [lane for lanes in self._running.values() for lane in lanes if lane.done()]
            alive = {gateway: [one for one in lanes if one not in ended] for gateway, lanes in self._running.items()}
            self._running = {gateway: lanes for gateway, lanes in alive.items() if lanes}
        for lane in ended:
            lane.result()

    def close(self, *, wait: bool) -> None:
        """Let running sends end; what they have leased is sent again if we are killed first."""
        self._executor.shutdown(wait=wait, cancel_futures=True)
