"""`python -m tests.ingest.program [STEP N]`: the real ingest, killed by SIGKILL at the N-th time it reaches STEP.

    python -m tests.ingest.program sites WORKER SITE…

is one of several workers that share by their sites.

    python -m tests.ingest.program nursery

starts one for each line `WORKER STEP N` on stdin (WORKER 0: the only one; STEP `-`: not killed) and prints its pid: a
fork needs a hundredth of the second that Python takes to start.

The program holds no hooks for this: its steps are functions, and here one of them is wrapped. `lie` is a program that
gives its receipts and acknowledges before it commits; the kill test must find it out.
"""

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ingest import service
from ingest.storage import ordinary, reading_rows
from ingest.storage import store as storing
from ingest.storage.store import Answer, Outcome
from ingest.wire import subscriber
from schemas import logs
from schemas.clock import Clock, real_now
from schemas.database import Connection
from schemas.settings import read_settings

Step = Callable[..., Any]


def die_at(number: int) -> Callable[[], None]:
    left = iter(range(number - 1))

    def maybe_die() -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    return maybe_die


def before(step: Step, maybe_die: Callable[[], None]) -> Step:
    def wrapped(*args: object, **kwargs: object) -> object:
        maybe_die()
        return step(*args, **kwargs)

    return wrapped


def after(step: Step, maybe_die: Callable[[], None]) -> Step:
    def wrapped(*args: object, **kwargs: object) -> object:
        done = step(*args, **kwargs)
        maybe_die()
        return done

    return wrapped


def executed(step: Step) -> Step:
    """The same, but the server has done it when this returns; else it waits in the pipeline for the COMMIT."""

    def wrapped(conn: Connection, *args: object, **kwargs: object) -> object:
        done = step(conn, *args, **kwargs)
        with conn.pipeline():
            pass
        return done

    return wrapped


def arm(step: str, maybe_die: Callable[[], None]) -> None:
    if step == "received":
        service.read = before(service.read, maybe_die)
    elif step == "inside":
        reading_rows.insert = after(reading_rows.insert, maybe_die)
        ordinary.store = after(ordinary.store, maybe_die)
    elif step == "before-commit":
        storing.store = after(storing.store, maybe_die)
        ordinary.store = after(executed(ordinary.store), maybe_die)
    elif step == "before-receipt":
        service.send_receipts = before(service.send_receipts, maybe_die)
    elif step == "before-acknowledgement":
        service.acknowledge = before(service.acknowledge, maybe_die)
    elif step == "lie":
        service.handle = lying(maybe_die)
    else:
        raise SystemExit(f"no such step: {step}")


def lying(maybe_die: Callable[[], None]) -> Step:
    def handle(taken: service.Taken, *, store: service.Store, replies: object) -> None:
        answers = [
            Answer(topic=a.topic, seq=a.said.seq, word="stored", reason=None)
            for a in taken.batch.arrivals
            if a.said.seq is not None
        ]
        outcome = Outcome(answers=answers, new=Counter(), doubted=Counter(), known=Counter(), refused_for=Counter())
        service.send_receipts(outcome, taken.deliveries, at=real_now())
        service.acknowledge(taken.deliveries)
        time.sleep(0.3)  # so that the lie has left this process before it dies
        maybe_die()
        store.commit(taken.batch)

    return handle


def run(worker: int = 0, step: str = "-", number: int = 1, *, sites: Sequence[str] = ()) -> None:
    if step != "-":
        arm(step, die_at(number))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = read_settings()
    part = settings.ingest.model_copy(update={"worker": worker or None, "sites": list(sites)})
    logs.configure(service="ingest", log_format="json")
    service.run(settings.model_copy(update={"ingest": part}), clock=Clock(), stop=stop)


def nursery() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried at once
    for line in sys.stdin:
        worker, step, number = line.split()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(int(worker), step, int(number))
            os._exit(0)
        print(pid, flush=True)


def slow(seconds: float) -> None:
    """A database that is this slow, and patience of half a second for those who wait behind a backlog."""
    storing.store = before(storing.store, lambda: time.sleep(seconds))
    ordinary.store = before(ordinary.store, lambda: time.sleep(seconds))
    subscriber.BEHIND_SECONDS = 0.5


def main(arguments: list[str]) -> None:
    if arguments == ["nursery"]:
        nursery()
    elif arguments[:1] == ["slow"]:
        slow(float(arguments[1]))
        run()
    elif arguments[:1] == ["sites"]:
        run(int(arguments[1]), sites=arguments[2:])
    elif arguments:
        run(step=arguments[0], number=int(arguments[1]))
    else:
        run()


if __name__ == "__main__":
    main(sys.argv[1:])
