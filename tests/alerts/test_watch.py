"""Who comes near the alert's threshold is watched: told to nobody, and an alert like any other once it rises."""

from datetime import timedelta

from alerts.router import Router
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import ENROLLED, NOW, STEADY, seen
from tests.fixtures.assess import Assess

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def watched(connection: Connection, assess: Assess) -> None:
    """P1 is watched as of `NOW`: a gain of 1.8 kg, where more than 2 kg alert."""
    clinic.choose(connection, "guideline")
    clinic.add_user(connection)
    clinic.add_user(connection, role="cardiologist")
    clinic.add_patients(connection, ["P1"], enrolled_at=ENROLLED)
    clinic.weigh(connection, "P1", clinic.mornings(NOW, [*STEADY, 81.6]), recorded_at=NOW)
    assess(NOW)
    assert clinic.episodes(connection) == [seen("watch", "raised", told=0)]


def test_nobody_is_told_of_a_watch_at_any_hour_and_it_rises_as_a_new_alert_in_one_transaction(
    connection: Connection, assess: Assess
) -> None:
    watched(connection, assess)
    for hours in (1, 4, 14, 23, 30):
        assert Router(conn=connection, now=NOW + hours * HOUR).go_on(limit=9) == []
    connection.commit()
    since = "SELECT date_trunc('minute', opened_at), taken_at, date_trunc('minute', next_at), state, step FROM episode"
    assert connection.execute(since).fetchall() == [(NOW, None, None, "new", 0)]

    clinic.act(connection, "take", at=NOW + HOUR, until=NOW + 25 * HOUR)
    clinic.weigh(connection, "P1", [(NOW + DAY, 82.3)], recorded_at=NOW + DAY)
    assess(NOW + DAY)
    assert clinic.episodes(connection) == [seen("alert", "raised", "severity_rose")]
    next_at = NOW + DAY + 3 * HOUR
    assert connection.execute(since).fetchall() == [(NOW + DAY, None, next_at, "new", 1)], "its promise begins now"
    told = connection.execute("""
        SELECT date_trunc('minute', notification.due_at), episode_event.severity,
               episode.evidence ->> 'threshold', role,
               notification.xmin = episode_event.xmin AND episode.xmin = episode_event.xmin
        FROM notification JOIN episode_event USING (event_id) JOIN app_user USING (user_id)
        JOIN episode ON episode.episode_id = notification.episode_id
    """).fetchall()
    assert told == [(NOW + DAY, "alert", "2.0", "nurse", True)], "in the transaction of the rise"


def test_what_was_promised_of_a_watch_comes_back_to_the_list_and_pages_nobody(
    connection: Connection, assess: Assess
) -> None:
    watched(connection, assess)
    for action, kind in (("take", "forgotten"), ("follow_up", "follow_up_due"), ("snooze", "snooze_ended")):
        clinic.act(connection, action, at=NOW, until=NOW + DAY)
        (move,) = Router(conn=connection, now=NOW + DAY).go_on(limit=9)
        assert (move.kind, move.tell, move.next_at) == (kind, [], None)
        stands = "SELECT state, snoozed_until, next_at FROM episode"
        assert connection.execute(stands).fetchall() == [("new", None, None)]
    assert clinic.count(connection, "SELECT count(*) FROM notification") == 0


def test_a_score_that_hovers_is_one_watch_that_asks_and_after_its_end_there_is_none_for_a_week(
    connection: Connection, assess: Assess
) -> None:
    watched(connection, assess)
    for days, kg in enumerate([80.0, 81.6, 80.0, 81.6, 80.0], start=1):
        clinic.weigh(connection, "P1", [(NOW + days * DAY, kg)], recorded_at=NOW + days * DAY)
        assess(NOW + days * DAY)
    events = ("raised", *(("back_in_band", "repeated") * 2), "back_in_band")
    assert clinic.episodes(connection) == [seen("watch", *events, told=0)]
    clinic.close_all(connection, at=NOW + 5 * DAY + HOUR)
    for days, kg in ((6, 81.6), (7, 80.0)):
        clinic.weigh(connection, "P1", [(NOW + days * DAY, kg)], recorded_at=NOW + days * DAY)
        assess(NOW + days * DAY)
    assert len(clinic.episodes(connection)) == 1, "whoever closed it knows"
    clinic.weigh(connection, "P1", [(NOW + 8 * DAY, 82.4)], recorded_at=NOW + 8 * DAY)
    assess(NOW + 8 * DAY)
    assert clinic.episodes(connection)[1] == seen("alert", "raised"), "an alert comes at once"


def test_a_watch_that_becomes_worse_is_new_again_and_a_past_one_is_not_opened(
    connection: Connection, assess: Assess
) -> None:
    clinic.add_user(connection)
    clinic.add_patients(connection, ["P1", "P2"], enrolled_at=ENROLLED)
    clinic.choose(connection, "guideline")
    clinic.set_plan(connection, "P1", {"gain_kg": 5.0, "alarm_kg": 15.0})
    clinic.weigh(connection, "P1", clinic.mornings(NOW, [*STEADY, 83.9]), recorded_at=NOW)
    clinic.weigh(connection, "P2", clinic.mornings(NOW - 3 * DAY, [*STEADY, 81.6]), recorded_at=NOW)
    assess(NOW)
    assert [one for one in clinic.episodes(connection) if one.cause == "decompensation"] == [
        seen("watch", "raised", told=0)
    ], "P2's lies in the past"
    clinic.act(connection, "snooze", at=NOW, until=NOW + 9 * DAY)
    clinic.weigh(connection, "P1", [(NOW + DAY, 84.3)], recorded_at=NOW + DAY)
    assess(NOW + DAY)
    ours = "SELECT state, snoozed_until, next_at FROM episode WHERE patient_id = 'P1'"
    assert connection.execute(ours).fetchall() == [("new", NOW + 9 * DAY, NOW + 9 * DAY)]
    clinic.weigh(connection, "P1", [(NOW + 2 * DAY, 84.9)], recorded_at=NOW + 2 * DAY)
    assess(NOW + 2 * DAY)
    assert connection.execute(ours).fetchall() == [("new", None, None)]
    assert (
        clinic.count(
            connection, "SELECT count(*) FROM notification JOIN episode USING (episode_id) WHERE patient_id = 'P1'"
        )
        == 0
    )
