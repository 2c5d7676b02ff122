"""`python -m tests.ingest.adapters.fuzz -max_total_time=60`: atheris over every adapter, for developers.

Not among the dependencies: `pip install atheris` into a Python of your own that has Vigie's packages. It ends with the
bytes at fault if anything but a reading or a reasoned refusal leaves an adapter. It begins with the upstream vectors:
from nothing it would hardly find a brace.
"""

import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # installed by hand, see above

with atheris.instrument_imports(include=["ingest"]):
    from ingest.adapters import (
        arrival,  # with every adapter, instrumented
        bluetooth_sig,
        home_assistant,
        native,
        withings,
    )
    from ingest.adapters.strict_json import FaultError
from tests.ingest.adapters import vectors
from tests.ingest.adapters.test_dialects import check
from tests.ingest.discovery.test_announced import CLASSIC

TOPICS = sorted(vectors.TOPICS)
ANNOUNCED = home_assistant.Announced("bath/scale", "kg", "bath", ("weight",))


def one(data: bytes) -> None:
    """The first byte chooses the dialect, the rest is the payload."""
    choice, payload = data[:1], data[1:]
    check(vectors.message(TOPICS[int.from_bytes(choice, "big") % len(TOPICS)], payload))
    assert native.decode(payload)
    home_assistant.announced(payload)
    withings.notice(payload)
    heard = vectors.message(ANNOUNCED.topic, payload)
    check(heard, arrival.heard(heard, home_assistant.reader(ANNOUNCED)))
    for decode in (bluetooth_sig.weight_measurement, bluetooth_sig.body_composition):
        with suppress(FaultError):
            decode(payload)


def seeds() -> str:
    """A folder with each vector."""
    folder = Path(tempfile.mkdtemp(prefix="vigie-fuzz-"))
    for number, topic in enumerate(TOPICS):
        payload = vectors.message(topic, vectors.TOPICS[topic]).payload
        (folder / str(number)).write_bytes(bytes([number]) + payload)
    (folder / "announcement").write_bytes(b"\0" + json.dumps(CLASSIC).encode())
    return str(folder)


if __name__ == "__main__":
    atheris.Setup([*sys.argv, seeds()], one)
    atheris.Fuzz()
