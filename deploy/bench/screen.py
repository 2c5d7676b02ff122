"""When does a clinician see it? A signed-in client that listens and fetches as the worklist's script does."""

import re
import threading
import time
from types import TracebackType
from typing import Self

import httpx2

from clinician_api.dependencies import LIVE_HEADER

QUIET_SECONDS = 5.0
PATIENT = re.compile(r'data-patient="([^"]+)"')


class SignInFailedError(Exception):
    """The dashboard did not let us in."""


class Screen:
    """An open worklist; a context manager. `seen_at` (perf_counter seconds): when each patient first stood on it."""

    def __init__(self, url: str, *, email: str, password: str) -> None:
        self.seen_at: dict[str, float] = {}
        self._client = httpx2.Client(base_url=url, timeout=30)
        self._news, self._stop, self._listening = threading.Event(), threading.Event(), threading.Event()
        answer = self._client.post("/sign-in", data={"email": email, "password": password})
        if answer.status_code != 303:
            raise SignInFailedError(f"the sign-in page answered {answer.status_code}")
        self._threads = [
            threading.Thread(target=run, name=run.__name__, daemon=True) for run in (self._listen, self._fetch)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self._listening.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._news.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def _listen(self) -> None:
        """As an EventSource: after a silence, or a lost connection, come back and look at everything."""
        while not self._stop.is_set():
            try:
                self._hear()
            except httpx2.TransportError:
                self._news.set()

    def _hear(self) -> None:
        """News while a fetch is under way make one more fetch, not one each."""
        with self._client.stream("GET", "/live", timeout=QUIET_SECONDS) as stream:
            for line in stream.raise_for_status().iter_lines():
                self._listening.set()
                if line.startswith("event: news"):
                    self._news.set()
                if self._stop.is_set():
                    return

    def _fetch(self) -> None:
        while self._news.wait() and not self._stop.is_set():
            self._news.clear()
            answer = self._client.get("/", headers={LIVE_HEADER: "1"}).raise_for_status()
            now = time.perf_counter()
            for patient_id in PATIENT.findall(answer.text):
                self.seen_at.setdefault(patient_id, now)
