"""What do many scales send? Readings at a rate, or as fast as the broker takes them, over one bare connection.

    python -m deploy.bench.flood PORT FIRST READINGS DEVICES RATE [native|openscale]    (RATE 0: as fast as it goes)

Prints one JSON object: when it began (epoch), seconds, and at a rate the milliseconds from sending a reading to its
receipt, p50 and p99. At a rate each reading says when it was sent, for who measures to the commit. The packets are made
beforehand, whoever is to take them: on one machine, what the load costs is taken from who is measured.
"""

import json
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from deploy.bench import packets
from schemas.clock import real_now

WINDOW = 500
FIRST = datetime(2026, 1, 1, 6, tzinfo=UTC)
PATIENCE_SECONDS = 60


class Flood:
    """One connection for all scales; counts what the broker has taken, and notes when receipts come."""

    def __init__(self, port: int, *, listen: bool) -> None:
        self.receipted: dict[int, float] = {}
        self._sent = self._taken = 0
        self._changed = threading.Condition()
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(packets.connect(f"flood-{time.time_ns()}"))
        if listen:
            self._socket.sendall(packets.subscribe("vigie/1/bench/+/receipt"))
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, made: list[bytes]) -> None:
        """Publish these, never more than a window ahead of the broker."""
        for start in range(0, len(made), 100):
            some = made[start : start + 100]
            self.wait_for(self._sent - WINDOW + 1)
            self._socket.sendall(b"".join(some))
            self._sent += len(some)

    def wait_for(self, count: int) -> None:
        """Until the broker has taken so many."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken >= count)

    def _read(self) -> None:
        splitter = packets.Splitter()
        while data := self._socket.recv(65536):
            now = time.perf_counter()
            taken, answers = 0, []
            for kind, body in splitter.feed(data):
                if kind == packets.PUBACK:
                    taken += 1
                elif kind == packets.PUBLISH:
                    answers.append(self._note(body, now))
            if answers:
                self._socket.sendall(b"".join(answers))
            with self._changed:
                self._taken += taken
                self._changed.notify()

    def _note(self, body: bytes, now: float) -> bytes:
        """Remember a receipt; the answer to it."""
        mid, payload = packets.published(body)
        for seq in json.loads(payload)["stored"]:
            self.receipted.setdefault(seq, now)
        return packets.acknowledgement(mid)


def make(seqs: range, devices: int, *, dialect: str, stamped: bool) -> list[bytes]:
    """The packets; `stamped` ones end in a time that `stamp` puts there."""
    tell = openscale if dialect == "openscale" else reading
    made = []
    for seq in seqs:
        topic, payload = tell(seq, devices)
        if stamped:
            payload = payload[:-1] + b', "sent_at": "' + _now() + b'"}'
        made.append(packets.publish(topic, payload, mid=seq % 65535 + 1))
    return made


def stamp(made: list[bytes]) -> list[bytes]:
    """The same, sent now."""
    end = _now() + b'"}'
    return [packet[: -len(end)] + end for packet in made]


def _now() -> bytes:
    """Always of one length."""
    return real_now().isoformat(timespec="microseconds").encode()


def reading(seq: int, devices: int) -> tuple[str, bytes]:
    """A believable reading: each scale weighs its patient once a day."""
    day, device = divmod(seq, devices)
    at = (FIRST + timedelta(hours=day / 6, seconds=device)).isoformat()
    payload = f'{{"seq": {seq}, "measured_at": "{at}", "weight_kg": {78 + device % 40 / 10 + day % 7 / 10:.1f}, '
    payload += f'"battery_pct": {60 + device % 40}, "impedance_ohm": 503, "user_slot": 1, "firmware": "1.4.2"}}'
    return f"vigie/1/bench/s{device}/reading", payload.encode()


def openscale(seq: int, devices: int) -> tuple[str, bytes]:
    """The same weighing, told by openScale-sync: it reads no receipts."""
    day, device = divmod(seq, devices)
    at = int((FIRST + timedelta(hours=day / 6, minutes=device % 10)).timestamp() * 1000)
    payload = f'{{"id": {seq}, "date": {at}, "weight": {78 + device % 40 / 10 + day % 7 / 10:.1f}, "body_fat": 18.0, '
    payload += f'"water": 55.1, "muscle": 41.2, "waist": {60 + device % 40}.0, "visceral_fat": 4.0, "bone": 3.1}}'
    return f"openScaleSync/s{device}/measurements/insert", payload.encode()


def main(port: int, seqs: range, devices: int, rate: int, dialect: str) -> dict[str, object]:
    """Send, and wait until the broker has all; at a rate also until all are receipted."""
    made = make(seqs, devices, dialect=dialect, stamped=rate > 0)
    flood = Flood(port, listen=rate > 0)
    at, began = real_now().timestamp(), time.perf_counter()
    if not rate:
        flood.send(made)
        flood.wait_for(len(made))
        return {"began": at, "seconds": time.perf_counter() - began}
    sent: dict[int, float] = {}
    step = max(1, rate // 1000)
    for start in range(0, len(made), step):
        time.sleep(max(0.0, began + start / rate - time.perf_counter()))
        sent |= dict.fromkeys(seqs[start : start + step], time.perf_counter())
        flood.send(stamp(made[start : start + step]))
    seconds = time.perf_counter() - began
    end = time.monotonic() + PATIENCE_SECONDS
    while len(flood.receipted) < len(made) and time.monotonic() < end:
        time.sleep(0.05)
    taken = [flood.receipted[seq] - sent[seq] for seq in sent if seq in flood.receipted]
    p50, p99 = (np.quantile(np.array(taken) * 1000, [0.5, 0.99]).round(2).tolist()) if taken else (None, None)
    return {"began": at, "seconds": seconds, "missing": len(made) - len(taken), "p50": p50, "p99": p99}


if __name__ == "__main__":
    port, first, readings, devices, rate = map(int, sys.argv[1:6])
    print(json.dumps(main(port, range(first, first + readings), devices, rate, *(sys.argv[6:] or ["native"]))))
