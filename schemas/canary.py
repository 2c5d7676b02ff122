"""Who is the canary? A synthetic patient, weighed every morning by MQTT, ill on Mondays and Thursdays."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

PATIENT, SITE, DEVICE = "VIGIE-CANARY", "vigie", "canary"
PARIS = ZoneInfo("Europe/Paris")
WEIGHS_AT = time(6, 30)
PROMISE = timedelta(minutes=15)
"""From the weighing to the message at the gateway."""
WELL_KG, ILL_KG = Decimal("70.0"), Decimal("73.0")
PLAN = {"gain_kg": 2.0, "loss_kg": 5.0}
"""Its own, so that it is watched alike whatever detector the clinic has chosen."""


def is_ill(day: date) -> bool:
    """Whether its weight of that day must raise an alert."""
    return day.weekday() in (0, 3)


def weight_kg(day: date) -> Decimal:
    return ILL_KG if is_ill(day) else WELL_KG


def weighs_at(day: date) -> datetime:
    return datetime.combine(day, WEIGHS_AT, tzinfo=PARIS)
