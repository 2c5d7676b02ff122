"""How is a weight log sent as a scale sends what it has kept? Until every reading has its receipt."""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from schemas.clock import Clock
from schemas.patient import LentScale, NewPatient
from schemas.settings import Settings
from schemas.topics import Topic
from simulator import weight_log
from simulator.life import PARIS
from simulator.protocol import Word
from simulator.scale import BATCH, Fleet
from simulator.weight_log import ScaleLog

PATIENCE_SECONDS = 30.0
MEMORY = "replay.json"


class ReplayError(Exception):
    """The log cannot be sent, or nobody answers; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A log ready to be sent. Before it is, each of `new_patients` must be enrolled with the scale named there."""

    name: str
    logs: list[ScaleLog]
    days: int
    remembered: bool
    last_day: date

    @property
    def new_patients(self) -> list[NewPatient]:
        return [log.new_patient for log in self.logs]

    @property
    def readings(self) -> int:
        return sum(len(log.weighings) for log in self.logs)

    def __str__(self) -> str:
        scales = ", ".join(f"{log.scale.site}/{log.scale.device_id}" for log in self.logs)
        first = f"{self.name}: {self.readings} readings as scale {scales}"
        if not self.days:
            return f"{first}, dated as in the log (it ends on {self.last_day})"
        again = " as when it was first sent; another --device sends it anew" if self.remembered else ""
        return f"{first}, dates moved by {self.days} days: it ends on {self.last_day}{again}"


@dataclass(kw_only=True)
class ReplayResult:
    """What the receipts said."""

    sent: int
    seconds: float = 0.0
    words: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, word: Word) -> None:
        self.words[word.word] += 1
        if word.reason:
            self.reasons[word.word, word.reason] += 1

    def __str__(self) -> str:
        counts = ", ".join(f"{self.words[word]} {word}" for word in ("stored", "quarantined", "rejected"))
        reasons = "".join(f"\n  {word}: {reason} ({count})" for (word, reason), count in sorted(self.reasons.items()))
        return f"{self.sent} sent: {counts}, in {self.seconds:.1f} s{reasons}"


def plan(
    settings: Settings,
    *,
    path: Path,
    now: datetime,
    site: str = "replay",
    device_id: str | None = None,
    patient_id: str | None = None,
    as_dated: bool = False,
) -> Plan:
    """Read the log and decide its dates: as they are, or moved by whole days to end today (or yesterday).

    A scale remembers in `home` how its log was moved, so that sending it again on another day adds nothing.

    Raises:
        BadCsvError: the log cannot be read.
        ReplayError: the scale has sent another log before, or the names do not fit.
    """
    name = weight_log.topic_part(path.stem)
    device = device_id or name
    if Topic.parse(f"vigie/1/{site}/{device}/reading") is None:
        raise ReplayError(f"{site}/{device} cannot be a topic: use 1 to 64 letters, digits and . _ : -")
    entries = weight_log.read(path)
    days = 0 if as_dated else weight_log.days_to_today(entries, now=now)
    known = _remembered(settings.home, f"{site}/{device}", log=path.name, days=days)
    try:
        logs = weight_log.scale_logs(
            entries, days=known, site=site, name=name, patient_id=patient_id, device_id=device_id
        )
    except ValueError as error:
        raise ReplayError(str(error)) from None
    last = max(log.weighings[-1].measured_at for log in logs)
    return Plan(name=path.name, logs=logs, days=known, remembered=known != days, last_day=last.astimezone(PARIS).date())


def replay(
    settings: Settings, *, planned: Plan, clock: Clock, patience_seconds: float = PATIENCE_SECONDS
) -> ReplayResult:
    """Send the log and wait for the receipts, showing progress on stderr.

    The newest readings go first: with the oldest first, the service would see somebody who last weighed years ago.

    Raises:
        NoBrokerError: `settings` names no broker.
        ReplayError: no receipt came for `patience_seconds` (of the machine's time).
    """
    began = time.monotonic()
    result = ReplayResult(sent=planned.readings)
    heard = threading.Event()

    def take(_scale: LentScale, word: Word) -> None:
        result.take(word)
        heard.set()

    name = f"vigie-replay-{planned.logs[0].scale.device_id}"
    with Fleet(settings, client_id=name, now=clock.now, on_receipt=take) as fleet:
        for log in planned.logs:
            fleet.join(log.scale)
        for log in planned.logs:
            for start in range(len(log.weighings), 0, -BATCH):
                fleet.weigh(log.scale, log.weighings[max(0, start - BATCH) : start])
        _wait(fleet, result, heard, patience_seconds)
    result.seconds = time.monotonic() - began
    return result


def _wait(fleet: Fleet, result: ReplayResult, heard: threading.Event, patience_seconds: float) -> None:
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("receipts", total=result.sent)
        while fleet.pending:
            progress.update(task, completed=result.sent - fleet.pending)
            heard.clear()
            if fleet.pending and not heard.wait(patience_seconds):
                raise ReplayError(_no_answer(fleet, result, patience_seconds))
        progress.update(task, completed=result.sent)


def _no_answer(fleet: Fleet, result: ReplayResult, seconds: float) -> str:
    if not fleet.connected:
        return f"the broker did not answer for {seconds:.0f} s: check VIGIE_BROKER_URL, or start `vigie up`"
    return (
        f"no receipt for {seconds:.0f} s, {fleet.pending} of {result.sent} readings wait: does `vigie ingest` run "
        "on the same broker? Run the same command again then; nothing is stored twice"
    )


def _remembered(home: Path, scale: str, *, log: str, days: int) -> int:
    """By how many days this scale moved this log before; else `days`, from now on."""
    file = home / MEMORY
    memory = json.loads(file.read_text()) if file.exists() else {}
    known = memory.setdefault(scale, {"log": log, "days": days})
    if known["log"] != log:
        raise ReplayError(f"scale {scale} has sent {known['log']} before: give another --device")
    home.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(memory, indent=1))
    return int(known["days"])
