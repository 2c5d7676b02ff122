"""Why an episode was raised can be computed again, to the last digit."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.explain_command import UnknownEpisodeError, explain
from alerts.judgement import assessment, baseline, explanation
from alerts.judgement.baseline import Weight
from alerts.judgement.choice import Choice, Duty
from alerts.judgement.day import NOT_BELIEVED, Day, Doubted, Facts
from alerts.judgement.explanation import UnexplainableError
from alerts.judgement.registry import DETECTORS
from schemas import database
from schemas.alert import Evidence
from schemas.database import Connection
from schemas.plan import Plan
from tests.alerts import clinic
from tests.alerts.clinic import NOW
from tests.alerts.program import eventually, running

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
STEADY = [80.0, 80.3, 79.9, 80.2, 80.1, 79.8, 80.0]

weights = st.lists(
    st.builds(
        lambda minutes, grams, confirmed: Weight(
            measured_at=START + timedelta(minutes=minutes), weight_kg=grams / 1000, confirmed=confirmed
        ),
        st.integers(0, 60 * 1440),
        st.integers(76_000, 88_000),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(
    known=weights,
    dry_kg=st.none() | st.floats(70, 85),
    anchors=st.lists(st.dates(START.date(), START.date() + timedelta(days=60)), max_size=2),
    detector=st.sampled_from(sorted(DETECTORS)),
)
def test_evidence_that_was_stored_is_computed_again_to_the_last_digit(
    known: list[Weight], dry_kg: float | None, anchors: list[date], detector: str
) -> None:
    facts = Facts(
        plan=Plan(),
        zone=ZoneInfo("Europe/Paris"),
        enrolled_at=START,
        choice=Choice(alerting=Duty(detector=detector)),
        dry_kg=dry_kg,
        weights=known,
        doubted=[Doubted(measured_at=known[0].measured_at, weight_kg=120.0, reason="other_person")],
        anchors=anchors,
        last_weight_at=known[-1].measured_at,
    )
    now = START + timedelta(days=61)
    day = Day(facts=facts, daily=baseline.daily_weights(known, zone=facts.zone))
    lower = day.watch_evidence(DETECTORS[detector])
    assert lower.threshold == 0.75 * DETECTORS[detector].threshold(facts.plan)
    assert explanation.differences(lower, explanation.from_itself(lower)) == []
    for finding in assessment.assess(facts, now=now, known_until=None).findings:
        stored = Evidence.model_validate(json.loads(finding.evidence.model_dump_json()))
        assert explanation.differences(stored, explanation.from_itself(stored)) == []
        again = explanation.from_readings(stored, weights=known, doubted=facts.doubted)
        assert explanation.differences(stored, again) == []
    untold = [replace(weight, confirmed=False) for weight in known]
    for finding in assessment.assess(replace(facts, weights=untold), now=now, known_until=None).findings:
        used = [
            one.model_copy(update={"ignored": None}) if one.ignored == NOT_BELIEVED else one
            for one in finding.evidence.readings
        ]
        before = finding.evidence.model_copy(update={"confirmed": None, "readings": used})
        again = explanation.from_readings(before, weights=known, doubted=facts.doubted)
        assert explanation.differences(before, again) == []
        assert explanation.differences(before, explanation.from_itself(before)) == []


@pytest.fixture
def raised(database_url: str, connection: Connection) -> str:
    """A clinic with one gain of a patient whose spouse used the scale, one silence, one watch."""
    clinic.add_patients(connection, ["P1", "P2", "P3"], enrolled_at=NOW - timedelta(days=60))
    clinic.weigh(connection, "P1", clinic.mornings(NOW, [*STEADY, 82.6]), recorded_at=NOW)
    clinic.weigh(connection, "P1", [(NOW + timedelta(minutes=30), 82.9)], recorded_at=NOW)
    clinic.weigh(connection, "P2", clinic.mornings(NOW - timedelta(days=9), STEADY), recorded_at=NOW)
    clinic.weigh(connection, "P3", clinic.mornings(NOW, [*STEADY, 81.6]), recorded_at=NOW)
    with running(database_url, start=NOW):
        clinic_has = 0
        while clinic_has < 3:
            clinic_has = clinic.count(connection, "SELECT count(*) FROM episode")
    return database_url


def test_every_episode_of_the_worker_explains_itself(raised: str, capsys: pytest.CaptureFixture[str]) -> None:
    with database.connect(raised, service="alerts") as conn:
        for number in (1, 2, 3):
            assert explain(conn, number, readings_too=True, as_json=False) == []
        said = capsys.readouterr().out
        assert said.count("the same to the last digit") == 3
        assert "would not have fired at or below 81.804 kg" in said
        assert "would not have been watched at or below 81.305 kg" in said
        assert "(watch > 1.5 kg, alert > 2.0 kg); guideline rule, during the first 10 days" in said
        assert "later_that_day" in said
        explain(conn, 1, readings_too=True, as_json=True)
        assert json.loads(capsys.readouterr().out)["differences"] == []


def test_evidence_says_which_weight_the_detector_did_not_believe() -> None:
    kg = [*STEADY, *STEADY, 84.6, 80.1, 80.2, 81.5, 82.4, 83.3]
    known = [Weight(measured_at=START + timedelta(days=day), weight_kg=one) for day, one in enumerate(kg)]
    facts = Facts(plan=Plan(), zone=ZoneInfo("Europe/Paris"), enrolled_at=START, weights=known)
    now = START + timedelta(days=len(kg))
    stored = assessment.assess(facts, now=now, known_until=None).of("decompensation")[0].evidence
    assert stored.score > stored.threshold
    assert [one.weight_kg for one in stored.readings if one.ignored == NOT_BELIEVED] == [84.6]
    assert explanation.differences(stored, explanation.from_itself(stored)) == []


def test_a_released_weight_alerts_at_once_and_explains_itself(database_url: str, connection: Connection) -> None:
    """4.7 kg above the usual weight: no alarm, and more than the detector believes without a second one."""
    nurse = clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - timedelta(days=60))
    weights = [*STEADY, *STEADY, *STEADY, *STEADY, 79.6]
    clinic.weigh(connection, "P1", clinic.mornings(NOW - timedelta(days=1), weights), recorded_at=NOW)
    clinic.weigh(connection, "P1", [(NOW, 84.7)], recorded_at=NOW, quarantine="implausible_jump")
    review(connection, 84.7, "release", author=nurse, at=NOW)
    with running(database_url, start=NOW + timedelta(seconds=1)):
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM episode"))
    assert [(one.cause, one.severity) for one in clinic.episodes(connection)] == [("decompensation", "alert")]
    assert explain(connection, 1, readings_too=True, as_json=False, echo=lambda _: None) == []


def test_a_weight_that_was_released_before_and_one_excluded_after_explain_themselves(
    database_url: str, connection: Connection
) -> None:
    nurse = clinic.add_user(connection)
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - timedelta(days=60))
    clinic.weigh(connection, "P1", clinic.mornings(NOW - timedelta(days=1), STEADY), recorded_at=NOW)
    clinic.weigh(connection, "P1", [(NOW, 83.5)], recorded_at=NOW, quarantine="implausible_jump")
    review(connection, 83.5, "release", author=nurse, at=NOW)
    with running(database_url, start=NOW + timedelta(seconds=1)):
        eventually(lambda: clinic.count(connection, "SELECT count(*) FROM episode"))
    review(connection, 79.9, "exclude", author=nurse, at=NOW + timedelta(days=1))
    review(connection, 83.5, "undo", author=nurse, at=NOW + timedelta(days=1))
    assert explain(connection, 1, readings_too=True, as_json=False, echo=lambda _: None) == []


def review(conn: Connection, kg: float, action: str, *, author: int, at: datetime) -> None:
    """What a person says of the weight."""
    conn.execute(
        "INSERT INTO reading_review (request_id, reading_id, site, device_id, measured_at, action, reason, author, at)"
        " SELECT gen_random_uuid(), reading_id, site, device_id, measured_at, %(action)s,"
        " CASE WHEN %(action)s = 'exclude' THEN 'clothes' END, %(author)s, %(at)s"
        " FROM reading WHERE weight_kg = %(kg)s",
        {"action": action, "author": author, "at": at, "kg": kg},
    )
    conn.commit()


def test_evidence_that_was_touched_or_readings_that_are_gone_are_told(raised: str, connection: Connection) -> None:
    number = clinic.count(connection, "SELECT episode_id::int FROM episode WHERE patient_id = 'P1'")
    connection.execute("""UPDATE episode SET evidence = evidence || '{"score": 2.8000001}' WHERE patient_id = 'P1'""")
    connection.execute("DELETE FROM reading WHERE weight_kg = 79.9")
    connection.commit()
    said: list[str] = []
    differing = explain(connection, number, readings_too=True, as_json=False, echo=said.append)
    assert any(line.startswith("from the evidence: score: stored 2.8000001, computed 46.") for line in differing)
    assert any(line.startswith("from the readings: readings:") for line in differing)
    assert any(line.startswith("DIFFERS") for line in said)


def test_what_cannot_be_explained_says_why(raised: str, connection: Connection) -> None:
    with pytest.raises(UnknownEpisodeError, match="no episode 99"):
        explain(connection, 99, readings_too=False, as_json=False)
    connection.execute("""UPDATE episode SET evidence = evidence || '{"version": "4"}' WHERE patient_id = 'P1'""")
    number = clinic.count(connection, "SELECT episode_id::int FROM episode WHERE patient_id = 'P1'")
    with pytest.raises(UnexplainableError, match="raised by version 4 of vigie, and this program has version 5"):
        explain(connection, number, readings_too=False, as_json=False)
    connection.execute("UPDATE episode SET evidence = evidence - 'plan'")
    with pytest.raises(UnexplainableError, match="from before"):
        explain(connection, 1, readings_too=False, as_json=False)
