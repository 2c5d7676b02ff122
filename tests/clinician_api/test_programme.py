"""The programme in numbers: counted by hand, and as pages and files."""

import csv
import io
import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from scipy.stats import binomtest

from clinician_api.enrol import enrolment
from clinician_api.language import Words
from clinician_api.programme import activity, activity_files, bars, programme_numbers, working_time
from clinician_api.programme.activity import Month, NoSuchMonthError
from clinician_api.programme.programme_numbers import DayCount, Value
from schemas.database import Connection
from schemas.duty import Team, Weekly
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site

NOW = CLOCK.now()
DAY = timedelta(days=1)
ADD_DAY = "INSERT INTO patient_day (patient_id, day, state, explained_at) VALUES (%s, %s, %s, now())"
ACT = """
INSERT INTO acknowledgement (request_id, episode_id, action, outcome, author, at)
VALUES (%s, %s, %s, %s, (SELECT min(user_id) FROM app_user), %s)
"""
REVIEW = """
INSERT INTO patient_review (request_id, patient_id, is_undo, author, at)
VALUES (%s, 'p-0000', false, (SELECT min(user_id) FROM app_user), %s)
"""


def explain(conn: Connection, patient_id: str, days: dict[date, str]) -> None:
    for day, state in days.items():
        conn.execute(ADD_DAY, (patient_id, day, state))


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-11-23T09:00+01:00", "2026-11-23T11:30+01:00", 2.5),
        ("2026-11-20T17:00+01:00", "2026-11-23T09:00+01:00", 2),  # over a weekend
        ("2026-07-13T17:00+02:00", "2026-07-15T09:00+02:00", 2),  # the 14th of July
        ("2026-10-23T17:00+02:00", "2026-10-26T09:00+01:00", 2),  # over the night with two 2 o'clocks
        ("2026-11-23T19:00+01:00", "2026-11-24T07:00+01:00", 0),
        ("2026-11-23T11:00+01:00", "2026-11-23T09:00+01:00", 0),
    ],
)
def test_working_time_leaves_nights_weekends_and_holidays_out(since: str, until: str, hours: float) -> None:
    span = working_time.between(datetime.fromisoformat(since), datetime.fromisoformat(until))
    assert span == timedelta(hours=hours)


def test_working_time_is_the_teams_own_and_hours_named_twice_count_once() -> None:
    day = [Weekly(weekday=5, starts=time(8), ends=time(13)), Weekly(weekday=5, starts=time(12), ends=time(14))]
    night = [Weekly(weekday=6, starts=time(20), ends=time(6))]
    team = Team(name="week-end", hours=(*day, *night), works_on_holidays=True)
    friday = datetime.fromisoformat("2026-10-23T18:00+02:00")
    assert working_time.between(friday, friday + timedelta(days=1), team=team) == timedelta(hours=6)
    assert working_time.between(friday, friday + timedelta(days=4), team=team) == timedelta(hours=16)
    bastille = datetime.fromisoformat("2029-07-14T00:00+02:00")  # a Saturday
    assert working_time.between(bastille, bastille + DAY, team=team) == timedelta(hours=6)
    closed = team.model_copy(update={"works_on_holidays": False})
    assert working_time.between(bastille, bastille + DAY, team=closed) == timedelta(0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_interval_of_a_detectors_worth_is_wilsons(judged: tuple[int, int]) -> None:
    value = Value(detector="x", raised=judged[0], judged=judged[0], confirmed=judged[1])
    known = binomtest(judged[1], judged[0]).proportion_ci(method="wilson")
    assert value.interval == pytest.approx((known.low, known.high), abs=1e-6)


def test_adherence_leaves_out_what_nobody_could_send() -> None:
    counts = [DayCount(day=date(2026, 3, 1), state=state, days=10) for state in ("weighed", "paused", "our_outage")]
    assert programme_numbers.adherence(counts) == 1
    counts += [DayCount(day=date(2026, 3, 2), state="not_weighed", days=30)]
    assert programme_numbers.adherence(counts) == pytest.approx(0.25)
    assert programme_numbers.adherence([]) is None


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 10_000)), max_size=60))
def test_bars_stay_within_the_picture_and_are_as_tall_as_their_counts(stacks: list[dict[str, int]]) -> None:
    days = [(date(2026, 1, 1) + index * DAY, stack) for index, stack in enumerate(stacks)]
    drawn = bars.draw(days, kinds="abc", width=340, height=200)
    for piece in drawn.pieces:
        assert drawn.left <= piece.x <= piece.x + piece.width <= drawn.right + 1e-6
        assert 0 <= piece.y <= piece.y + piece.height <= drawn.base + 1e-6
    assert len(drawn.pieces) == sum(count > 0 for stack in stacks for count in stack.values())
    places = [label.x for label in drawn.labels]
    assert all(after - before >= bars.LABEL_WIDTH - 1e-6 for before, after in pairwise(places)), "no two overlap"


