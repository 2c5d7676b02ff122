"""Since when has no weight come? The no-transmission alert of the arrêté of 22 June 2023, which nobody may switch off.

It is due once `silence_days` whole days of the patient's own calendar have passed without a weight: with 3 days and a
last weight on Monday at any hour, in the first instant of Friday.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.plan import Plan

NAME = "silence"
VERSION = "1"


def due_at(last: datetime, *, zone: ZoneInfo, plan: Plan) -> datetime:
    """The instant (UTC) at which silence since `last` (the last weight, or the enrolment) becomes an alert."""
    midnight = last.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return (midnight + timedelta(days=plan.silence_days + 1)).astimezone(UTC)


def whole_days(last: datetime, now: datetime, *, zone: ZoneInfo) -> int:
    """How many whole local days without a weight have passed between `last` and `now`."""
    return max(0, now.astimezone(zone).toordinal() - last.astimezone(zone).toordinal() - 1)
