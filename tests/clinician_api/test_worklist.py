"""The morning's work on the list: open beside it, take, put off, close, review, filter, find; by keyboard, twice."""

import html
import re
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx2
import pytest
from playwright.sync_api import Page, expect

from clinician_api.enrol import enrolment
from clinician_api.patient import patient_search
from clinician_api.programme import working_time
from clinician_api.worklist import closure, entries, filters, sparkline, worklist
from clinician_api.worklist.entries import Wanted
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site


def shown(text: str) -> list[str]:
    return re.findall(r'<li class="row-card[^"]*" data-patient="(p-\d+)"', text)


def form(client: httpx2.Client, **fields: str) -> dict[str, str]:
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert csrf
    return {"csrf": csrf[1], "request_id": str(uuid4())} | fields


def episode_of(conn: Connection, patient_id: str) -> str:
    row = conn.execute(
        "SELECT episode_id FROM episode WHERE patient_id = %s ORDER BY 1 LIMIT 1", (patient_id,)
    ).fetchone()
    assert row
    return str(row[0])


def test_a_nurse_works_through_the_list_by_keyboard_alone(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.wait_for_selector(".row-card")
    page.wait_for_load_state()  # the keys are a script's
    page.keyboard.press("j")
    expect(page.locator('[data-patient="p-0003"] .who')).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#drawer-title")).to_be_focused()
    expect(page.locator("#drawer")).to_contain_text("Petit")
    press(page, "Prendre en charge, suivant")
    expect(page.locator("#drawer")).to_have_attribute("data-patient", "p-0007")
    expect(page.locator("#drawer-title")).to_be_focused()
    expect(page.locator('[data-patient="p-0003"]').first).to_contain_text("Pris par Anne Roux")
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page.locator('[data-patient="p-0007"] .who')).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page.locator("#worklist .done")).to_contain_text("1 patient marqué comme revu")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_have_attribute("open", "")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("lefe")
    expect(page.locator("#found")).to_contain_text("Lefebvre")
    expect(page.locator("#found")).to_contain_text("Lefèvre")
    assert screen.complaints == []


def press(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name).first
    button.focus()
    page.keyboard.press("Enter")


def test_reviewed_patients_leave_the_list_unless_they_wait_for_somebody_and_come_back_when_it_is_undone(
    clinic: Site, connection: Connection
) -> None:
    client = clinic.signed_in()
    fields = form(client, patient_id="p-0014")  # watch
    page = client.post("/worklist/reviewed", data=fields, follow_redirects=True).text
    assert "p-0014" not in shown(page)
    assert "1 patient marqué comme revu" in page
    assert client.post("/worklist/reviewed", data=fields, follow_redirects=True).status_code == 200  # a double click
    assert connection.execute("SELECT count(*) FROM patient_review").fetchone() == (1,)
    undone = client.post(
        "/worklist/reviewed", data=form(client, patient_id="p-0014", undo="true"), follow_redirects=True
    )
    assert "p-0014" in shown(undone.text)
    alarm = client.post("/worklist/reviewed", data=form(client, patient_id="p-0003"), follow_redirects=True).text
    assert "p-0003" in shown(alarm), "nobody has taken the alarm"
    assert "revu, Anne Roux" in alarm


def test_what_is_only_informative_is_acknowledged_together_and_alerts_stay(clinic: Site) -> None:
    client = clinic.signed_in()
    page = client.get("/").text
    bulk = re.search(r'<form class="bulk".*?</form>', page, re.DOTALL)
    assert bulk
    ids = re.findall(r'name="patient_id" value="(p-\d+)"', bulk[0])
    assert set(ids) == {"p-0014", "p-0019", "p-0026", "p-0028"}
    fields = form(client)
    text = "&".join(f"{name}={value}" for name, value in [*fields.items(), *(("patient_id", one) for one in ids)])
    after = client.post(
        "/worklist/reviewed",
        content=text,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        follow_redirects=True,
    ).text
    assert set(shown(after)) == {"p-0003", "p-0007", "p-0011", "p-0005", "p-0022"}


