"""A patient as text for the hospital's record and as one page of PDF, whatever the name and however long the notes."""

import re
import zlib

from playwright.sync_api import expect

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
    assert len(re.findall(rb"/Type\s*/Page\b", answer.content)) == 1
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", answer.content, re.DOTALL)
    drawn = b"".join(zlib.decompress(one) for one in streams)
    assert b"Dubois" in drawn
    assert b"Dubois" not in answer.content
    assert drawn.count(b" l") > 50, "the weights are drawn"
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
