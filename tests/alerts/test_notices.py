"""What is told by the hour: the daily count, a reminder that stops once weighed, mute scales to the technician."""

from datetime import date, timedelta

from alerts.days import notices
from alerts.delivery import plain_outbox
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = date(2026, 3, 2)  # NOW is 9:00 in Paris


def written(conn: Connection) -> list[tuple[object, ...]]:
    rows = conn.execute("SELECT kind, about, facts FROM plain_notice ORDER BY notice_id").fetchall()
    conn.commit()
    return rows


def due(conn: Connection, *, hours: float = 0) -> list[str]:
    return list(plain_outbox.due(conn, now=NOW + hours * HOUR, longest=HOUR).values())


def test_the_daily_count_goes_out_once_at_its_hour_and_never_hours_late(connection: Connection) -> None:
    early, late = (clinic.add_user(connection, language=language) for language in ("fr", "en"))
    connection.execute(
        "INSERT INTO delivery_preference (user_id, digest_at) VALUES (%s, '08:30'), (%s, '06:30')", (early, late)
    )
    clinic.raise_alerts(connection, early, count=2, at=NOW - 3 * DAY)
    clinic.raise_alerts(connection, early, severity="alarm")
    clinic.raise_alerts(connection, early, severity="watch", count=4)
    for _ in range(3):
        notices.write(connection, now=NOW)
    assert written(connection) == [("digest", "2026-03-02", {"open": 3, "alarm": 1, "new": 3, "recent": 1, "watch": 4})]
    notices.write(connection, now=NOW + DAY)
    assert [about for _, about, _ in written(connection)] == ["2026-03-02", "2026-03-03"]


def test_the_daily_count_is_that_of_the_readers_teams_and_of_who_has_no_team(connection: Connection) -> None:
    north, both, everybody = (
        clinic.add_user(connection, role=role, language=language)
        for role, language in (("nurse", "fr"), ("nurse", "en"), ("cardiologist", "fr"))
    )
    connection.execute("INSERT INTO delivery_preference (user_id, digest_at) SELECT user_id, '08:30' FROM app_user")
    connection.execute("INSERT INTO team DEFAULT VALUES")
    connection.execute("INSERT INTO team DEFAULT VALUES")
    connection.execute(
        "INSERT INTO duty_shift (team_id, user_id, post, weekday, starts, ends, entered_at)"
        " SELECT team_id, user_id, 'nurse', 0, '08:00', '18:00', %(now)s FROM team, app_user"
        " WHERE user_id = %(north)s AND team_id = 1 OR user_id = %(both)s",
        {"now": NOW, "north": north, "both": both},
    )
    for count in (1, 2, 4):  # of the first team, of the second, of none
        clinic.raise_alerts(connection, everybody, count=count)
    connection.execute(
        "INSERT INTO patient_team (patient_id, team_id, recorded_at)"
        " SELECT patient_id, CASE WHEN episode_id = 1 THEN 1 ELSE 2 END, %s FROM episode WHERE episode_id <= 3",
        (NOW,),
    )
    notices.write(connection, now=NOW)
    counts = connection.execute("SELECT user_id, facts -> 'open' FROM plain_notice ORDER BY user_id").fetchall()
    assert counts == [(north, 5), (both, 7), (everybody, 7)]


def remind(conn: Connection, patient_id: str, at: str = "08:00") -> None:
    conn.execute(
        "INSERT INTO patient_reminder (patient_id, url, at, agreed_at) VALUES (%s, %s, %s, %s)",
        (patient_id, f"json://127.0.0.1:9/{patient_id}", at, NOW),
    )
    conn.commit()


def test_a_patient_who_asked_is_reminded_once_a_morning_until_weighed(connection: Connection) -> None:
    clinic.add_patients(connection, ["P1", "P2", "P3"], enrolled_at=NOW - 9 * DAY)
    remind(connection, "P1")
    remind(connection, "P2", at="10:00")
    for _ in range(2):
        notices.write(connection, now=NOW)
    assert due(connection) == ["json://127.0.0.1:9/P1"], "P2's hour has not come, P3 asked for nothing"
    connection.execute(
        "INSERT INTO latest_reading (patient_id, arrivals, measured_at, weight_kg) VALUES ('P1', 1, %s, 80)", (NOW,)
    )
    assert due(connection) == [], "weighed before the gateway came back: no reminder any more"
    connection.execute(
        "INSERT INTO patient_day (patient_id, day, state, explained_at) VALUES ('P2', %s, 'weighed', %s)", (TODAY, NOW)
    )
    notices.write(connection, now=NOW + 2 * HOUR)
    assert len(written(connection)) == 1, "P2 has weighed before the hour"
    notices.write(connection, now=NOW + DAY)
    assert len(written(connection)) == 2
    assert due(connection, hours=24) == ["json://127.0.0.1:9/P1"], "another morning"


def test_a_scale_mute_for_three_days_is_the_technicians_once_and_no_nurses(connection: Connection) -> None:
    clinic.add_user(connection)
    connection.execute("INSERT INTO contact (duty, url) VALUES ('technical', 'json://127.0.0.1:9/technician')")
    clinic.add_patients(connection, ["P1", "P2", "P3"], enrolled_at=NOW - 9 * DAY)
    states = {
        "P1": ["weighed", "scale_silent", "scale_silent", "scale_silent"],  # since three days: today's news
        "P2": ["scale_silent"] * 4,  # told yesterday
        "P3": ["weighed", "not_weighed", "not_weighed", "not_weighed"],  # the nurse's
    }
    for patient_id, days in states.items():
        for ago, state in zip((4, 3, 2, 1), days, strict=True):
            connection.execute(
                "INSERT INTO patient_day (patient_id, day, state, explained_at) VALUES (%s, %s, %s, %s)",
                (patient_id, TODAY - timedelta(days=ago), state, NOW),
            )
    for _ in range(2):
        notices.write(connection, now=NOW)
    assert written(connection) == [("scales_silent", "2026-03-02", {"count": 1, "days": 3})]
    assert due(connection) == ["json://127.0.0.1:9/technician"]


def test_a_technician_with_an_account_is_told_by_their_own_channels_as_long_as_they_are_one(
    connection: Connection,
) -> None:
    technician = clinic.add_user(connection, notify_url="json://127.0.0.1:9/own")
    connection.execute(
        "INSERT INTO user_duty (duty, user_id, entered_at) VALUES ('technical', %s, %s)", (technician, NOW)
    )
    clinic.add_patients(connection, ["P1"], enrolled_at=NOW - 9 * DAY)
    for ago in (3, 2, 1):
        connection.execute(
            "INSERT INTO patient_day (patient_id, day, state, explained_at) VALUES ('P1', %s, 'scale_silent', %s)",
            (TODAY - timedelta(days=ago), NOW),
        )
    notices.write(connection, now=NOW)
    assert due(connection) == ["json://127.0.0.1:9/own"]
    connection.execute("DELETE FROM plain_notice")
    connection.execute("UPDATE user_duty SET ended_at = %s", (NOW,))
    notices.write(connection, now=NOW)
    assert due(connection) == []
