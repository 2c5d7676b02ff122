"""How long does each answer take? So many readers, each asking again at once or after a pause; JSON in, JSON out.

A process of its own, with the standard library's client: what it costs itself is not counted as the server's.
"""

import http.client
import json
import random
import sys
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for, in turn; a body makes it a POST. Each reader pauses half to one and a half times `pause_s`."""

    port: int
    cookie: str
    readers: int
    seconds: float
    pause_s: float
    asks: list[tuple[str, str | None]]


def main() -> None:
    asked = Asked(**json.load(sys.stdin))
    took: list[tuple[float, float]] = []
    threads = [threading.Thread(target=_read, args=(asked, number, took)) for number in range(asked.readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(took, sys.stdout)


def _read(asked: Asked, number: int, took: list[tuple[float, float]]) -> None:
    conn = http.client.HTTPConnection("127.0.0.1", asked.port, timeout=60)
    chance = random.Random(number)  # noqa: S311 no secret
    counts, turn = time.monotonic() + asked.seconds / 4, 0  # before that, programs and caches get warm
    own: list[tuple[float, float]] = []
    while (now := time.monotonic()) < counts + asked.seconds or not own:
        sent = time.perf_counter()
        server_s = _ask(conn, asked, number + turn * asked.readers)
        if now >= counts:
            own.append((time.perf_counter() - sent, server_s))
        time.sleep(asked.pause_s * chance.uniform(0.5, 1.5))
        turn += 1
    took += own


def _ask(conn: http.client.HTTPConnection, asked: Asked, which: int) -> float:
    """The seconds that the server says it took, from the request's head to the answer's; 0 if it says nothing."""
    path, body = asked.asks[which % len(asked.asks)]
    headers = {"Cookie": asked.cookie, "Accept-Encoding": "gzip"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    conn.request("GET" if body is None else "POST", path, body=body, headers=headers)
    answer = conn.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {text[:200]!r}")
    return float(answer.getheader("Server-Timing", "0").rpartition("=")[2]) / 1000


if __name__ == "__main__":
    main()
