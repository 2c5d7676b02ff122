"""How do several processes serve one port? Forked before anything runs; one that dies is replaced, none survives us."""

import os
import signal
import threading
import traceback
from collections.abc import Callable

import structlog

LOOK_SECONDS = 1.0  # also the pause before another is started instead of one that died

log = structlog.get_logger()


def run(count: int, work: Callable[[int], None], *, stop: threading.Event) -> None:
    """`work` in so many processes until `stop`, each told its number; they share what is open and loaded now.

    From the main thread, alone.
    """
    watched, held = os.pipe()  # the kernel closes our end however we die
    working = {_fork(work, number, watched=watched, held=held): number for number in range(count)}
    while not stop.wait(LOOK_SECONDS):
        for pid in list(working):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                log.warning("worker_died", status=os.waitstatus_to_exitcode(status))
                number = working.pop(pid)
                working[_fork(work, number, watched=watched, held=held)] = number
    for pid in working:
        os.kill(pid, signal.SIGTERM)
    for pid in working:
        os.waitpid(pid, 0)


def _fork(work: Callable[[int], None], number: int, *, watched: int, held: int) -> int:
    if pid := os.fork():
        return pid
    status = 1
    try:
        os.close(held)
        threading.Thread(target=_end_with_parent, args=(watched,), name="parent", daemon=True).start()
        work(number)
        status = 0
    except BaseException:  # noqa: BLE001 nothing of the parent's must run in this process
        traceback.print_exc()
    finally:
        os._exit(status)


def _end_with_parent(watched: int) -> None:
    os.read(watched, 1)
    os.kill(os.getpid(), signal.SIGTERM)
