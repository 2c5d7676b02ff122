"""How many scales can wake up in a second? Connect with a TLS client certificate, publish one reading, disconnect.

The real scales' pattern: each cycle is a whole TLS 1.3 handshake in which both sides prove who they are (P-256), then
CONNECT, PUBLISH with QoS 1, PUBACK, DISCONNECT; ingest takes the readings from the same broker meanwhile. Beside it the
same without TLS. Client, broker, ingest and database share this machine.
"""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from deploy.bench import flood, ingest, packets
from deploy.bench.ingest import DEVICES, BenchError
from deploy.servers import unprivileged
from deploy.servers.embedded_broker import free_port, mosquitto_program
from schemas.settings import BrokerUrl

THREADS = 16
CONFIG = """\
listener {plain} 127.0.0.1
allow_anonymous true
listener {tls} 127.0.0.1
cafile {folder}/ca.crt
certfile {folder}/server.crt
keyfile {folder}/server.key
require_certificate true
set_tcp_nodelay true
max_queued_messages 0
"""


def run(*, seconds: float = 10.0) -> dict[str, object]:
    """Measure, for `seconds` each; what happens is told on stderr.

    Raises:
        BenchError: mosquitto is not installed, or ingest did not take every reading.
    """
    report: dict[str, object] = {"bench": "wakes", "processors": os.cpu_count(), "threads": THREADS}
    with ingest.servers(0) as bench, bench.connect() as conn, _broker(bench.settings.home) as (plain, tls, context):
        url = TypeAdapter(BrokerUrl).validate_python(f"mqtt://127.0.0.1:{plain}")
        there = replace(bench, settings=bench.settings.model_copy(update={"broker_url": url}))
        with ingest.consumer(there, "vigie"):
            first = 0
            for name, port, secure in (("plain", plain, None), ("tls", tls, context)):
                taken = _wakes(port, secure, seconds=seconds, first=first)
                first += len(taken)
                p50, p99 = np.quantile(np.array(taken) * 1000, [0.5, 0.99]).round(2).tolist()
                report[name] = {"wakes_per_second": round(len(taken) / seconds), "ms": {"p50": p50, "p99": p99}}
                print(f"{name}: {report[name]}", file=sys.stderr, flush=True)
            ingest.until(conn, "vigie", first)
        report["stored"] = first
    return report


def _wakes(port: int, context: ssl.SSLContext | None, *, seconds: float, first: int) -> list[float]:
    """How long each wake took; every one publishes another reading."""
    numbers = iter(range(first, 10**9))
    lock, taken = threading.Lock(), list[float]()
    end = time.monotonic() + seconds

    def scale() -> None:
        while time.monotonic() < end:
            with lock:
                seq = next(numbers)
            began = time.perf_counter()
            _wake(port, context, seq)
            with lock:
                taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=scale) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def _wake(port: int, context: ssl.SSLContext | None, seq: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        link.sendall(packets.connect(f"wake-{seq}"))
        link.sendall(packets.publish(*flood.reading(seq, DEVICES), mid=1))
        splitter, kinds = packets.Splitter(), list[int]()
        while packets.PUBACK not in kinds:
            kinds += [kind for kind, _ in splitter.feed(link.recv(4096))]
        link.sendall(packets.GOODBYE)
        if context:
            link.close()


@contextmanager
def _broker(home: Path) -> Iterator[tuple[int, int, ssl.SSLContext]]:
    """A mosquitto with a port for ingest and one for scales with certificates, and what a scale needs."""
    program = mosquitto_program()
    if program is None:
        raise BenchError("mosquitto is not installed; the embedded broker knows no TLS")
    folder = Path(tempfile.mkdtemp(prefix="tls-", dir=home))
    folder.chmod(0o755)
    _certificates(folder)
    plain, tls = free_port(), free_port()
    (folder / "mosquitto.conf").write_text(CONFIG.format(plain=plain, tls=tls, folder=folder))
    user = unprivileged.service_user(folder)
    unprivileged.give(folder, user)
    command = [*unprivileged.command_prefix(user), program, "-c", str(folder / "mosquitto.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    context.load_cert_chain(folder / "scale.crt", folder / "scale.key")
    time.sleep(1)
    try:
        yield plain, tls, context
    finally:
        process.terminate()
        process.wait(20)


def _certificates(folder: Path) -> None:
    """A CA, and by it a server and a scale, valid for a day."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-x509"]
    for name, more in (
        ("ca", ["-subj", "/CN=bench CA"]),
        ("server", ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]),
        ("scale", ["-subj", "/CN=scale"]),
    ):
        signed = [] if name == "ca" else ["-CA", "ca.crt", "-CAkey", "ca.key"]
        command = ["openssl", "req", *key, *more, *signed, "-keyout", f"{name}.key", "-out", f"{name}.crt"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"openssl: {(done.stderr.strip().splitlines() or ['it failed'])[-1]}")
        (folder / f"{name}.key").chmod(0o644)