def raise_alert(conn: Connection, patient_id: str, cause: str, *, at: datetime) -> int:
    return seed.open_episode(conn, patient_id, cause, severity="alert", at=at)


def month_of(conn: Connection, month: str) -> dict[str, activity.Activity]:
    rows = activity.of_month(conn, Month.parse(month, now=NOW))
    conn.commit()
    return {row.patient_id: row for row in rows}


@pytest.fixture
def march(connection: Connection, site: Site) -> Connection:
    """March 2026, in whose last week Paris has a night without 2 o'clock; one joins on the 20th, one never weighs."""
    seed.users(connection)
    patients = [seed.patient(number, now=NOW) for number in range(3)]
    enrolment.enrol(connection, patients, now=NOW)
    explain(connection, "p-0000", {date(2026, 3, 1) + n * DAY: "weighed" for n in range(31)})
    explain(connection, "p-0000", {date(2026, 2, 28): "weighed", date(2026, 4, 1): "weighed"})
    joined = {date(2026, 3, 20) + n * DAY: "weighed" for n in range(8)}
    explain(connection, "p-0001", joined | {date(2026, 3, 28): "waiting", date(2026, 3, 29): "our_outage"})
    # 23:30 UTC on the 31st is April in Paris already.
    first = raise_alert(connection, "p-0000", "decompensation", at=datetime(2026, 2, 28, 23, 30, tzinfo=UTC))
    raise_alert(connection, "p-0001", "no_transmission", at=datetime(2026, 3, 31, 22, 30, tzinfo=UTC))
    at = datetime(2026, 3, 15, tzinfo=UTC)
    seed.open_episode(connection, "p-0001", "decompensation", severity="watch", at=at)  # no alert
    connection.execute(ACT, (uuid4(), first, "close", "false_food", datetime(2026, 3, 31, 21, tzinfo=UTC)))
    connection.execute(REVIEW, (uuid4(), datetime(2026, 3, 12, 8, tzinfo=UTC)))
    connection.commit()
    return connection


def test_a_month_counts_days_alerts_and_reviews_and_nothing_of_its_neighbours(march: Connection) -> None:
    rows = month_of(march, "2026-03")
    assert list(rows) == ["p-0000", "p-0001"], "who has no day, no alert and no review is not in it"
    whole, joined = rows["p-0000"], rows["p-0001"]
    assert (whole.days, whole.transmitted, whole.decompensation, whole.acts, whole.looked) == (31, 31, 1, 2, 2)
    assert (joined.days, joined.transmitted, joined.waiting, joined.our_outage) == (10, 9, 1, 1)
    assert joined.no_transmission == 0, "its alert was raised in April, by the clinic's clock"
    assert joined.decompensation == 0, "a watch is no alert"
    assert month_of(march, "2026-04")["p-0001"].no_transmission == 1


