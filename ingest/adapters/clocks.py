"""When was this weighing, and by whose clock? The rules of docs/scales.md for dialects without `sent_at`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from ingest.adapters.strict_json import FaultError
from ingest.claim import TimeSource
from ingest.message import Message

ZONE = ZoneInfo("Europe/Paris")  # of clocks on the wall that do not say where they hang
REPEATS = timedelta(minutes=10)  # advertisements of one weighing (payloads.md §15)
# What may have waited may also be known: acknowledged too late before a kill, or let past the queue.
REPEATS_OF_WAITING = timedelta(hours=12)
FUTURE = timedelta(minutes=10)
FIRST_CREDIBLE = datetime(2015, 1, 1, tzinfo=UTC)  # clocks never set show 1970 or 2000
MAX_AGE = timedelta(days=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class When:
    """A time of the body as it may be claimed; a time of ours needs repetitions told apart by their weight."""

    measured_at: datetime
    time_source: TimeSource
    repeats_within: timedelta | None


def on_arrival(message: Message) -> When:
    """The time of arrival, where nobody tells another.

    Raises:
        FaultError: the message is a retained copy, of a weighing that may be days old.
    """
    if message.retained:
        raise FaultError("retained: a copy without a time of its own is no new weighing")
    repeats_within = REPEATS_OF_WAITING if message.may_have_waited else REPEATS
    return When(measured_at=message.received_at, time_source="server", repeats_within=repeats_within)


def told(measured_at: datetime, *, by: TimeSource, message: Message) -> When:
    """A time that was told; impossible ones give way to the arrival, if that was soon after the weighing.

    What may have waited, or is a copy, keeps its impossible time, and waits in quarantine with it.
    """
    possible = FIRST_CREDIBLE <= measured_at <= message.received_at + FUTURE
    if possible or message.retained or message.may_have_waited:
        return When(measured_at=measured_at, time_source=by, repeats_within=None)
    return on_arrival(message)


def told_on_the_wall(value: object, *, message: Message) -> When:
    """A gateway's local time, whatever zone it claims: only a hint, for what may have waited. A silly one is none."""
    try:
        wall = None if value is None else wall_clock("time", value).replace(tzinfo=None)
    except FaultError:
        wall = None
    if wall is None or message.retained or not message.may_have_waited:
        return on_arrival(message)
    return When(measured_at=in_utc("time", wall), time_source="gateway", repeats_within=REPEATS)


def instant(field: str, value: object) -> datetime:
    """An ISO 8601 time, with or without seconds; without an offset it is the time in ZONE.

    Raises:
        FaultError: it is none.
    """
    return in_utc(field, wall_clock(field, value))


def wall_clock(field: str, value: object) -> datetime:
    """An ISO 8601 time as it is written, aware or not.

    Raises:
        FaultError: it is none.
    """
    if not isinstance(value, str) or not 16 <= len(value) <= 40 or value[10:11] not in ("T", " "):
        raise FaultError(f"{field}: must be a time like 2026-11-22T07:12+0100")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise FaultError(f"{field}: must be a time like 2026-11-22T07:12+0100") from None


def in_utc(field: str, at: datetime) -> datetime:
    """Raises FaultError at the edges of the calendar."""
    try:
        return (at if at.tzinfo else at.replace(tzinfo=ZONE)).astimezone(UTC)
    except (OverflowError, ValueError):
        raise FaultError(f"{field}: is no time that can be kept") from None


def since_1970(field: str, value: object, *, per_second: int) -> datetime:
    """An epoch time, in seconds (1) or milliseconds (1000).

    Raises:
        FaultError: no number, or none of this age of the world.
    """
    if type(value) not in (int, float) or not abs(cast("float", value)) < 1e11 * per_second:
        raise FaultError(f"{field}: must be a number of {'milli' if per_second == 1000 else ''}seconds since 1970")
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=cast("float", value) / per_second)
    except OverflowError:
        raise FaultError(f"{field}: is no time that can be kept") from None


def aged(at: datetime, age_s: object) -> datetime:
    """`at` less an age in seconds that a device tells, as it may have none.

    Raises:
        FaultError: no number, negative, or older than a device's memory.
    """
    if age_s is None:
        return at
    if type(age_s) not in (int, float) or not 0 <= cast("float", age_s) <= MAX_AGE.total_seconds():
        raise FaultError(f"age_s: must be a number of seconds, at most {MAX_AGE.days} days")
    return at - timedelta(seconds=cast("float", age_s))
