"""A patient as text for the hospital's record and as one page of PDF, whatever the name and however long the notes."""

from io import BytesIO

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from clinician_api.enrol import enrolment
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import CLOCK, Screen, Site

SCRIPTS = "Œ\u202eДарья 李小龍 محمد \U0001fae0"
NOTES = """
INSERT INTO journal_entry (request_id, patient_id, kind, happened_at, note, author, recorded_at)
SELECT gen_random_uuid(), %s, 'note', now() - n * interval '1 day', repeat('é', 10000), user_id, now()
FROM app_user, generate_series(1, 20) AS n
"""


def test_the_text_is_copied_and_says_what_the_page_says(clinic: Site, screen: Screen) -> None:
    page = screen.sign_in()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/patients/p-0007")
    page.get_by_role("link", name="Copier comme texte").click()
    expect(page.get_by_role("status").filter(has_text="Copié")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()").replace("\xa0", " ").replace("\u202f", " ")
    for words in ("Télésurveillance du poids", "Dubois", "Poids sec : 77,0 kg", "Décompensation suspectée", "Vigie,"):
        assert words in text, words
    assert "<" not in text
    assert screen.complaints == []


def test_a_pdf_is_one_page_and_carries_no_name_outside_it(connection: Connection, clinic: Site) -> None:
    connection.execute(NOTES, ("p-0007",))
    connection.commit()
    answer = clinic.signed_in().get("/patients/p-0007/summary.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == 'inline; filename="p-0007.pdf"'
    [sheet] = PdfReader(BytesIO(answer.content)).pages
    assert "Dubois" in sheet.extract_text()
    assert b"Dubois" not in answer.content
    drawn = sheet.get_contents()
    assert drawn is not None
    assert drawn.get_data().count(b" l") > 50, "the weights are drawn"
    asked = "SELECT count(*) FROM audit WHERE action = 'patient.export' AND subject = 'p-0007'"
    connection.commit()
    assert connection.execute(asked.encode()).fetchone() == (1,)


def test_a_name_in_every_script_and_no_weight_at_all_make_a_text_and_a_page(
    connection: Connection, people: Site
) -> None:
    now = CLOCK.now()
    named = seed.patient(9, now=now, family_name=SCRIPTS, given_name="<b>&amp;")
    enrolment.enrol(connection, [named], now=now)
    connection.commit()
    client = people.signed_in()
    text = client.get("/patients/p-0009/summary.txt")
    assert (text.status_code, SCRIPTS in text.text, "Pas encore de pesée" in text.text) == (200, True, True)
    assert text.headers["content-type"].startswith("text/plain")
    assert client.get("/patients/p-0009/summary.pdf").status_code == 200
    for path in ("/patients/p-0009", "/patients/p-0009/plan"):
        assert "&lt;b&gt;&amp;amp;" in client.get(path).text
    assert client.get("/patients/nobody/summary.pdf").status_code == 404


@pytest.mark.parametrize(
    ("family", "given", "printed"),
    [
        ("الفارسي", "محمد", "الفارسي محمد"), ("Παπαδοπούλου", "Ελένη", "Παπαδοπούλου Ελένη"),
        ("Żółć", "Łukasz", "Żółć Łukasz"), ("Nguyễn", "Thị Ánh", "Nguyễn Thị Ánh"),
        ("Nguye\u0302\u0303n", "A", "Nguyễn A"), ("כהן", "שרה", "כהן שרה"), ("Ковалёва", "Дарья", "Ковалёва Дарья"),
        ("Œuvrard\u202e", "Zoé", "Œuvrard Zoé"), ("李", "Anne", "? Anne"),
    ],
)  # fmt: skip
def test_a_pdf_prints_a_name_in_its_own_letters(
    connection: Connection, people: Site, family: str, given: str, printed: str
) -> None:
    now = CLOCK.now()
    enrolment.enrol(connection, [seed.patient(9, now=now, family_name=family, given_name=given)], now=now)
    connection.commit()
    answer = people.signed_in().get("/patients/p-0009/summary.pdf")
    [sheet] = PdfReader(BytesIO(answer.content)).pages
    lines = sheet.extract_text().splitlines()
    assert lines[1].strip() == printed
    assert "INS" in lines[2]
