"""Notes, contacts, treatments, weights by hand, reassigned weights: each signed, each once, no word typed lost."""

import html
import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2
import pytest
from playwright.sync_api import expect

from alerts.worker import Worker
from clinician_api.enrol import enrolment
from clinician_api.patient import journal_record
from schemas import database
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site, today
from tests.clinician_api.test_accessibility import violations

PAGE = "/patients/p-0001"
SCRIPTS = "Ὀδυσσεύς Дарья 李小龍 नेहा محمد‎ יוסף 👩‍⚕️ é"


def form(client: httpx2.Client, **fields: str) -> dict[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(PAGE).text)
    assert found
    return {"csrf": found[1], "request_id": str(uuid.uuid4())} | fields


def rows(connection: Connection, asked: str) -> list[tuple[object, ...]]:
    connection.commit()
    return connection.execute(asked.encode()).fetchall()


def test_a_nurse_notes_a_contact_a_treatment_and_a_reminder_that_a_colleague_sees_and_does(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto(PAGE)
    page.get_by_text("Contact…").press("Enter")
    page.get_by_label("Quel résultat ?").select_option("voicemail")
    page.get_by_label("Rappeler le").first.fill(today().isoformat())
    page.get_by_label("Ce qui a été dit").fill(SCRIPTS)
    page.get_by_role("button", name="Enregistrer le contact").press("Enter")
    expect(page.locator(".entry-contact")).to_have_count(1)
    page.get_by_text("Changement de traitement…").press("Enter")
    page.get_by_label("Médicament").select_option("loop_diuretic")
    page.get_by_label("Changement", exact=True).select_option("up")
    page.get_by_label("Dose").fill("furosémide 40 → 80 mg")
    page.get_by_role("button", name="Enregistrer le changement").press("Enter")
    expect(page.locator(".entry").first).to_contain_text("Diurétique de l'anse, dose augmentée: furosémide 40 → 80 mg")
    expect(page.locator(".entry .note")).to_have_text(SCRIPTS)
    expect(page.locator("#due")).to_contain_text("Anne Roux")
    assert [one.note for one in journal_record.due(connection, today=today())] == [SCRIPTS]
    page.get_by_role("button", name="Se déconnecter").click()
    page = screen.sign_in(email=seed.CARDIOLOGIST)
    page.goto(PAGE)
    contact = page.locator(".entry-contact")
    contact.get_by_role("button", name="Vu").click()
    expect(contact).to_contain_text("Vu par Dr Paul Mercier")
    contact.get_by_role("button", name="Fait").click()
    expect(contact).to_contain_text("fait par Dr Paul Mercier")
    expect(page.locator(".due")).to_have_count(0)
    assert journal_record.due(connection, today=today() + timedelta(days=9)) == []
    assert screen.complaints == []


def test_a_note_outlives_an_expired_session_and_is_not_offered_again_once_recorded(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto(PAGE)
    page.get_by_text("Note…").click()
    note = page.locator("#note-note")
    note.fill("à moitié")
    connection.execute("UPDATE web_session SET last_seen_at = now() - interval '2 hours'")
    connection.commit()
    page.get_by_role("button", name="Enregistrer la note").click()
    expect(page).to_have_title("Vigie – Se connecter")
    page.fill("#email", seed.NURSE)
    page.fill("#password", seed.PASSWORD)
    page.keyboard.press("Enter")
    expect(note).to_have_value("à moitié")
    page.get_by_role("button", name="Enregistrer la note").click()
    expect(page.locator(".entry .note")).to_have_text("à moitié")
    expect(note).to_have_value("")
    assert rows(connection, "SELECT count(*) FROM journal_entry") == [(1,)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "note", "note": " \r\n\0"}, "Écrivez quelque chose"),
        ({"kind": "note", "note": "x" * 10_001}, "elle en a 10 001"),
        ({"kind": "note", "note": "gardé", "remind_on": "2020-01-01"}, "à partir d'aujourd'hui"),
        ({"kind": "note", "note": "gardé", "remind_on": "9999-12-31"}, "à partir d'aujourd'hui"),
        ({"kind": "contact", "note": "gardé"}, "si quelqu'un a été joint"),
        ({"kind": "contact", "note": "gardé", "result": "reached", "at": "2999-01-01T10:00"}, "dans le futur"),
        ({"kind": "contact", "note": "gardé", "result": "reached", "at": "hier"}, "dans le futur"),
        ({"kind": "treatment", "note": "gardé", "drug_class": "wine", "direction": "up"}, "la classe du médicament"),
        ({"kind": "treatment", "note": "gardé", "drug_class": "mra", "direction": "up", "dose": "x" * 201}, "200"),
    ],
)
def test_an_entry_that_cannot_be_is_said_and_its_words_stay(
    connection: Connection, people: Site, fields: dict[str, str], said: str
) -> None:
    client = people.signed_in()
    answer = client.post(f"{PAGE}/journal", data=form(client, **fields))
    text = answer.text.replace("&#39;", "'").replace("\u202f", " ").replace("\xa0", " ")
    assert (answer.status_code, said in text) == (422, True)
    assert "gardé" not in fields["note"] or ">gardé</textarea>" in text
    assert rows(connection, "SELECT count(*) FROM journal_entry") == [(0,)]


