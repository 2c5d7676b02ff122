"""What would one write instead of an outbox? A thread that takes alerts from a queue and calls `apprise.notify`.

    python -m deploy.bench.rivals_delivery

reads lines `number url` and sends each: in a process of its own, as ours is. Nothing is kept, repeated or escalated.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST = 1_000_000
"""Its alerts' numbers, so that a gateway can tell them from ours."""


@contextmanager
def loop(url: str, hung_url: str) -> Iterator[Callable[[int, bool], int]]:
    """The loop in a process; returns what hands an alert to it."""
    command = [sys.executable, "-m", "deploy.bench.rivals_delivery"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        pipe, count = process.stdin, iter(range(FIRST, 10 * FIRST))

        def send(number: int, to_hung: bool) -> int:  # noqa: FBT001 two of a kind
            alert = next(count)
            pipe.write(f"{alert} {hung_url if to_hung else f'{url}?n={number}'}\n")
            pipe.flush()
            return alert

        try:
            yield send
        finally:
            process.kill()


def main() -> None:
    import apprise  # the one thing that is compared

    for line in sys.stdin:
        number, url = line.split()
        target = apprise.Apprise()
        target.add(url)
        target.notify(body=f"Vigie: alerte {number} (alerte) https://vigie.example/episodes/{number}")


if __name__ == "__main__":
    main()
