"""What does it cost here to have something safely on disk? Every commit pays it, so it stands next to each latency."""

import os
import time
from pathlib import Path

WRITES = 200
BLOCK = b"v" * 8192  # PostgreSQL's own


def sync_seconds(folder: Path) -> list[float]:
    """How long each of 200 writes of a database block with its fdatasync took, in a file in `folder`."""
    path = folder / "sync-probe"
    file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    taken = []
    try:
        for number in range(WRITES):
            began = time.perf_counter()
            os.pwrite(file, BLOCK, number * len(BLOCK))
            os.fdatasync(file)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(file)
        path.unlink()
    return taken