def test_a_note_of_ten_thousand_characters_sent_four_times_is_one_and_another_under_its_number_is_kept_apart(
    connection: Connection, people: Site
) -> None:
    client = people.signed_in()
    data = form(client, kind="note", note="é" * 10_000)
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: client.post(f"{PAGE}/journal", data=data).status_code, range(4)))
    assert codes == [303] * 4
    edited = client.post(f"{PAGE}/journal", data=data | {"note": "dans l'autre onglet"})
    said = html.unescape(edited.text)
    assert (edited.status_code, "avec d’autres mots" in said) == (409, True)
    assert ">dans l'autre onglet</textarea>" in said
    assert rows(connection, "SELECT length(note) FROM journal_entry") == [(10_000,)]
    number = re.search(r'name="request_id" value="([^"]+)"', said)
    assert number
    assert number[1] != data["request_id"]
    again = data | {"note": "dans l'autre onglet", "request_id": number[1]}
    assert [client.post(f"{PAGE}/journal", data=again).status_code for _ in range(2)] == [303, 303]
    assert rows(connection, "SELECT length(note) FROM journal_entry ORDER BY 1") == [(19,), (10_000,)]


@pytest.mark.parametrize("path", ["pauses", "tags", "weights", "dry-weight"])
def test_what_a_second_tab_says_otherwise_is_never_taken_for_a_double_click(
    connection: Connection, people: Site, path: str
) -> None:
    client, day = people.signed_in(), today()
    typed = {
        "pauses": {"kind": "other", "note": "chez sa fille", "first_day": str(day), "last_day": str(day)},
        "tags": {"tag": "étude"},
        "weights": {"weight": "73,6", "sure": "yes", "note": "dit au téléphone"},
        "dry-weight": {"weight": "73,4", "reason": "hospital_stay", "note": "sortie"},
    }[path]
    data = form(client, **typed)
    assert client.post(f"{PAGE}/{path}", data=data).status_code == 303
    name = "note" if "note" in typed else "tag"
    answer = client.post(f"{PAGE}/{path}", data=data | {name: "autre chose"})
    assert (answer.status_code, ">autre chose</textarea>" in answer.text) == (409, True)
    assert client.post(f"{PAGE}/{path}", data=data).status_code == 303, "a double click is none"


def test_who_else_weighs_there_is_said_and_explains_the_next_weight(connection: Connection, people: Site) -> None:
    now = CLOCK.now()
    for days, kg in ((20, 55.2), (9, 56.1), (4, 91.0)):
        seed.weigh(connection, "p-0001", at=now - timedelta(days=days), kg=kg, reason="implausible_jump", seq=days)
    connection.commit()
    client = people.signed_in()
    for reading_id, at in rows(connection, "SELECT reading_id, measured_at FROM reading"):
        said = form(client, at=str(at), decision="exclude", reason="other_person", after="0")
        assert client.post(f"{PAGE}/readings/{reading_id}", data=said).status_code == 303
    seed.weigh(connection, "p-0001", at=now - timedelta(days=2), kg=72, seq=2)
    seed.weigh(connection, "p-0001", at=now - timedelta(days=1), kg=55.9, reason="implausible_jump", seq=1)
    connection.commit()
    page = client.get(PAGE).text.replace("\xa0", " ")
    household = page.partition('id="household"')[2].partition("</ul>")[0]
    assert household.count("<li>") == 2
    assert "de 55,2 kg à 56,1 kg, 2 pesées, confirmé 2 fois par l’équipe" in household
    assert "personne, 91,0 kg, 1 pesée" in household
    assert page.count("Comme les pesées d’une autre personne qui utilise cette balance : de 55,2 kg à 56,1 kg.") == 1
    assert page.count("Probablement le poids d’une autre personne.") == 1
    assert "−16,1 kg depuis la dernière pesée, 24\u202fh plus tôt ; d’un jour à l’autre, 0,7 kg est habituel" in page


