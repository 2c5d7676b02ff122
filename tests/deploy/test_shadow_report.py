"""The shadow beside the detector that alerts, from the worker's own assessments."""

from datetime import timedelta

import pytest

from deploy import shadow_report
from deploy.outcome import CommandError
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW
from tests.fixtures.assess import Assess

DAY = timedelta(days=1)


def live(conn: Connection, assess: Assess, patient_id: str, weights: list[float]) -> None:
    """One weight a day, each assessed on its day."""
    for day, kg in enumerate(weights):
        clinic.weigh(conn, patient_id, [(NOW + day * DAY, kg)], recorded_at=NOW + day * DAY)
        assess(NOW + day * DAY)


def test_alerts_of_both_and_of_each_alone_are_counted(
    connection: Connection, assess: Assess, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.add_patients(connection, ["P1", "P2"], enrolled_at=NOW)
    clinic.choose(connection, "guideline")
    clinic.choose(connection, "guideline", duty="shadow", threshold=1.0)
    connection.commit()
    live(connection, assess, "P1", [80.0, 80.1, 80.0, 82.6, 82.5, 82.4, 82.5, 82.4])
    live(connection, assess, "P2", [80.0, 80.1, 80.0, 81.6, 81.5, 80.4])
    names, comparison = shadow_report.compare(connection)
    assert names == ("guideline", "guideline:1")
    assert (comparison.judged, comparison.alerting, comparison.shadow, comparison.both) == (14, 1, 2, 1)
    assert [(one.patient_id, one.both, one.alerting_alone, one.shadow_alone) for one in comparison.patients] == [
        ("P1", 1, [], []),
        ("P2", 0, [], [NOW + 3 * DAY]),
    ]
    shadow_report.show(names, comparison)
    assert "2026-03-05" in capsys.readouterr().out


def test_without_a_shadow_one_line_says_who_starts_one_and_where(connection: Connection) -> None:
    with pytest.raises(CommandError, match="/detection/shadow"):
        shadow_report.compare(connection)
