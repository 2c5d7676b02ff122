"""From which days on do earlier weights no longer tell the baseline?

After treatment, a new dry weight, another scale, or a stay away.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def anchors(
    *,
    zone: ZoneInfo,
    dry_weights: Iterable[datetime] = (),
    treated: Iterable[datetime] = (),
    devices: Sequence[tuple[datetime, str]] = (),
    pauses: Iterable[tuple[datetime, datetime]] = (),
) -> list[date]:
    """The days in order.

    The day after a dry weight was set, after a decompensation was treated, and after the first weight on another scale:
    the morning before must not know it. The day on which a pause (hospital, holiday) ends, if it was announced on an
    earlier day. `devices` are the weights' times and scales, in order.
    """
    days = {_local(at, zone) + DAY for at in (*dry_weights, *treated)}
    for (_, before), (at, device) in pairwise(devices):
        if device != before:
            days.add(_local(at, zone) + DAY)
    for at, until in pauses:
        days.add(max(_local(until, zone), _local(at, zone) + DAY))
    return sorted(days)


def _local(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()
