"""What time is it? The only reader of the clock, real or fast, the same in every program."""

import fcntl
import json
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

SETTING = re.compile(r"rate=(?P<rate>\d+(?:\.\d+)?)(?:,from=(?P<start>[^,]+))?(?:,since=(?P<since>[^,]+))?")
HELP = "must be `real`, `rate=8640` or `rate=8640,from=2026-01-05T06:00:00Z`"


def real_now() -> datetime:
    """The machine's own time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 the one place


@dataclass(frozen=True, kw_only=True)
class ClockSetting:
    """A parsed `VIGIE_CLOCK`: at the real instant `since` the clock shows `start` and runs `rate` times as fast."""

    rate: float = 1.0
    start: datetime | None = None
    since: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `VIGIE_CLOCK`.

        Raises:
            ValueError: with a sentence saying what is allowed.
        """
        if text == "real":
            return cls()
        if (found := SETTING.fullmatch(text)) is None:
            raise ValueError(HELP)
        rate = float(found["rate"])
        if not 0 < rate <= 1_000_000:
            raise ValueError(f"rate must lie between 0 and 1,000,000; {HELP}")
        return cls(rate=rate, start=_instant(found["start"]), since=_instant(found["since"]))

    def __str__(self) -> str:
        if self == ClockSetting():
            return "real"
        parts = [f"rate={self.rate:g}"]
        parts += [f"from={self.start.isoformat()}"] if self.start else []
        parts += [f"since={self.since.isoformat()}"] if self.since else []
        return ",".join(parts)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} needs a zone or Z; {HELP}")
    return instant.astimezone(UTC)


class Clock:
    """A clock that runs `rate` times as fast as the machine's, monotonic between two calls of `now`."""

    def __init__(self, *, rate: float = 1.0, start: datetime | None = None, since: datetime | None = None) -> None:
        self.rate = rate
        self._since = since or real_now()
        self._start = start or self._since
        self._real = rate == 1.0 and start is None

    @property
    def setting(self) -> ClockSetting:
        """What another program needs as `VIGIE_CLOCK` to show the same time as this clock."""
        return ClockSetting() if self._real else ClockSetting(rate=self.rate, start=self._start, since=self._since)

    def now(self) -> datetime:
        """This clock's time, aware, in UTC."""
        if self._real:
            return real_now()
        return self._start + (real_now() - self._since) * self.rate

    def real_seconds(self, span: timedelta) -> float:
        """How many seconds of the machine's time `span` of this clock takes."""
        return span.total_seconds() / self.rate

    def sleep_until(self, instant: datetime) -> None:
        """Wait until this clock shows `instant`; returns at once if it already does."""
        time.sleep(max(0.0, self.real_seconds(instant - self.now())))


def open_clock(setting: ClockSetting, *, home: Path) -> Clock:
    """The clock that every program with this setting and this `home` shares.

    A fast clock needs one real instant to count from. The first program writes it to `home/clock.json`, later ones
    read it; it is anew once no program holds the file's lock any more. `since=` in the setting needs no file.

    Raises:
        OSError: `home` cannot be written.
    """
    if setting == ClockSetting():
        return Clock()
    since = setting.since or _shared_anchor(setting, home)
    return Clock(rate=setting.rate, start=setting.start, since=since)


def _shared_anchor(setting: ClockSetting, home: Path) -> datetime:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "clock.json").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            fcntl.flock(file, fcntl.LOCK_SH)
            alone = False
        file.seek(0)
        known = json.loads(file.read() or "{}")
        if alone or known.get("setting") != str(setting):
            known = {"setting": str(setting), "since": real_now().isoformat()}
            file.truncate(0)
            file.write(json.dumps(known))
            file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)
        os.dup(file.fileno())  # never closed: the shared lock lasts as long as the process
    return datetime.fromisoformat(known["since"])
