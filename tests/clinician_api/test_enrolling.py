"""Joining and leaving: nobody twice, nothing kept before it was read back, a scale at one patient's at a time."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import expect
from stdnum.fr import nir

from alerts import store
from clinician_api.enrol import enrolment
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site


def ins(number: int) -> str:
    body = f"2480563999{number:03}"
    return body + nir.calc_check_digits(body)


def filled(client: httpx2.Client, **fields: str) -> dict[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/enrol").text)
    assert found
    today = CLOCK.now().date().isoformat()
    return {
        "csrf": found[1], "request_id": str(uuid4()), "answer": "right", "family_name": "Vacher", "given_name": "Odile",
        "birth_date": "1948-05-31", "sex": "F", "ins": ins(1), "ins_oid": "1.2.250.1.213.1.4.10",
        "dry_weight_kg": "72,5", "site": "home", "device_id": "scale-new", "consent_on": today,
        "prescriber": "Dr Mercier",
    } | fields  # fmt: skip


def count(connection: Connection, what: str) -> int:
    connection.commit()
    row = connection.execute(f"SELECT count(*) FROM {what}".encode()).fetchone()
    assert row
    return int(str(row[0]))


def test_a_patient_joins_by_keyboard_and_is_read_back_first(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto("/enrol?site=home&device_id=scale-qr")
    expect(page.get_by_label("Numéro de la balance")).to_have_value("scale-qr")
    page.get_by_label("Nom de naissance").fill("Vacher")
    page.get_by_label("Prénom").fill("Odile")
    page.get_by_label("Né(e) le").fill("1948-05-31")
    page.get_by_label("Sexe").select_option("F")
    page.get_by_label("INS", exact=True).fill(ins(1))
    page.get_by_label("Consentement donné le").fill(CLOCK.now().date().isoformat())
    page.get_by_label("Prescripteur").fill("Dr Mercier")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Est-ce exact ?")).to_be_visible()
    assert count(connection, "patient") == 1
    page.get_by_role("button", name="Oui, inclure").press("Enter")
    expect(page).to_have_url(re.compile(r"/patients/p-[a-z0-9]{8}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Vacher")
    expect(page).not_to_have_title(re.compile("Vacher", re.IGNORECASE))
    assert count(connection, "device_loan WHERE device_id = 'scale-qr' AND returned_at IS NULL") == 1
    assert screen.complaints == []


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("family_name", " ", "À remplir"),
        ("family_name", "x" * 101, "100 caractères au plus"),
        ("birth_date", "31/02/1948", "31/05/1948"),
        ("birth_date", "2999-01-01", "à venir"),
        ("birth_date", "1800-01-01", "à venir"),
        ("sex", "X", "F ou M"),
        ("ins", "248056399900199", "clé"),
        ("ins", "", "clé"),
        ("dry_weight_kg", "7250", "entre 20 et 400"),
        ("dry_weight_kg", "nan", "entre 20 et 400"),
        ("device_id", "a/b", "sans espace"),
        ("device_id", "", "sans espace"),
        ("consent_on", "", "consentement"),
        ("consent_on", "2999-01-01", "consentement"),
        ("prescriber", "\0", "prescrit"),
        ("device_id", "scale-0001", "prêtée à p-0001"),
        ("phone", "+33 12 3", "de 6 à 15 chiffres"),
        ("whose", "x" * 101, "100 caractères au plus"),
    ],
)
def test_a_field_that_cannot_be_is_named_and_nobody_joins(
    connection: Connection, people: Site, field: str, typed: str, said: str
) -> None:
    client = people.signed_in()
    answer = client.post("/enrol", data=filled(client, **{field: typed}))
    assert (answer.status_code, said in answer.text.replace("&#39;", "'")) == (422, True)
    assert "Odile" in answer.text, "what was typed stays"
    assert count(connection, "patient") == 1


def test_a_double_click_is_one_patient_and_the_same_person_twice_is_refused(
    connection: Connection, people: Site
) -> None:
    client = people.signed_in()
    data = filled(client)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post("/enrol", data=data), range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    again = client.post("/enrol", data=filled(client, device_id="another"))
    assert (again.status_code, "déjà incluse" in again.text) == (422, True)
    assert (count(connection, "patient"), count(connection, "audit WHERE action = 'patient.enrol'")) == (2, 1)


TABLE = """family_name;given_name;birth_date;sex;ins;consent_on;prescriber;site;device_id
Vacher;Odile;31/05/1948;f;{0};{day};Dr Mercier;home;s-1
Vidal;Jean;1940-02-30;M;{1};{day};Dr Mercier;;
Noël;Élise;1950-01-02;F;{2};{day};Dr Mercier;;
Noël;Élise;1950-01-02;F;{2};{day};Dr Mercier;;