def test_the_files_hold_pseudonyms_alone(march: Connection, site: Site) -> None:
    client = site.signed_in()
    text = client.get("/programme/report?month=2026-03&form=csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["patient_id"], row["transmitted"]) for row in rows] == [("p-0000", "31"), ("p-0001", "9")]
    answer = client.get("/programme/report?month=2026-03&form=pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    for number in range(3):
        identity = seed.patient(number, now=NOW).identity
        assert identity
        assert identity.family_name not in text
        assert identity.family_name.encode() not in answer.content


@pytest.mark.parametrize("month", ["2999-01", "1066-10", "2026-13", "", "octobre", "2026-10-01", "٢٠٢٦-١٠"])
def test_a_month_that_is_none_or_to_come_is_refused_in_a_sentence(people: Site, month: str) -> None:
    answer = people.signed_in().get("/programme/report", params={"month": month})
    assert answer.status_code == 422
    assert 'class="problem" role="alert"' in answer.text


def test_an_empty_clinic_has_a_page_and_an_empty_report(connection: Connection, site: Site) -> None:
    seed.users(connection)
    connection.commit()
    client = site.signed_in()
    page = client.get("/programme")
    assert page.status_code == 200
    assert "Rien à compter" in page.text
    this = f"{NOW:%Y-%m}"
    assert client.get(f"/programme/report?month={this}&form=csv").text.strip() == ",".join(activity.COLUMNS)
    assert client.get(f"/programme/report?month={this}").content.startswith(b"%PDF-")
    assert client.get("/programme.csv?months=12").text.count("\n") == 1


def test_any_days_are_counted_both_included_and_a_period_that_is_none_is_said(
    connection: Connection, site: Site
) -> None:
    seed.users(connection)
    enrolment.enrol(connection, [seed.patient(0, now=NOW)], now=NOW)
    today = NOW.date()
    explain(connection, "p-0000", {today - n * DAY: "weighed" if n % 2 else "not_weighed" for n in range(1, 31)})
    connection.commit()
    client = site.signed_in()
    chosen = {"first": str(today - 9 * DAY), "last": str(today - 4 * DAY)}
    rows = list(csv.DictReader(client.get("/programme.csv", params=chosen).text.splitlines()))
    assert sum(int(row["weighed"]) for row in rows) == 3
    assert sum(int(row["not_weighed"]) for row in rows) == 3
    page = client.get("/programme", params=chosen)
    assert (page.status_code, f"first={chosen['first']}&amp;last={chosen['last']}" in page.text) == (200, True)
    for bad in ({"first": "hier"}, {"first": chosen["last"], "last": chosen["first"]}, {"first": "1990-01-01"},
                {"first": chosen["first"], "last": "2999-01-01"}, {"last": chosen["last"]}):  # fmt: skip
        answer = client.get("/programme", params=bad)
        assert (answer.status_code, 'class="problem" role="alert"' in answer.text) == (422, True), bad
        assert client.get("/programme.csv", params=bad).status_code == 422, bad


def test_a_pdf_of_many_patients_names_the_csv_and_of_few_all_of_them() -> None:
    row: dict[str, Any] = dict.fromkeys(activity.COLUMNS, 3)
    rows = [activity.Activity(**row | {"patient_id": f"P{n:05}"}) for n in range(activity_files.MOST + 1)]
    month, words = Month.parse("2026-03", now=NOW), Words(language="en")
    few = activity_files.as_pdf(rows[:100], month, words=words, now=NOW)
    many = activity_files.as_pdf(rows, month, words=words, now=NOW)
    assert len(many) < len(few)


def test_months_are_those_of_the_clinics_calendar() -> None:
    assert Month.parse("2026-12", now=datetime(2026, 11, 30, 23, 30, tzinfo=UTC)).end == date(2027, 1, 1)
    with pytest.raises(NoSuchMonthError):
        Month.parse("2026-12", now=datetime(2026, 11, 30, 22, 30, tzinfo=UTC))


def test_the_page_counts_what_was_stored(connection: Connection, site: Site) -> None:
    seed.users(connection)
    enrolment.enrol(connection, [seed.patient(number, now=NOW) for number in range(2)], now=NOW)
    today = NOW.date()
    explain(connection, "p-0000", {today - n * DAY: "weighed" for n in range(1, 31)})
    explain(connection, "p-0001", {today - n * DAY: "not_weighed" for n in range(1, 11)})
    for n in range(4):
        at = NOW - (n + 12) * DAY
        episode = seed.open_episode(connection, "p-0000", "decompensation", severity="alert", at=at)
        outcome = "confirmed_visit" if n else "false_food"
        connection.execute(ACT, (uuid4(), episode, "close", outcome, at + timedelta(minutes=90)))
    seed.open_episode(connection, "p-0001", "no_transmission", severity="alert", at=NOW - 9 * DAY)
    watched = seed.open_episode(connection, "p-0001", "decompensation", severity="watch", at=NOW - 8 * DAY)
    closed = seed.open_episode(connection, "p-0000", "decompensation", severity="watch", at=NOW - 8 * DAY)
    connection.execute(ACT, (uuid4(), closed, "close", "false_food", NOW - 8 * DAY))
    connection.commit()
    text = site.signed_in().get("/programme").text
    assert "75 %" in text, "30 of 40 days; and 3 of 4 judged alerts"
    assert "45,7" in text, "5 alerts in 40 days of watch"
    assert "p-0001</a>" in text, "it is overdue"
    assert f"#episode-{watched}" not in text, "a watch is not"
    assert "30 %" in text, "the interval of 3 in 4"
    sheet = list(csv.DictReader(io.StringIO(site.signed_in().get("/programme.csv").text)))
    assert sum(int(row["weighed"]) for row in sheet) == 30
    assert sum(int(row["no_transmission_alerts"]) for row in sheet) == 1


OF_TEAM = "INSERT INTO patient_team (patient_id, team_id, recorded_at) VALUES (%s, %s, %s)"
DAY_OF_TEAM = """
INSERT INTO patient_day (patient_id, day, state, team_id, explained_at) VALUES ('p-0000', %s, 'weighed', %s, %s)
"""


def add_team(conn: Connection, name: str, settings: dict[str, object]) -> int:
    row = conn.execute("INSERT INTO team DEFAULT VALUES RETURNING team_id").fetchone()
    assert row
    conn.execute(
        "INSERT INTO team_settings (team_id, settings, recorded_at) VALUES (%s, %s, %s)",
        (row[0], Jsonb({"name": name, **settings}), NOW),
    )
    return int(str(row[0]))


def test_each_team_counts_by_its_own_hours(connection: Connection, site: Site) -> None:
    seed.users(connection)
    enrolment.enrol(connection, [seed.patient(number, now=NOW) for number in range(2)], now=NOW)
    whole_week = [{"weekday": day, "starts": "00:00", "ends": "00:00"} for day in range(7)]
    always = add_team(connection, "toujours", {"hours": whole_week, "works_on_holidays": True})
    never = add_team(connection, "jamais", {"hours": []})
    for patient_id, team in (("p-0000", always), ("p-0001", never)):
        connection.execute(OF_TEAM, (patient_id, team, NOW))
        at = NOW - timedelta(hours=4)
        seed.open_episode(connection, patient_id, "decompensation", severity="alert", at=at)
    connection.execute(DAY_OF_TEAM, (NOW.date(), always, NOW))
    connection.commit()
    client = site.signed_in()
    pages = {asked: client.get(f"/programme{asked}").text for asked in ("", f"?team={always}", f"?team={never}")}
    overdue = [re.findall(r"(p-000[0-9])</a>", text) for text in pages.values()]
    assert overdue == [["p-0000"], ["p-0000"], []], "of the other team nobody was at work"
    assert ["100 %" in text for text in pages.values()] == [True, True, False]
    assert client.get("/programme?team=999").status_code == 404
    sheets = [client.get(f"/programme.csv{asked}").text for asked in ("", f"?team={always}", f"?team={never}")]
    assert [_alerts(sheet) for sheet in sheets] == [2, 1, 1]
    month = f"/programme/report?month={NOW:%Y-%m}&form=csv"
    reports = [client.get(month + asked).text for asked in ("&team=", f"&team={always}", f"&team={never}")]
    assert [re.findall("^p-000[0-9]", text, re.MULTILINE) for text in reports] == [
        ["p-0000", "p-0001"], ["p-0000"], ["p-0001"],
    ]  # fmt: skip


def _alerts(sheet: str) -> int:
    return sum(int(row["decompensation_alerts"]) for row in csv.DictReader(io.StringIO(sheet)))


def test_the_worklist_counts_each_teams_promise_down_by_its_own_hours(connection: Connection, site: Site) -> None:
    seed.users(connection)
    enrolment.enrol(connection, [seed.patient(number, now=NOW) for number in range(3)], now=NOW)
    whole_week = [{"weekday": day, "starts": "00:00", "ends": "00:00"} for day in range(7)]
    night = {"hours": whole_week, "works_on_holidays": True}
    hasty = add_team(connection, "une heure", {**night, "promise_minutes": 60})
    patient = add_team(connection, "dix heures", {**night, "promise_minutes": 600})
    asleep = add_team(connection, "jamais", {"hours": []})
    for number, team in enumerate((hasty, patient, asleep)):
        connection.execute(OF_TEAM, (f"p-000{number}", team, NOW))
        at = NOW - timedelta(hours=4)
        seed.open_episode(connection, f"p-000{number}", "decompensation", severity="alert", at=at)
    connection.commit()
    text = re.sub(r"\s", " ", site.signed_in().get("/").text)
    rows = {row[:6]: row for row in re.split(r'data-patient="', text)[1:]}
    assert "plus tard que promis (60 min)" in rows["p-0000"]
    assert "encore 6 h" in rows["p-0001"]
    assert "encore 3 h" in rows["p-0002"], "nobody of that team was at work"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_reads_on_a_phone_and_complains_of_nothing(
    clinic: Site, screen: Screen, connection: Connection, language: str
) -> None:
    explain(connection, "p-0000", {NOW.date() - n * DAY: "weighed" for n in range(1, 60)})
    connection.execute("UPDATE app_user SET language = %s", (language,))
    connection.commit()
    page = screen.sign_in()
    page.wait_for_selector("#worklist")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/programme")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    page.locator("summary").first.click()
    assert page.locator("table").first.is_visible()
    assert screen.complaints == []