def test_a_weight_by_hand_is_judged_like_any_other_and_a_slip_of_the_keyboard_is_asked_back(
    connection: Connection, database_url: str, people: Site, screen: Screen
) -> None:
    now = CLOCK.now()
    for days in range(9, 1, -1):  # never on the day of the weight below
        seed.weigh(connection, "p-0001", at=now - timedelta(days=days), kg=71 + days % 2 / 5, seq=days)
    connection.execute("UPDATE episode SET state = 'closed', closed_at = now() - interval '80 hours'")
    connection.commit()
    page = screen.sign_in()
    page.goto(PAGE)
    page.get_by_text("Pesée manuelle…").press("Enter")
    page.get_by_label("Poids (kg)", exact=True).fill("27,4")
    page.get_by_role("button", name="Ajouter la pesée").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("27,4 kg est loin de la dernière pesée, 71,0 kg")
    page.get_by_label("Poids (kg)", exact=True).fill("77.4")
    page.get_by_label("D'où vient-elle ?").fill("au téléphone")
    page.get_by_label("La lecture est bonne").press("Space")
    page.get_by_role("button", name="Ajouter la pesée").press("Enter")
    expect(page.locator(".facts")).to_contain_text("77,4 kg")
    with database.open_pool(database_url, service="alerts") as pool:
        worker = Worker(
            url=database_url, pool=pool, clock=CLOCK, stop=threading.Event(), screens_url="https://v.example"
        )
        worker.assess_due()
    raised = (
        "SELECT severity, evidence ->> 'weight_kg' FROM episode WHERE closed_at IS NULL AND cause = 'decompensation'"
    )
    assert rows(connection, raised) == [("alarm", "77.4")]
    assert rows(connection, "SELECT source, device_id, site FROM reading WHERE weight_kg = 77.4") == [
        ("manual", "p-0001", "manual")
    ]
    assert [text for text in screen.complaints if "422" not in text] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"weight": "72", "at": "2999-01-01T07:00"},
        {"weight": "72", "at": "1999-01-01T07:00"},
        {"weight": "nan"},
        {"weight": "720"},
        {"weight": "72", "note": "x" * 10_001},
    ],
)
def test_a_weight_by_hand_that_cannot_be_is_refused(
    connection: Connection, people: Site, fields: dict[str, str]
) -> None:
    client = people.signed_in()
    assert client.post(f"{PAGE}/weights", data=form(client, **fields)).status_code == 422
    assert rows(connection, "SELECT count(*) FROM reading") == [(0,)]


def test_a_weight_goes_to_the_patient_whose_it_is_and_comes_back(
    connection: Connection, people: Site, screen: Screen
) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(2, now=now)], now=now)
    seed.weigh(connection, "p-0001", at=now - timedelta(hours=2), kg=72.3)
    connection.commit()
    page = screen.sign_in()
    page.goto(PAGE)
    page.get_by_text("Tableau des pesées").click()
    page.get_by_role("link", name="Vérifier la pesée").click()
    page.get_by_role("link", name="le réattribuer…").click()
    page.locator("#q").fill("odette")
    page.keyboard.press("Enter")
    page.get_by_label("Thomas").check()
    assert violations(screen) == []
    page.get_by_role("button", name="Réattribuer").click()
    expect(page.locator("#checks")).to_contain_text("poids d'un autre patient, réattribué")
    expect(page.locator("#household").get_by_role("link")).to_have_text("p-0002")
    expect(page.locator("#household").get_by_role("link")).to_have_attribute("href", "/patients/p-0002")
    expect(page.locator("#household")).to_contain_text("72,3 kg, 1 pesée, confirmé 1 fois par l’équipe")
    standing = "SELECT patient_id, state, source FROM standing_reading ORDER BY reading_id"
    assert rows(connection, standing) == [("p-0001", "excluded", "native-1"), ("p-0002", "accepted", "reassigned")]
    latest = "SELECT patient_id, weight_kg::float8 FROM latest_reading ORDER BY 1"
    assert rows(connection, latest) == [("p-0001", None), ("p-0002", 72.3)]
    page.locator("#checks").get_by_role("button", name="Annuler").click()
    expect(page.locator(".facts")).to_contain_text("72,3 kg")
    expect(page.locator("#household")).to_have_count(0)
    assert rows(connection, standing) == [("p-0001", "accepted", "native-1"), ("p-0002", "excluded", "reassigned")]
    assert rows(connection, latest) == [("p-0001", 72.3), ("p-0002", None)]
    assert screen.complaints == []