def test_a_watch_is_counted_apart_and_says_that_it_is_watched_and_promises_nothing(clinic: Site) -> None:
    client = clinic.signed_in()
    page = client.get("/").text
    counts = dict(re.findall(r"<dt>([^<]*)</dt><dd>(\d+)</dd>", page[: page.index("</dl>")]))
    assert counts == {"en attente": "5", "pris en charge": "0", "à surveiller": "5", "patients surveillés": "30"}
    assert set(shown(page)[-4:]) == {"p-0014", "p-0019", "p-0026", "p-0028"}, "after all alerts, of whatever cause"
    row = page[page.index('data-patient="p-0014"') :].split("</li>")[0]
    assert "À surveiller depuis" in row
    assert "Attend depuis" not in row
    assert "promis" not in row
    card = html.unescape(client.get("/patients/p-0014").text).replace("’", "'")
    assert "Il n'aurait pas été à surveiller à" in card
    assert "Il n'aurait pas été déclenché" not in card
    assert "Attend depuis" not in client.get("/?open=p-0014").text.split('id="drawer"')[1]


def test_an_alert_of_any_cause_goes_before_a_watch_and_is_not_reviewed_away_with_it(
    clinic: Site, connection: Connection
) -> None:
    client, now = clinic.signed_in(), CLOCK.now()
    seed.open_episode(connection, "p-0014", "no_transmission", severity="alert", at=now - timedelta(hours=1))
    connection.commit()
    for _ in range(2):
        page = client.get("/").text
        section = page[page.index('aria-labelledby="reason-no_transmission"') :].split("</section>")[0]
        assert "p-0014" in shown(section)
        assert shown(page).count("p-0014") == 1
        client.post("/worklist/reviewed", data=form(client, patient_id="p-0014"))


def test_more_who_are_watched_than_fit_are_counted_and_lead_to_all_of_them(
    clinic: Site, connection: Connection
) -> None:
    calm = [number for number in range(30) if number not in seed.OPEN]
    for number in calm:
        at = CLOCK.now() - timedelta(hours=1)
        seed.open_episode(connection, f"p-{number:04}", "decompensation", severity="watch", at=at)
    connection.commit()
    page = clinic.signed_in().get("/").text
    section = page[page.index('aria-labelledby="reason-watch"') :].split("</section>")[0]
    assert len(shown(section)) == 20
    assert f"sur {len(calm) + 5} ouvertes" in section
    assert '"/?section=decompensation"' in section
    alerts = page[: page.index('aria-labelledby="reason-watch"')]
    assert set(shown(alerts)) == {"p-0003", "p-0007", "p-0011", "p-0005", "p-0022"}, "no alert gives way"
    assert "ouvertes" not in alerts


def test_a_watch_that_is_back_in_the_range_is_closed_by_whoever_has_looked_at_it(
    clinic: Site, connection: Connection
) -> None:
    client, now = clinic.signed_in(), CLOCK.now()
    connection.execute(
        "INSERT INTO episode_event (episode_id, at, kind, severity, evidence)"
        " SELECT episode_id, %s, 'back_in_band', severity, evidence FROM episode"
        " WHERE patient_id IN ('p-0014', 'p-0011') AND cause = 'decompensation'",
        (now,),
    )
    connection.commit()
    fields = form(client)
    text = "&".join(f"{name}={value}" for name, value in fields.items())
    text += "".join(f"&patient_id={one}" for one in ("p-0011", "p-0014", "p-0019"))
    for _ in range(2):  # a double click
        page = client.post(
            "/worklist/reviewed",
            content=text,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            follow_redirects=True,
        ).text
        assert "3 patients marqués comme revus. 1 surveillance close." in html.unescape(page)
    ends = connection.execute(
        "SELECT patient_id, state, a.outcome, u.display_name, e.closed_at = a.at FROM episode AS e"
        " JOIN acknowledgement AS a USING (episode_id) JOIN app_user AS u ON u.user_id = a.author"
    ).fetchall()
    assert ends == [("p-0014", "closed", "other", "Anne Roux", True)], "neither an alert nor what still stands"
    assert connection.execute("SELECT subject FROM audit WHERE action = 'episode.close'").rowcount == 1
    assert "p-0014" not in client.get("/").text


def test_a_reviewed_patient_is_back_when_raised_again(clinic: Site, connection: Connection) -> None:
    client = clinic.signed_in()
    client.post("/worklist/reviewed", data=form(client, patient_id="p-0014"))
    later = CLOCK.now() + timedelta(seconds=1)
    connection.execute("UPDATE episode SET last_raised_at = %s WHERE patient_id = 'p-0014'", (later,))
    connection.commit()
    assert "p-0014" in shown(client.get("/").text)


