"""What is done about a finding: tables, and the laws that no sequence of readings and closes breaks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import policy
from alerts.judgement.assessment import Assessment, Finding
from alerts.policy import Action, Episode
from schemas.alert import SEVERITIES, Cause, Evidence, Severity

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def found(
    severity: Severity | None,
    *,
    kg: float = 82.5,
    cause: Cause = "decompensation",
    hours_ago: float = 1,
    limit_kg: float | None = 82.0,
) -> Finding:
    evidence = Evidence(
        detector="guideline",
        version="1",
        parameters={},
        score=kg - 80,
        threshold=2,
        sentence={},
        readings=[],
        weight_kg=None if cause == "no_transmission" else kg,
        would_not_have_fired_at_kg=limit_kg,
    )
    stale = hours_ago > 48 and cause != "no_transmission"
    return Finding(cause=cause, at=NOW - hours_ago * HOUR, severity=severity, evidence=evidence, stale=stale)


def episode(
    finding: Finding,
    *,
    state: Literal["new", "taken", "closed"] = "new",
    raised_hours_ago: float = 24,
    closed_hours_ago: float | None = None,
    closed_as_false: bool = False,
    in_band: bool = False,
    ever_in_band: bool = False,
) -> Episode:
    assert finding.severity is not None
    return Episode(
        episode_id=7,
        cause=finding.cause,
        severity=finding.severity,
        state="closed" if closed_hours_ago is not None else state,
        snoozed=False,
        last_raised_at=NOW - raised_hours_ago * HOUR,
        closed_at=None if closed_hours_ago is None else NOW - closed_hours_ago * HOUR,
        closed_as_false=closed_as_false,
        evidence=finding.evidence,
        in_band=in_band,
        ever_in_band=in_band or ever_in_band,
    )


def decide(*findings: Finding, latest: Episode | None = None, first_light: bool = False) -> Action | None:
    actions = policy.decide(
        Assessment(findings=list(findings)), latest=[latest] if latest else [], now=NOW, first_light=first_light
    )
    assert len(actions) <= 1
    return actions[0] if actions else None


def summary(action: Action | None) -> tuple[str, str, bool] | None:
    return (action.kind, action.severity, action.pages) if action else None


ALERT, WATCH = found("alert"), found("watch")


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (found(None, kg=80), None),
        (found("watch"), ("raised", "watch", False)),
        (found("watch", hours_ago=49), None),  # of the past, and nobody need call
        (ALERT, ("raised", "alert", True)),
        (found("alarm"), ("raised", "alarm", True)),
        (found("alert", hours_ago=49), ("raised", "alert", False)),
        (found("alert", cause="no_transmission", hours_ago=490), ("raised", "alert", True)),
    ],
)
def test_what_is_found_first_is_raised_and_pages_if_it_is_fresh(
    finding: Finding, expected: tuple[str, str, bool] | None
) -> None:
    assert summary(decide(finding)) == expected


def test_an_imported_past_is_listed_and_pages_nobody() -> None:
    silent = found("alert", cause="no_transmission", hours_ago=490)
    assert summary(decide(silent, first_light=True)) == ("raised", "alert", False)
    assert summary(decide(replace(silent, at=NOW - 3 * HOUR), first_light=True)) == ("raised", "alert", True)


@pytest.mark.parametrize(
    ("finding", "latest", "expected"),
    [
        (ALERT, episode(ALERT), None),
        (found("watch"), episode(ALERT), None),  # severity never falls
        (found("watch"), episode(ALERT, raised_hours_ago=100), None),  # and what became less is no repeat
        (found("watch", kg=83.5), episode(ALERT), None),
        (found("watch"), episode(ALERT, in_band=True), None),  # nor has it come back as an alert
        (found("watch", kg=82.0), episode(ALERT), ("back_in_band", "alert", False)),  # an alert has passed at a watch
        (found("watch", kg=82.0), episode(found("alarm")), ("back_in_band", "alarm", False)),
        (found("alert", kg=82.0), episode(found("alarm")), None),
        (ALERT, episode(WATCH), ("severity_rose", "alert", True)),
        (ALERT, episode(WATCH, state="taken"), ("severity_rose", "alert", True)),
        (found("alert", hours_ago=60), episode(WATCH), ("severity_rose", "alert", False)),
        (WATCH, episode(WATCH), None),
        (WATCH, episode(WATCH, raised_hours_ago=72), ("repeated", "watch", False)),
        (WATCH, episode(WATCH, in_band=True), ("repeated", "watch", False)),
        (found("watch", kg=83.5), episode(WATCH, state="taken"), ("repeated", "watch", False)),
        (found(None, kg=82.0), episode(WATCH), ("back_in_band", "watch", False)),
        (found(None, kg=82.0), episode(WATCH, ever_in_band=True), ("back_in_band", "watch", False)),  # it asks again
        (WATCH, episode(WATCH, ever_in_band=True), None),
        (found("alarm"), episode(ALERT), ("severity_rose", "alarm", True)),
        (found("alarm"), episode(ALERT, state="taken"), ("severity_rose", "alarm", True)),
        (found("alert", kg=83.5), episode(ALERT, state="taken"), ("repeated", "alert", True)),  # 1 kg more
        (found("alert", kg=83.4), episode(ALERT), None),
        (ALERT, episode(ALERT, in_band=True), ("repeated", "alert", True)),  # it came back
        (ALERT, episode(ALERT, raised_hours_ago=71), None),
        (ALERT, episode(ALERT, raised_hours_ago=72), ("repeated", "alert", True)),
        (ALERT, episode(ALERT, raised_hours_ago=72, state="taken"), ("repeated", "alert", False)),
        (found("alert", hours_ago=60), episode(ALERT, raised_hours_ago=72), None),  # nothing new is known
        (found(None, kg=82.0), episode(ALERT), ("back_in_band", "alert", False)),
        (found(None, kg=82.1), episode(ALERT), None),  # no gain any more, but as heavy as ever
        (found(None, kg=80), episode(ALERT, in_band=True), None),
        (found(None, kg=80), episode(ALERT, ever_in_band=True), None),  # once
    ],
)
def test_an_open_episode(finding: Finding, latest: Episode, expected: tuple[str, str, bool] | None) -> None:
    assert summary(decide(finding, latest=latest)) == expected


@pytest.mark.parametrize(
    ("finding", "latest", "expected"),
    [
        (ALERT, episode(ALERT, closed_hours_ago=2), None),  # the same morning
        (ALERT, episode(ALERT, closed_hours_ago=71), None),
        (ALERT, episode(ALERT, closed_hours_ago=72), ("raised", "alert", True)),
        (found("alert", hours_ago=60), episode(ALERT, closed_hours_ago=72), None),
        (ALERT, episode(ALERT, closed_hours_ago=7 * 24 - 1, closed_as_false=True), None),  # food, and it still stands
        (ALERT, episode(ALERT, closed_hours_ago=7 * 24, closed_as_false=True), ("raised", "alert", True)),
        (found("alert", kg=83.5), episode(ALERT, closed_hours_ago=2, closed_as_false=True), ("raised", "alert", True)),
        (ALERT, episode(ALERT, closed_hours_ago=2, in_band=True), ("raised", "alert", True)),  # passed in between
        (found("alarm"), episode(ALERT, closed_hours_ago=2), ("raised", "alarm", True)),
        (found("alert", kg=83.5), episode(ALERT, closed_hours_ago=2), ("raised", "alert", True)),
        (found("watch"), episode(ALERT, closed_hours_ago=2), None),
        (WATCH, episode(ALERT, closed_hours_ago=7 * 24 - 1, in_band=True), None),  # whoever closed it knows
        (WATCH, episode(ALERT, closed_hours_ago=7 * 24), ("raised", "watch", False)),
        (found("watch", hours_ago=60), episode(ALERT, closed_hours_ago=7 * 24), None),
        (WATCH, episode(WATCH, closed_hours_ago=7 * 24 - 1, in_band=True), None),  # it hovers
        (found("watch", kg=83.5), episode(WATCH, closed_hours_ago=2), None),
        (WATCH, episode(WATCH, closed_hours_ago=7 * 24), ("raised", "watch", False)),
        (ALERT, episode(WATCH, closed_hours_ago=2), ("raised", "alert", True)),
        (found("watch", kg=82.0), episode(ALERT, closed_hours_ago=2), ("back_in_band", "alert", False)),
        (found(None, kg=80), episode(ALERT, closed_hours_ago=2), ("back_in_band", "alert", False)),
        (found(None, kg=82.3), episode(ALERT, closed_hours_ago=2), None),
    ],
)
def test_after_a_close(finding: Finding, latest: Episode, expected: tuple[str, str, bool] | None) -> None:
    assert summary(decide(finding, latest=latest)) == expected


def test_a_loss_is_worse_further_down_and_passes_further_up() -> None:
    loss = found("alert", cause="weight_loss", kg=77.5, limit_kg=78.0)
    worse = found("alert", cause="weight_loss", kg=76.5, limit_kg=78.0)
    assert summary(decide(worse, latest=episode(loss, closed_hours_ago=1))) == ("raised", "alert", True)
    passed = found(None, cause="weight_loss", kg=78.0, limit_kg=None)
    assert summary(decide(passed, latest=episode(loss))) == ("back_in_band", "alert", False)


def test_the_worst_of_several_new_days_counts() -> None:
    action = decide(found("watch"), found("alarm", kg=90), found(None, kg=80))
    assert summary(action) == ("raised", "alarm", True)


steps = st.tuples(
    st.sampled_from(["watch", "alert", "alarm", None]),
    st.floats(78, 88),
    st.integers(1, 60),
    st.sampled_from([None, "confirmed", "false"]),
)


@given(st.lists(steps, max_size=30))
def test_severity_never_falls_and_nothing_is_missed_after_72_hours_or_7_days_if_false(
    course: list[tuple[Severity | None, float, int, str | None]],
) -> None:
    """Plays readings and closes against the policy, as store.py would record them."""
    now, latest = NOW, None
    for severity, kg, hours, closes in course:
        now += hours * HOUR
        finding = replace(found(severity, kg=round(kg, 1)), at=now)
        actions = policy.decide(
            Assessment(findings=[finding]), latest=[latest] if latest else [], now=now, first_light=False
        )
        before, latest = latest, _recorded(actions[0], latest, now) if actions else latest
        if severity:
            assert latest is not None
            if before is not None and before.closed_at is not None:
                long = before.closed_as_false or severity == "watch"
                quiet = policy.MERGE_FALSE if long else policy.MERGE
                assert latest.closed_at is None or now - before.closed_at < quiet
            if latest.closed_at is None:
                assert SEVERITIES.index(latest.severity) >= SEVERITIES.index(severity)
        if before and latest and before.episode_id == latest.episode_id:
            assert SEVERITIES.index(latest.severity) >= SEVERITIES.index(before.severity)
        if closes and latest and latest.closed_at is None:
            latest = replace(latest, closed_at=now, closed_as_false=closes == "false", state="closed")


@given(st.lists(steps, max_size=40))
def test_alerts_are_raised_and_told_as_if_nobody_were_ever_watched(
    course: list[tuple[Severity | None, float, int, str | None]],
) -> None:
    """The same weights, once with their watches and once without; whoever closes an alert does so in both."""
    worlds = []
    for watching in (True, False):
        now, latest, told = NOW, None, list[tuple[datetime, Severity, bool]]()
        for found_severity, kg, hours, closes in course:
            now += hours * HOUR
            severity = found_severity if watching or found_severity != "watch" else None
            finding = replace(found(severity, kg=round(kg, 1)), at=now)
            actions = policy.decide(
                Assessment(findings=[finding]), latest=[latest] if latest else [], now=now, first_light=False
            )
            latest = _recorded(actions[0], latest, now) if actions else latest
            if actions and actions[0].kind != "back_in_band" and actions[0].severity != "watch":
                told.append((now, actions[0].severity, actions[0].pages))
            if closes and latest and latest.closed_at is None:
                latest = replace(latest, closed_at=now, closed_as_false=closes == "false", state="closed")
        worlds.append(told)
    assert worlds[0] == worlds[1]


def _recorded(action: Action, latest: Episode | None, now: datetime) -> Episode:
    if action.kind == "raised":
        assert latest is None or latest.closed_at is not None, "a second open episode"
        number = latest.episode_id + 1 if latest else 1
        return replace(
            episode(replace(action.finding, severity=action.severity)), episode_id=number, last_raised_at=now
        )
    assert latest is not None
    if action.kind == "back_in_band":
        return replace(latest, in_band=True, ever_in_band=True)
    return replace(
        latest, severity=action.severity, last_raised_at=now, evidence=action.finding.evidence, in_band=False
    )
