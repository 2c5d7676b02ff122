"""Is it the patients who are silent, or we? So many silent at once are no coincidence.

By the pattern of the last week so many weights should have come since the last one. If independent people send them,
none at all comes by chance once in a million times when 14 were expected (Poisson). Few people are never hushed: a
clinic of four whose four patients do not weigh is four alerts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

EXPECTED = 14.0
FEW = 5
SHORT = timedelta(minutes=30)
"""No hush is shorter: a holiday morning begins late for everyone."""
ZONE = ZoneInfo("Europe/Paris")
"""Habits follow the clinic's clocks, also in the night when they change."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """What a site (None: all) sends: patients in a week, and weights a day by the hour of the clinic's clock."""

    site: str | None
    patients: int
    a_day_by_hour: Mapping[int, float]
    last_at: datetime
    """Of the last arrival, or the end of the last outage if that was later."""

    def expected(self, now: datetime) -> float:
        """How many weights should have come since the last one."""
        count, at = 0.0, self.last_at
        while at < now:
            until = min(now, at + HOUR - timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond))
            count += self.a_day_by_hour.get(at.astimezone(ZONE).hour, 0.0) * ((until - at) / HOUR)
            at = until
        return count

    def is_hushed(self, now: datetime) -> bool:
        return self.patients >= FEW and now - self.last_at >= SHORT and self.expected(now) >= EXPECTED


def hushed(all_sites: Arrivals, sites: Sequence[Arrivals], *, now: datetime) -> list[Arrivals]:
    """Everything at once, or the sites from which nothing comes while others send."""
    if all_sites.is_hushed(now):
        return [all_sites]
    return [site for site in sites if site.is_hushed(now)]