def test_what_is_back_in_band_stands_after_what_is_not(clinic: Site, connection: Connection) -> None:
    episode_id = episode_of(connection, "p-0003")
    connection.execute(
        "INSERT INTO episode_event (episode_id, at, kind, severity, evidence)"
        " SELECT episode_id, now(), 'back_in_band', severity, evidence FROM episode WHERE episode_id = %s",
        (episode_id,),
    )
    connection.commit()
    page = clinic.signed_in().get("/").text
    assert shown(page)[2] == "p-0003", "the last of three alerts"
    assert "revenu dans sa plage habituelle" in page


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"severity": "alarm"}, {"p-0003"}),
        ({"owner": "me"}, set()),
        ({"weighed": "silent"}, {"p-0022", "p-0026"}),
        ({"tag": "HFrEF"}, {"p-0011"}),
    ],
)
def test_a_filter_is_kept_for_the_user_and_for_nobody_else(
    clinic: Site, connection: Connection, chosen: dict[str, str], expected: set[str]
) -> None:
    connection.execute("INSERT INTO patient_tag VALUES ('p-0011', 'HFrEF'), ('p-0012', 'HFrEF')")
    connection.commit()
    client = clinic.signed_in()
    assert client.post("/worklist/filter", data=form(client) | chosen).status_code == 303
    assert set(shown(client.get("/").text)) == expected
    assert len(shown(clinic.signed_in(seed.CARDIOLOGIST).get("/").text)) == 9
    assert client.post("/worklist/filter", data=form(client, severity="worst")).status_code == 422


def test_closing_in_the_drawer_leads_to_the_next_patient_and_a_second_click_closes_nothing_else(
    clinic: Site, connection: Connection
) -> None:
    client = clinic.signed_in()
    fields = form(
        client, patient_id="p-0003", episode_id=episode_of(connection, "p-0003"), action="close",
        outcome="confirmed_advice", note="vu", then="next",
    )  # fmt: skip
    for _ in range(2):
        answer = client.post("/worklist/act", data=fields)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/?open=p-00")
    assert connection.execute("SELECT count(*) FROM acknowledgement").fetchone() == (1,)


def test_the_next_is_the_same_patients_other_alert_then_who_waits_further_down_then_who_rose_further_up(
    clinic: Site, connection: Connection
) -> None:
    client = clinic.signed_in()
    seed.open_episode(connection, "p-0022", "weight_loss", severity="alert", at=CLOCK.now(), gain=-3)
    connection.commit()
    came = []
    for patient_id in ("p-0011", "p-0022", "p-0022", "p-0005"):
        rows = connection.execute(
            "SELECT episode_id FROM episode WHERE patient_id = %s AND closed_at IS NULL", (patient_id,)
        ).fetchall()
        connection.commit()
        fields = {"patient_id": patient_id, "episode_id": str(rows[0][0]), "action": "close", "outcome": "other"}
        answer = client.post("/worklist/act", data=form(client, then="next", **fields))
        came.append(answer.headers["location"].removeprefix("/?open="))
    assert came == ["p-0005", "p-0022", "p-0003", "p-0003"], "after the last, the alarm at the top"


def test_who_comes_too_late_in_the_drawer_learns_it_and_keeps_the_note(clinic: Site, connection: Connection) -> None:
    first, second = clinic.signed_in(), clinic.signed_in(seed.CARDIOLOGIST)
    common = {"patient_id": "p-0005", "episode_id": episode_of(connection, "p-0005"), "action": "close"}
    first.post("/worklist/act", data=form(first, outcome="other", **common))
    late = second.post("/worklist/act", data=form(second, outcome="other", note="à ne pas perdre", **common))
    assert late.status_code == 409
    assert "Anne Roux a clos" in late.text
    assert "à ne pas perdre" in late.text


def test_a_refused_form_says_why_and_keeps_what_was_typed(clinic: Site, connection: Connection) -> None:
    client = clinic.signed_in()
    common = {"patient_id": "p-0005", "episode_id": episode_of(connection, "p-0005"), "note": "gardé"}
    for wrong in ({"action": "close"}, {"action": "snooze", "day": "2020-01-01"}, {"action": "follow_up", "day": "x"}):
        answer = client.post("/worklist/act", data=form(client, **common, **wrong))
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert "gardé" in answer.text
    assert connection.execute("SELECT count(*) FROM acknowledgement").fetchone() == (0,)


def test_a_patient_who_is_gone_is_said_to_be_gone_and_the_note_is_kept(clinic: Site, connection: Connection) -> None:
    client = clinic.signed_in()
    assert client.get("/?open=nobody").status_code == 404
    common = {"patient_id": "p-9999", "episode_id": episode_of(connection, "p-0005"), "action": "take"}
    answer = client.post("/worklist/act", data=form(client, note="gardé", **common))
    assert answer.status_code == 410
    assert "gardé" in answer.text
    gone = client.post("/worklist/reviewed", data=form(client, patient_id="p-9999"))
    assert gone.status_code == 410


