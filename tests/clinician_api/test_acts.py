"""Taking and closing, dry weights, and what is recorded: each form is one act, and no word typed is lost."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import unquote

import httpx2
import pytest

from clinician_api.enrol import enrolment
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Site
from tests.clinician_api.test_accessibility import PAGES

PAGE = "/patients/p-0001"
HOSTILE = "</textarea><script>alert(1)</script>'\"{{7*7}} %s %(x)s \u202e"


def csrf(client: httpx2.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(PAGE).text)
    assert found
    return found[1]


def form(client: httpx2.Client, **fields: str) -> dict[str, str]:
    return {"csrf": csrf(client), "request_id": str(uuid.uuid4())} | fields


def acts(connection: Connection) -> list[tuple[object, ...]]:
    connection.commit()
    return connection.execute(
        "SELECT action, outcome, note, display_name FROM acknowledgement JOIN app_user ON user_id = author"
        " ORDER BY acknowledgement_id"
    ).fetchall()


def test_an_episode_is_taken_then_closed_and_both_are_signed(connection: Connection, people: Site) -> None:
    client = people.signed_in()
    answer = client.post("/episodes/1/take", data=form(client))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}#episode-1")
    assert "Pris par Anne Roux" in client.get(PAGE).text
    client.post("/episodes/1/close", data=form(client, outcome="confirmed_diuretic_changed", note="a\r\nb"))
    assert acts(connection) == [
        ("take", None, "", "Anne Roux"),
        ("close", "confirmed_diuretic_changed", "a\nb", "Anne Roux"),
    ]
    page = client.get(PAGE).text
    assert "Confirmé : diurétique modifié – Anne Roux" in page
    assert "Aucun épisode ouvert." in page


def test_a_double_click_is_one_act(connection: Connection, people: Site) -> None:
    client = people.signed_in()
    data = form(client, outcome="other", note="once")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post("/episodes/1/close", data=data).status_code, range(4)))
    assert answers == [303] * 4
    assert len(acts(connection)) == 1
    audited = connection.execute("SELECT count(*) FROM audit WHERE action = 'episode.close'").fetchone()
    assert audited == (1,)


def test_who_comes_too_late_learns_who_was_first_and_keeps_the_note(connection: Connection, people: Site) -> None:
    nurse, doctor = people.signed_in(), people.signed_in(seed.CARDIOLOGIST)
    late = form(nurse, outcome="false_food", note="Couscous chez sa fille")
    doctor.post("/episodes/1/close", data=form(doctor, outcome="confirmed_visit"))
    answer = nurse.post("/episodes/1/close", data=late)
    assert answer.status_code == 409
    assert "Dr Paul Mercier a clos cet épisode le " in answer.text
    assert "Couscous chez sa fille</textarea>" in answer.text
    assert nurse.post("/episodes/1/take", data=form(nurse)).status_code == 409
    assert [act[0:2] for act in acts(connection)] == [("close", "confirmed_visit")]


@pytest.mark.parametrize("letter", ["é", "𝄞", "\n"])
def test_a_note_of_ten_thousand_characters_is_kept_and_one_more_is_said(
    connection: Connection, people: Site, letter: str
) -> None:
    client = people.signed_in()
    answer = client.post("/episodes/1/close", data=form(client, outcome="other", note=letter * 10_001))
    assert answer.status_code == 422
    assert "elle en a 10\u202f001" in answer.text
    assert letter * 10_001 in answer.text
    assert acts(connection) == []
    assert client.post("/episodes/1/close", data=form(client, outcome="other", note=letter * 10_000)).status_code == 303
    assert acts(connection)[0][2] == letter * 10_000


@pytest.mark.parametrize("outcome", ["", "nonsense"])
def test_closing_needs_an_outcome(connection: Connection, people: Site, outcome: str) -> None:
    client = people.signed_in()
    answer = client.post("/episodes/1/close", data=form(client, outcome=outcome, note="kept"))
    assert answer.status_code == 422
    assert "Indiquez comment" in answer.text
    assert "kept</textarea>" in answer.text
    assert acts(connection) == []


def test_a_follow_up_comes_back_on_its_day_and_a_snooze_needs_a_reason(connection: Connection, people: Site) -> None:
    client = people.signed_in()
    day = (CLOCK.now() + timedelta(days=3)).date().isoformat()
    assert client.post("/episodes/1/snooze", data=form(client, day=day, note=" ")).status_code == 422
    assert client.post("/episodes/1/snooze", data=form(client, day=day, note="patient en vacances")).status_code == 303
    assert "En veille jusqu’au" in client.get(PAGE).text
    assert client.post("/episodes/1/follow-up", data=form(client, day=day)).status_code == 303
    page = client.get(PAGE).text
    assert "Suivi par Anne Roux le" in page
    assert "patient en vacances" in page, "the timeline keeps why"
    connection.commit()
    episode = connection.execute("SELECT state, next_at::date::text, snoozed_until FROM episode").fetchone()
    assert episode == ("follow_up", day, None)
    client.post("/episodes/1/close", data=form(client, outcome="other"))
    late = client.post("/episodes/1/snooze", data=form(client, day=day, note="trop tard"))
    assert (late.status_code, "trop tard" in late.text) == (409, True)
    assert [act[0] for act in acts(connection)] == ["snooze", "follow_up", "close"]


@pytest.mark.parametrize("act", ["follow-up", "snooze"])
@pytest.mark.parametrize("days", [-1, 0, 400])
def test_a_day_in_the_past_or_far_ahead_is_refused_and_the_note_kept(
    connection: Connection, people: Site, act: str, days: int
) -> None:
    client = people.signed_in()
    day = (CLOCK.now() + timedelta(days=days)).date().isoformat()
    for typed in (day, "", "demain", "2026-13-45", "9" * 5000):
        answer = client.post(f"/episodes/1/{act}", data=form(client, day=typed, note="à rappeler"))
        assert (answer.status_code, "à rappeler" in answer.text) == (422, True)
        assert "Choisissez un jour entre demain" in answer.text
    assert acts(connection) == []


def test_hostile_text_is_shown_as_text(connection: Connection, people: Site) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now, family_name="<b>O'Hara</b>", given_name=HOSTILE)], now=now)
    connection.commit()
    client = people.signed_in()
    client.post("/episodes/1/close", data=form(client, outcome="other", note=HOSTILE))
    for path in (PAGE, "/patients/p-0002", "/patients"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get(PAGE).text


@pytest.mark.parametrize(("typed", "stored"), [("72,5", 72.5), (" 80.04 ", 80.0), ("81 kg", 81.0)])
def test_a_dry_weight_is_added_dated_and_signed(
    connection: Connection, people: Site, typed: str, stored: float
) -> None:
    client = people.signed_in(seed.CARDIOLOGIST)
    given = form(client, weight=typed, reason="hospital_stay")
    for _ in range(2):
        assert client.post(f"{PAGE}/dry-weight", data=given).status_code == 303
    rows = connection.execute(
        "SELECT weight_kg::float8, author IS NULL FROM dry_weight ORDER BY dry_weight_id"
    ).fetchall()
    assert rows == [(71.0, True), (stored, False)]
    assert "Dr Paul Mercier" in client.get(PAGE).text


@pytest.mark.parametrize("typed", ["", "19", "401", "nan", "7 2", "<b>"])
def test_a_dry_weight_that_is_none_is_said(connection: Connection, people: Site, typed: str) -> None:
    client = people.signed_in()
    answer = client.post(f"{PAGE}/dry-weight", data=form(client, weight=typed, reason="first"))
    assert answer.status_code == 422
    assert "Le poids sec doit être un nombre de kg" in answer.text
    assert connection.execute("SELECT count(*) FROM dry_weight").fetchone() == (1,)


def test_the_link_in_an_e_mail_leads_to_the_patient_at_the_episode(people: Site) -> None:
    assert people.client().get("/episodes/1").headers["location"] == "/sign-in?next=%2Fepisodes%2F1"
    assert people.signed_in().get("/episodes/1").headers["location"] == f"{PAGE}#episode-1"


@pytest.mark.parametrize("path", ["/patients/nobody", "/episodes/99", f"/episodes/{2**70}", "/nowhere"])
def test_what_is_not_there_is_a_page_that_says_so(people: Site, path: str) -> None:
    answer = people.signed_in().get(path)
    assert answer.status_code == 404
    assert "Il n'y a rien ici" in answer.text


@pytest.mark.parametrize("path", [f"{PAGE}?range=12", "/episodes/x"])
def test_a_request_that_makes_no_sense_is_a_page_too(people: Site, path: str) -> None:
    assert people.signed_in().get(path).status_code == 422


def test_reading_a_patients_page_is_on_record_and_a_screens_own_refresh_is_not(
    connection: Connection, people: Site
) -> None:
    client = people.signed_in()
    client.get(PAGE)
    client.get(PAGE, headers={"X-Vigie-Live": "1"})
    read = "SELECT subject, display_name FROM audit JOIN app_user USING (user_id) WHERE action = 'patient.read'"
    assert connection.execute(read).fetchall() == [("p-0001", "Anne Roux")]


def test_no_name_stands_in_a_title_or_an_address(clinic: Site) -> None:
    client = clinic.signed_in()
    client.post("/detection/trials", data=form(client, detector="vigie", budget="1"))
    for path in PAGES:
        page = client.get(path).text
        outside = " ".join(
            [*re.findall(r"<title>(.*?)</title>", page), *re.findall(r'(?:href|action|src|hx-\w+)="([^"]*)"', page)]
        )
        assert [name for name in (*seed.FAMILY, *seed.GIVEN) if name.lower() in unquote(outside).lower()] == [], path


def test_the_worklist_is_in_the_order_of_urgency_and_names_each_patient_once(clinic: Site) -> None:
    page = clinic.signed_in().get("/").text
    shown = re.findall(r'data-patient="p-00(\d\d)"', page)
    assert shown == ["03", "07", "11", "05", "22", "14", "19", "26", "28"], "who is only watched after all alerts"
    assert page.index("Décompensation suspectée") < page.index("Perte de poids") < page.index("Problèmes de données")
    assert re.findall(r'class="chip">([^<]+)', page) == ["Pas de transmission"]
    assert "3 balances inconnues envoient" in page


def test_a_taken_episode_stands_below_those_that_wait_for_as_long_as_they_are_as_severe(clinic: Site) -> None:
    client = clinic.signed_in()
    found = re.search(r'name="episode_id" value="(\d+)"', client.get("/?open=p-0007").text)
    assert found
    client.post(f"/episodes/{found[1]}/take", data=form(client))
    page = client.get("/").text
    assert re.findall(r'data-patient="p-00(\d\d)"', page)[:4] == ["03", "11", "07", "05"]
    assert "Pris par Anne Roux" in page


def test_an_empty_worklist_proves_that_it_is_true(connection: Connection, site: Site) -> None:
    seed.users(connection)
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(number, now=now) for number in range(3)], now=now)
    seed.weigh(connection, "p-0001", at=now - timedelta(minutes=2), kg=71)
    connection.commit()
    page = site.signed_in().get("/").text
    assert "Aucun épisode ouvert." in page
    assert "3 patients surveillés, dernière pesée reçue il y a 2" in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [("petit", ["p-0003"]), ("PETIT marcel", ["p-0003"]), ("marcel petit", ["p-0003"]), ("p-0004", ["p-0004"]),
     ("%", []), ("_", []), ("nobody", []), ("\\", [])],
)  # fmt: skip
def test_patients_are_found_by_name_and_pseudonym(clinic: Site, asked: str, found: list[str]) -> None:
    client = clinic.signed_in()
    page = client.post("/patients", data={"csrf": csrf(client), "q": asked}).text
    assert re.findall(r'href="/patients/(p-\d+)"', page) == found


def test_a_patient_without_identity_is_shown_by_pseudonym(connection: Connection, people: Site) -> None:
    now = CLOCK.now()
    bare = seed.patient(8, now=now).model_copy(update={"identity": None, "patient_id": "étude-8"})
    enrolment.enrol(connection, [bare], now=now)
    seed.open_episode(connection, "étude-8", "weight_loss", severity="alarm", at=now, gain=-3)
    connection.commit()
    client = people.signed_in()
    assert "/?open=%C3%A9tude-8" in client.get("/").text
    assert '<h1><span class="pseudonym">étude-8' in client.get("/patients/étude-8").text.replace("\n", "")


def test_the_table_twin_names_why_a_weight_waits(connection: Connection, people: Site) -> None:
    now = CLOCK.now()
    seed.weigh(connection, "p-0001", at=now - timedelta(days=2), kg=71.0)
    seed.weigh(connection, "p-0001", at=now - timedelta(days=1), kg=24.5, reason="implausible_jump")
    connection.commit()
    page = people.signed_in().get(PAGE).text
    assert "en quarantaine: saut invraisemblable depuis la dernière pesée" in page
    assert 'class="chart-doubted"' in page
    assert "24,5 kg" in page
