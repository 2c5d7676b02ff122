"""From which days on the baseline starts afresh."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.judgement.anchors import anchors

ZONE = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_dry_weight_counts_from_the_next_local_day_on() -> None:
    late = NOW.replace(hour=23, minute=30)
    assert anchors(zone=ZONE, dry_weights=[NOW, late]) == [
        date(2026, 3, 3),
        date(2026, 3, 4),
    ]


def test_another_scale_counts_from_the_day_after_its_first_weight_and_the_first_scale_is_none() -> None:
    devices = [(NOW + day * DAY, name) for day, name in enumerate("AABBA")]
    assert anchors(zone=ZONE, devices=devices) == [date(2026, 3, 5), date(2026, 3, 7)]


def test_a_pause_counts_from_the_day_it_ends_on_but_never_from_the_day_it_was_announced_on() -> None:
    assert anchors(zone=ZONE, pauses=[(NOW, NOW + 9 * DAY)]) == [date(2026, 3, 11)]
    assert anchors(zone=ZONE, pauses=[(NOW, NOW + timedelta(hours=2))]) == [date(2026, 3, 3)]


def test_a_treatment_begins_the_day_after() -> None:
    assert anchors(zone=ZONE, treated=[NOW]) == [date(2026, 3, 3)]