def test_the_list_is_whole_without_scripts(clinic: Site, connection: Connection) -> None:
    client = clinic.signed_in()
    page = client.get("/?open=p-0011").text
    assert 'id="drawer" class="drawer"' in page
    assert 'name="then" value="next"' in page
    assert len(shown(page)) == 9


NAMES = {
    "p-0001": ("Lefèvre", "Zoé"), "p-0002": ("O’Brien-Müller", "Jürgen"), "p-0004": ("Παπαδόπουλος", "Γιώργος"),
    "p-0006": ("محمود", "عبد الله"), "p-0008": ("王", "小明"), "p-0009": ("Søndergård", "Æsa"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lefev", ["p-0001"]), ("LEFÈVRE z", ["p-0001"]), ("zoe lef", ["p-0001"]), ("muller", ["p-0002"]),
        ("brien", ["p-0002"]), ("ΠΑΠΑΔΟΠΟΥΛΟΣ", ["p-0004"]), ("محم", ["p-0006"]), ("王", ["p-0008"]),
        ("sondergard", ["p-0009"]), ("aes", ["p-0009"]), ("efevre", []), ("1 33 0", ["p-0001"]), ("%", []), ("'", []),
    ],
)  # fmt: skip
def test_a_patient_is_found_by_the_beginning_of_any_word_in_any_script(
    connection: Connection, typed: str, found: list[str]
) -> None:
    now = CLOCK.now()
    people = [
        seed.patient(int(one[2:]), now=now, family_name=family, given_name=given)
        for one, (family, given) in NAMES.items()
    ]
    enrolment.enrol(connection, people, now=now)
    assert [one.patient_id for one in patient_search.find(connection, typed, most=9)] == found


def test_a_name_that_changes_is_found_by_the_new_one_only(connection: Connection) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(1, now=now)], now=now)
    connection.execute("UPDATE patient_identity SET family_name = 'Durand' WHERE patient_id = 'p-0001'")
    assert len(patient_search.find(connection, "durand", most=9)) == 1
    assert patient_search.find(connection, "bernard", most=9) == []


def wanted() -> Wanted:
    now = CLOCK.now()
    return Wanted(filter=filters.Filter(), me=1, language="fr", now=now, today=worklist.today(now), most=50)


def test_the_days_kept_for_a_row_follow_what_arrives_and_what_is_reviewed(connection: Connection) -> None:
    seed.clinic(connection, now=CLOCK.now(), days=40)
    before = {one.patient_id: one.days for one in entries.entries(connection, wanted())}["p-0011"]
    seed.weigh(connection, "p-0011", at=CLOCK.now() + timedelta(hours=24), kg=99.9, seq=5000)
    after = {one.patient_id: one for one in entries.entries(connection, wanted())}["p-0011"]
    assert [*before, [after.days[-1][0], 99.9]] == after.days
    kept = connection.execute("SELECT days FROM recent_weights WHERE patient_id = 'p-0011'").fetchone()
    assert kept == (after.days,)


def test_changes_are_against_the_weight_of_so_many_days_before() -> None:
    days = [(day * 86400.0, 70.0 + day) for day in range(10) if day != 6]
    assert [sparkline.change(days, over=over) for over in (1, 3, 7)] == [1.0, 4.0, 7.0]
    assert sparkline.change([(0.0, 70.0)], over=1) is None
    assert sparkline.change([], over=1) is None
    assert sparkline.draw([], end=0, dry_kg=None).last is None


def at_paris(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=ZoneInfo("Europe/Paris"))


@pytest.mark.parametrize(
    ("now", "opened"),
    [(at_paris(9, 9), at_paris(9, 8)), (at_paris(7, 12), at_paris(7, 12))],
    ids=["monday", "saturday"],
)
def test_the_last_closure_is_the_weekend(now: datetime, opened: datetime) -> None:
    assert working_time.last_closure(now) == (at_paris(6, 18), opened)


def test_mondays_page_has_what_fired_meanwhile_with_the_worst_now_first(connection: Connection) -> None:
    now = CLOCK.now()
    seed.clinic(connection, now=now, days=40)
    found = closure.fired(connection, since=now - timedelta(hours=12), until=now)
    assert found[0].patient_id == "p-0003"
    assert {one.patient_id for one in found} == {"p-0003", "p-0011", "p-0005", "p-0022"}
