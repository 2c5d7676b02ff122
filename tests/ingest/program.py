"""`python -m tests.ingest.program [STEP N]`: the real ingest, killed by SIGKILL at the N-th time it reaches STEP.

The program holds no hooks for this: its steps are functions, and here one of them is wrapped. `lie` is a program that
gives its receipts and acknowledges before it commits; the kill test must find it out.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ingest import arrival, service
from ingest import store as storing
from ingest.store import Answer, Outcome
from ingest.subscriber import Delivery, Subscriber
from schemas import logs
from schemas.clock import Clock
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


def arm(step: str, maybe_die: Callable[[], None]) -> None:
    if step == "received":
        service.read = before(service.read, maybe_die)
    elif step == "before-commit":
        storing.store = after(storing.store, maybe_die)
    elif step == "before-receipt":
        service.send_receipts = before(service.send_receipts, maybe_die)
    elif step == "before-acknowledgement":
        service.acknowledge = before(service.acknowledge, maybe_die)
    elif step == "lie":
        service.handle = lying(maybe_die)
    else:
        raise SystemExit(f"no such step: {step}")


def lying(maybe_die: Callable[[], None]) -> Step:
    def handle(deliveries: Sequence[Delivery], *, store: service.Store, subscriber: Subscriber, clock: Clock) -> None:
        said = [a for d in deliveries if not arrival.is_status(d.message) for a in arrival.arrivals(d.message)]
        answers = [
            Answer(topic=a.topic, seq=a.said.seq, word="stored", reason=None) for a in said if a.said.seq is not None
        ]
        outcome = Outcome(answers=answers, stored=0, quarantined=0, refused=0)
        service.send_receipts(outcome, subscriber=subscriber, at=clock.now())
        service.acknowledge(deliveries)
        time.sleep(0.3)  # so that the lie has left this process before it dies
        maybe_die()
        store.commit(service.read(deliveries))

    return handle


def main() -> None:
    if sys.argv[1:]:
        arm(sys.argv[1], die_at(int(sys.argv[2])))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = read_settings()
    logs.configure(service="ingest", log_format="json")
    service.run(settings, clock=Clock(), stop=stop)


if __name__ == "__main__":
    main()