def test_nothing_is_set_for_who_has_left_meanwhile_and_what_was_typed_stays(
    connection: Connection, people: Site
) -> None:
    client = people.signed_in()
    dry, weight = form(client, weight="73,4", reason="hospital_stay"), form(client, weight="73,6", sure="yes")
    left = form(client, status="discharged", reason="stable")
    assert client.post(f"{PAGE}/status", data=left).status_code == 303
    for path, data, typed in (("dry-weight", dry, "73,4"), ("weights", weight, "73,6")):
        answer = client.post(f"{PAGE}/{path}", data=data)
        assert (answer.status_code, "a pris fin entre-temps" in answer.text, typed in answer.text) == (422, True, True)
    assert rows(connection, "SELECT count(*) FROM reading") == [(0,)]
    assert rows(connection, "SELECT count(*) FROM dry_weight") == [(1,)]


def test_a_reason_is_asked_of_who_leaves_and_the_choice_stays(people: Site) -> None:
    client = people.signed_in()
    answer = client.post(f"{PAGE}/status", data=form(client, status="deceased", reason=" "))
    assert answer.status_code == 422
    assert 'value="deceased" checked' in answer.text
    dry = answer.text.partition('id="dry"')[2].partition("</section>")[0]
    assert 'role="alert"' not in dry


def test_asked_and_nobody_knew_is_recorded_and_the_weight_waits_on(connection: Connection, people: Site) -> None:
    now = CLOCK.now()
    seed.weigh(connection, "p-0001", at=now - timedelta(hours=1), kg=55, reason="other_person")
    connection.commit()
    client = people.signed_in()
    [(reading_id, at)] = rows(connection, "SELECT reading_id, measured_at FROM reading")
    data = form(client, at=str(at), decision="asked", after="0")
    assert client.post(f"{PAGE}/readings/{reading_id}", data=data).status_code == 303
    assert "Demandé, personne ne sait, Anne Roux" in client.get(PAGE).text
    assert rows(connection, "SELECT state FROM standing_reading") == [("quarantined",)]
    undo = data | form(client, decision="undo", after="1")
    assert client.post(f"{PAGE}/readings/{reading_id}", data=undo).status_code == 409


def test_a_dry_weight_from_the_day_of_the_discharge_is_an_anchor_of_that_day(
    connection: Connection, people: Site
) -> None:
    client = people.signed_in()
    day = today() - timedelta(days=5)
    given = form(client, weight="70,4", reason="hospital_stay", since=day.isoformat(), note="sortie")
    assert client.post(f"{PAGE}/dry-weight", data=given).status_code == 303
    last = "(valid_from AT TIME ZONE 'Europe/Paris')::date, reason FROM dry_weight ORDER BY dry_weight_id DESC LIMIT 1"
    assert rows(connection, f"SELECT {last}") == [(day, "hospital_stay")]
    tomorrow = today() + timedelta(days=2)
    for wrong in ({"since": tomorrow.isoformat()}, {"since": "2001-01-01"}, {"reason": ""}, {"reason": "because"}):
        answer = client.post(f"{PAGE}/dry-weight", data=given | form(client) | wrong)
        assert answer.status_code == 422, wrong
    assert rows(connection, "SELECT count(*) FROM dry_weight") == [(2,)]
