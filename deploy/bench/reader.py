"""How long does each answer take? So many readers, each asking again as soon as it has its answer; JSON in, JSON out.

A process of its own, with the standard library's client: what it costs itself is not counted as the server's.
"""

import http.client
import json
import sys
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for, in turn; a body makes it a POST."""

    port: int
    cookie: str
    readers: int
    seconds: float
    warm: int
    asks: list[tuple[str, str | None]]


def main() -> None:
    asked = Asked(**json.load(sys.stdin))
    took: list[float] = []
    threads = [threading.Thread(target=_read, args=(asked, number, took)) for number in range(asked.readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(took, sys.stdout)


def _read(asked: Asked, number: int, took: list[float]) -> None:
    conn = http.client.HTTPConnection("127.0.0.1", asked.port, timeout=60)
    for turn in range(asked.warm):
        _ask(conn, asked, number + turn * asked.readers)
    end, turn = time.monotonic() + asked.seconds, asked.warm
    while time.monotonic() < end:
        began = time.perf_counter()
        _ask(conn, asked, number + turn * asked.readers)
        took.append(time.perf_counter() - began)
        turn += 1


def _ask(conn: http.client.HTTPConnection, asked: Asked, which: int) -> None:
    path, body = asked.asks[which % len(asked.asks)]
    headers = {"Cookie": asked.cookie, "Accept-Encoding": "gzip"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    conn.request("GET" if body is None else "POST", path, body=body, headers=headers)
    answer = conn.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {text[:200]!r}")


if __name__ == "__main__":
    main()
