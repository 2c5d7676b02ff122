"""How long did it take while anybody was at work? Working hours of the clinic, without weekends and public holidays."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from clinician_api.language import CLINIC_ZONE

ZONE = ZoneInfo(CLINIC_ZONE)
OPENS, CLOSES = time(8), time(18)
SATURDAY = 5
A_DAY = timedelta(days=1)
LONGEST = timedelta(days=400)
"""Nothing is counted further: an alert that waited a year is long enough."""


def between(since: datetime, until: datetime) -> timedelta:
    """The working time between two instants, from Monday to Friday, 8:00 to 18:00."""
    until = min(until, since + LONGEST)
    shared = (min(until, closes) - max(since, opens) for opens, closes in _hours(since, until))
    return sum((span for span in shared if span > timedelta(0)), timedelta(0))


def last_closure(now: datetime) -> tuple[datetime, datetime]:
    """When the clinic closed last and opened again; it is closed until `now` if it has not opened since."""
    spans = list(_hours(now - timedelta(days=14), now))
    opened = next((opens for opens, closes in reversed(spans) if opens <= now < closes), now)
    closed = max((closes for _, closes in spans if closes <= opened), default=now - timedelta(days=14))
    return closed, opened


def _hours(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    day, last = since.astimezone(ZONE).date(), until.astimezone(ZONE).date()
    while day <= last:
        if _is_worked(day):
            yield datetime.combine(day, OPENS, tzinfo=ZONE), datetime.combine(day, CLOSES, tzinfo=ZONE)
        day += A_DAY


@cache
def _is_worked(day: date) -> bool:
    return day.weekday() < SATURDAY and day not in _holidays(day.year)


@cache
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FR", years=year))
