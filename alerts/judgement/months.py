"""Has somebody wasted away over months? The loss, and the evidence of it that can be computed again."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts import messages
from alerts.detectors import wasting
from alerts.detectors.wasting import Level
from alerts.judgement import baseline
from alerts.judgement.baseline import DailyWeight
from alerts.judgement.day import Facts
from schemas.alert import Evidence, UsedReading

YEAR = timedelta(days=wasting.LEVEL_DAYS * (wasting.LEVELS + 2))
"""How far back weights must be known: the newest level, those before it, and the four weeks that have begun."""


def has_ended(weighed: Sequence[tuple[datetime, datetime]], *, zone: ZoneInfo, seen: datetime | None) -> bool:
    """Whether one of these is of the first day of four weeks, and recorded after `seen`: those before have just ended.

    When each was measured and when recorded, in any order.
    """
    if not weighed:
        return False
    number = _number(max(at for at, _ in weighed), zone)
    begun = datetime.combine(date.fromordinal(number * wasting.LEVEL_DAYS), time(), tzinfo=zone).astimezone(UTC)
    of_these = [one for one in weighed if one[0] >= begun]
    first = _day(min(at for at, _ in of_these), zone)
    new = [at for at, recorded_at in of_these if seen is None or recorded_at > seen]
    return any(_day(at, zone) == first for at in new)


def wasted(facts: Facts) -> Evidence | None:
    """The evidence that it is so, from the year's weights, if four weeks have just ended and they show it."""
    daily = baseline.daily_weights(facts.year, zone=facts.zone)
    known = wasting.levels(*baseline.arrays(daily))
    if not known or known[-1].number != wasting.number_of(daily[-1].day) - 1:
        return None
    return shown(known, daily, facts=facts)


def shown(known: Sequence[Level], daily: Sequence[DailyWeight], *, facts: Facts) -> Evidence | None:
    """The same once the levels of those days are known."""
    dry_set_on = facts.dry_set_at.astimezone(facts.zone).toordinal() if facts.dry_set_at else None
    return of_levels(timed(wasting.since(known, dry_set_on=dry_set_on), daily), facts=facts)


def timed(known: Sequence[Level], daily: Sequence[DailyWeight]) -> list[UsedReading]:
    """The levels as an evidence holds them, at their last weights' times."""
    return [UsedReading(measured_at=daily[level.last].measured_at, weight_kg=level.kg) for level in known]


def of_levels(used: Sequence[UsedReading], *, facts: Facts) -> Evidence | None:
    """The evidence from the levels alone; None if they show no wasting."""
    known = [Level(number=_number(one.measured_at, facts.zone), kg=one.weight_kg, last=0) for one in used]
    found = wasting.loss(known)
    if found is None or not found.is_wasting:
        return None
    return Evidence(
        detector=wasting.NAME,
        version=wasting.VERSION,
        parameters=wasting.PARAMETERS,
        score=found.percent,
        threshold=wasting.LOST_PERCENT,
        sentence=messages.wasting(found.percent, from_kg=found.reference_kg, to_kg=known[-1].kg),
        readings=list(used),
        baseline_kg=found.reference_kg,
        dry_weight_kg=facts.dry_kg,
        weight_kg=known[-1].kg,
        would_not_have_fired_at_kg=round(found.reference_kg * (1 - wasting.LOST_PERCENT / 100), 3),
        plan=facts.plan.model_dump(mode="json"),
        time_zone=facts.zone.key,
    )


def _number(at: datetime, zone: ZoneInfo) -> int:
    return wasting.number_of(_day(at, zone))


def _day(at: datetime, zone: ZoneInfo) -> int:
    return at.astimezone(zone).toordinal()