Tixier;Yves;1951-03-04;M;{3};{day};Dr Mercier;home;scale-0001
"""


def sent(client: httpx2.Client, content: bytes) -> httpx2.Response:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/enrol/import").text)
    assert found
    return client.post("/enrol/import/check", data={"csrf": found[1]}, files={"table": ("t.csv", content, "text/csv")})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_every_row_of_a_table_is_judged_before_any_joins(connection: Connection, people: Site, encoding: str) -> None:
    client = people.signed_in()
    day = CLOCK.now().date().isoformat()
    preview = sent(client, TABLE.format(*(ins(n) for n in range(1, 5)), day=day).encode(encoding))
    said = preview.text.replace("&#39;", "'")
    for words in ("2 lignes sur 5 seraient incluses", "31/05/1948", "figure à la ligne 4", "prêtée à p-0001", "Noël"):
        assert words in said, words
    assert count(connection, "patient") == 1
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', preview.text.split("textarea")[0]))
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", preview.text, re.DOTALL)
    assert found
    given = {"csrf": fields["csrf"], "request_id": fields["request_id"], "text": found[1]}
    for times in (1, 2):
        answer = client.post("/enrol/import", data=given)
        assert answer.status_code == 200, times
    assert (count(connection, "patient"), count(connection, "enrolment_record")) == (3, 2)
    assert count(connection, "device_loan WHERE device_id = 's-1'") == 1


def test_a_table_brings_number_team_and_tags_and_says_so_row_by_row_first(connection: Connection, people: Site) -> None:
    seed.team_on_duty(connection, now=CLOCK.now())
    connection.commit()
    client, day = people.signed_in(), CLOCK.now().date().isoformat()
    head = "family_name,given_name,birth_date,sex,ins,consent_on,prescriber,phone,whose,team,tags,dry_weight_kg\n"
    rows = [
        f"Noël,Élise,1950-01-02,F,{ins(1)},{day},Dr Mercier,06 12 34 56 78,sa fille,clermont,HFrEF| étude A|HFrEF,72.5",
        f"Bon,Jean,1950-01-02,M,{ins(2)},{day},Dr Mercier,appeler le soir,,,,",
        f"Mal,Anne,1950-01-02,F,{ins(3)},{day},Dr Mercier,,,Lyon,,",
        f"Roy,Luc,1950-01-02,M,{ins(4)},{day},Dr Mercier,,,,{'x' * 41},",
    ]
    preview = sent(client, (head + "\n".join(rows)).encode())
    said = preview.text.replace("&#39;", "'").replace("\u202f", " ").replace("\xa0", " ")
    for words in ("1 ligne sur 4", "06 12 34 56 78", "sa fille", "pas encore essayé", "Équipe Clermont", "étude A",
                  "72,5 kg", "6 à 15 chiffres", "Il y a : Clermont", "1 à 40 lettres"):  # fmt: skip
        assert words in said, words
    assert count(connection, "patient") == 1
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', preview.text.split("textarea")[0]))
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", preview.text, re.DOTALL)
    assert found
    given = {"csrf": fields["csrf"], "request_id": fields["request_id"], "text": found[1]}
    for _ in range(2):
        assert client.post("/enrol/import", data=given).status_code == 200
    phones = connection.execute("SELECT number, whose, verified FROM patient_phone").fetchall()
    assert phones == [("0612345678", "sa fille", False)]
    tags = connection.execute("SELECT tag, author, is_removal FROM tag_change ORDER BY tag").fetchall()
    assert tags == [("HFrEF", 1, False), ("étude A", 1, False)]
    assert count(connection, "patient_team WHERE team_id = 1") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "pas un tableau CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0", "pas un tableau CSV"),
        (b"family_name,given_name\nA,B\n", "Il manque"),
        (b"family_name," + b"x" * 80_000, "divisez le tableau"),
    ],
)
def test_what_is_no_table_is_said_in_one_line(people: Site, content: bytes, said: str) -> None:
    answer = sent(people.signed_in(), content)
    assert (answer.status_code, said in answer.text.replace("&#39;", "'")) == (422, True)


def test_who_leaves_gives_the_scale_back_and_is_raised_no_more(
    connection: Connection, people: Site, screen: Screen
) -> None:
    page = screen.sign_in()
    page.goto("/patients/p-0001")
    page.get_by_text("Mettre fin à la surveillance…").press("Enter")
    page.get_by_label("Décès").press("Space")
    page.locator("#departure-reason").fill("appel de la famille")
    page.get_by_role("button", name="Mettre fin à la surveillance").press("Enter")
    expect(page.locator("#departure")).to_contain_text("Décès")
    assert count(connection, "device_loan WHERE returned_at IS NULL") == 0
    assert count(connection, "episode WHERE closed_at IS NULL") == 0
    closed = connection.execute("SELECT outcome, note FROM acknowledgement WHERE action = 'close'").fetchall()
    assert closed == [("other", "deceased: appel de la famille")]
    page.get_by_text("Surveiller de nouveau…").press("Enter")
    page.locator("#return-reason").fill("erreur de personne")
    page.get_by_role("button", name="Surveiller de nouveau").press("Enter")
    expect(page.get_by_text("Mettre fin à la surveillance…")).to_be_visible()
    assert count(connection, "patient_status") == 2


def test_a_scale_is_found_taken_back_and_has_a_label(connection: Connection, clinic: Site) -> None:
    client = clinic.signed_in()
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/scales").text)
    assert token
    found = client.post("/scales", data={"csrf": token[1], "q": "0003"}).text
    assert ("scale-0003" in found, "scale-0004" in found) == (True, False)
    given = {"csrf": token[1], "site": "home", "device_id": "scale-0003", "patient_id": "p-0003"}
    for _ in range(2):
        assert client.post("/scales/return", data=given).status_code == 303
    assert count(connection, "audit WHERE action = 'scale.return'") == 1
    label = client.get("/scales/label?site=home&device_id=scale-0003").text
    assert 'src="data:image/svg+xml' in label
    assert "p-0003" in label
    assert client.get("/scales/label?site=home&device_id=nothing").status_code == 404


def test_the_forms_fit_a_phone(clinic: Site, screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 390, "height": 844})
    page = screen.sign_in()
    for path in (
        "/enrol",
        "/enrol/import",
        "/scales",
        "/scales/label?site=home&device_id=scale-0003",
        "/patients/p-0003",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_alerts_judge_nobody_who_has_left(connection: Connection) -> None:
    seed.users(connection)
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(n, now=now) for n in (1, 2)], now=now)
    store.watch_everyone(connection, now=now)
    connection.execute(
        "INSERT INTO patient_status (request_id, patient_id, status, reason, author, recorded_at)"
        " SELECT gen_random_uuid(), 'p-0001', 'deceased', 'x', user_id, %s FROM app_user LIMIT 1",
        (now,),
    )
    claimed = store.claim(connection, now=now + timedelta(days=1), longest=timedelta(days=2), limit=10)
    assert [patient.patient_id for patient in claimed] == ["p-0002"]


def test_a_tried_number_and_the_teams_plan_join_with_the_patient(
    connection: Connection, people: Site, screen: Screen
) -> None:
    connection.execute("INSERT INTO team DEFAULT VALUES")
    connection.execute(
        'INSERT INTO team_settings (team_id, settings, recorded_at) SELECT 1, \'{"name": "Clermont"}\', now()'
    )
    connection.execute(
        "INSERT INTO team_plan (request_id, team_id, settings, reason, author, recorded_at)"
        " SELECT gen_random_uuid(), 1, '{\"silence_days\": 2}', 'x', user_id, now() FROM app_user LIMIT 1"
    )
    connection.commit()
    client = people.signed_in()
    data = filled(client, phone="+33 (0)6.12-34 56 78", whose="sa fille Sophie", verified="yes", team="1")
    assert "sa fille Sophie" in client.post("/enrol", data=data | {"answer": ""}).text
    for _ in range(2):
        joined = client.post("/enrol", data=data)
    patient_id = joined.headers["location"].rpartition("/")[2]
    connection.commit()
    asked = "SELECT number, whose, verified FROM patient_phone WHERE patient_id = %s"
    assert connection.execute(asked, (patient_id,)).fetchall() == [("+330612345678", "sa fille Sophie", True)]
    plan = connection.execute("SELECT settings, reason FROM plan WHERE patient_id = %s", (patient_id,)).fetchall()
    assert plan == [({"silence_days": 2}, "Clermont")]
    page = screen.sign_in()
    page.goto(f"/patients/{patient_id}")
    page.get_by_text("Téléphone +330612345678").click()
    page.get_by_label("Téléphone", exact=True).fill("douze")
    page.get_by_role("button", name="Enregistrer le numéro").click()
    expect(page.get_by_role("alert")).to_contain_text("de 6 à 15 chiffres")
    expect(page.get_by_label("Téléphone", exact=True)).to_have_value("douze")
    page.get_by_label("Téléphone", exact=True).fill("04 73 12 34 56")
    page.get_by_role("button", name="Enregistrer le numéro").click()
    expect(page.locator(".phone summary")).to_contain_text("0473123456")
    expect(page.locator(".phone summary")).to_contain_text("pas encore essayé")
    assert count(connection, "patient_phone") == 2


def test_two_records_of_one_person_become_one_that_goes_on_and_nothing_is_lost(
    connection: Connection, clinic: Site, screen: Screen
) -> None:
    there = seed.patient(3, now=CLOCK.now()).identity
    assert there
    twin = seed.patient(40, now=CLOCK.now(), family_name=there.family_name, birth_date=there.birth_date)
    enrolment.enrol(connection, [twin.model_copy(update={"scale": None})], now=CLOCK.now())
    connection.commit()
    weights = count(connection, "reading WHERE patient_id = 'p-0003'")
    stale = screen.sign_in()
    stale.goto("/patients/p-0003")
    stale.locator("details:has(#note-note) > summary").click()
    stale.locator("#note-note").fill("essoufflée depuis hier, dort assise")
    other = screen.context.new_page()
    other.goto("/patients/p-0003")
    other.get_by_text("Mettre fin à la surveillance…").click()
    assert other.locator("#into").input_value() == "p-0040", "the record of a namesake is offered"
    other.get_by_label("La même personne a un autre dossier, qui continue").check()
    other.locator("#departure-reason").fill("inclus deux fois")
    other.get_by_role("button", name="Mettre fin à la surveillance").click()
    expect(other).to_have_url(re.compile("/patients/p-0040$"))
    expect(other.get_by_text("Un dossier antérieur de la même personne")).to_contain_text("p-0003")
    assert (
        count(
            connection, "device_loan WHERE device_id = 'scale-0003' AND patient_id = 'p-0040' AND returned_at IS NULL"
        )
        == 1
    )
    assert count(connection, "episode WHERE patient_id = 'p-0003' AND closed_at IS NULL") == 0
    assert count(connection, "reading WHERE patient_id = 'p-0003'") == weights

    stale.locator("form:has(#note-note) button").click()
    expect(stale.get_by_role("alert")).to_contain_text("Le dossier p-0003 a été réuni entre-temps à p-0040")
    expect(stale.locator("textarea")).to_have_value("essoufflée depuis hier, dort assise")
    assert count(connection, "journal_entry") == 0
    stale.get_by_role("link", name="Ouvrir le dossier qui continue").click()
    expect(stale).to_have_url(re.compile("/patients/p-0040$"))

    stale.goto("/patients/p-0003")
    expect(stale.get_by_role("alert")).to_contain_text("Ce dossier a été réuni à p-0040")
    stale.get_by_text("Surveiller de nouveau…").click()
    stale.locator("#return-reason").fill("erreur")
    stale.get_by_role("button", name="Surveiller de nouveau").click()
    expect(stale.get_by_text("Mettre fin à la surveillance…")).to_be_visible()
    assert screen.complaints == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]


@pytest.mark.parametrize("into", ["", "p-0001", "nobody", "p-0002"])
def test_a_record_is_merged_into_another_that_is_watched_and_into_none_else(
    connection: Connection, people: Site, into: str
) -> None:
    enrolment.enrol(connection, [seed.patient(2, now=CLOCK.now())], now=CLOCK.now())
    connection.commit()
    client = people.signed_in()
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/scales").text)
    assert token
    given = {"csrf": token[1], "status": "merged", "reason": "deux fois"}
    if into == "p-0002":
        gone = given | {"request_id": str(uuid4()), "into": "p-0001", "sure": "p-0001"}
        assert client.post("/patients/p-0002/status", data=gone).status_code == 303
    answer = client.post("/patients/p-0001/status", data=given | {"request_id": str(uuid4()), "into": into})
    assert (answer.status_code, "un autre, qui est surveillé" in answer.text) == (422, True)
    assert count(connection, "patient_status WHERE patient_id = 'p-0001'") == 0


def test_a_record_of_another_name_is_asked_back_before_it_is_merged(
    connection: Connection, people: Site, screen: Screen
) -> None:
    enrolment.enrol(connection, [seed.patient(one, now=CLOCK.now()) for one in (2, 3)], now=CLOCK.now())
    connection.commit()
    page = screen.sign_in()
    page.goto("/patients/p-0002")
    page.get_by_text("Mettre fin à la surveillance…").click()
    page.get_by_label("La même personne a un autre dossier, qui continue").check()
    page.locator("#into").fill("p-0003")
    page.locator("#departure-reason").fill("inclus deux fois")
    page.get_by_role("button", name="Mettre fin à la surveillance").click()
    there = seed.patient(3, now=CLOCK.now()).identity
    assert there
    expect(page.get_by_role("alert")).to_contain_text(f"p-0003 est {there.family_name} {there.given_name}, date de")
    assert count(connection, "patient_status") == 0
    expect(page.locator("#departure-reason")).to_have_value("inclus deux fois")
    page.get_by_label("p-0003 est bien la même personne").check()
    page.locator("#into").fill("p-0001")  # said of p-0003 alone
    page.get_by_role("button", name="Mettre fin à la surveillance").click()
    expect(page.get_by_role("alert")).to_contain_text("p-0001 est ")
    page.get_by_label("p-0001 est bien la même personne").check()
    page.get_by_role("button", name="Mettre fin à la surveillance").click()
    expect(page).to_have_url(re.compile("/patients/p-0001$"))
    assert count(connection, "patient_status WHERE into_patient = 'p-0001'") == 1
