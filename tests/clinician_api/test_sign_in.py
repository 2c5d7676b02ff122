"""Coming in and going out: who may, who may not, and what another site cannot do."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from clinician_api.access.sign_in import safe_next
from schemas.database import Connection
from tests.clinician_api import seed
from tests.clinician_api.conftest import Site

RIGHT = {"email": seed.NURSE, "password": seed.PASSWORD}
WRONG = {"email": seed.NURSE, "password": "no"}


def test_who_is_not_signed_in_is_led_to_sign_in_and_back(people: Site) -> None:
    client = people.client()
    answer = client.get("/patients/p-0001?range=30")
    assert answer.headers["location"] == "/sign-in?next=%2Fpatients%2Fp-0001%3Frange%3D30"
    assert 'value="/patients/p-0001?range=30"' in client.get(answer.headers["location"]).text
    answer = client.post("/sign-in", data=RIGHT | {"next": "/patients/p-0001?range=30"})
    assert answer.headers["location"] == "/patients/p-0001?range=30"
    assert client.get("/patients/p-0001?range=30").status_code == 200


def test_the_sign_in_page_says_what_vigie_is_not(people: Site) -> None:
    page = people.client().get("/sign-in").text
    assert "ni dispositif médical certifié, ni service d'urgence" in page
    assert "appelez le 15" in page
    assert "no emergency service" in people.client(**{"Accept-Language": "en"}).get("/sign-in").text


def test_wrong_password_and_unknown_account_get_the_same_answer(people: Site) -> None:
    client = people.client()
    wrong = client.post("/sign-in", data=WRONG)
    unknown = client.post("/sign-in", data={"email": "nobody@vigie.example", "password": "no"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace(seed.NURSE, "") == unknown.text.replace("nobody@vigie.example", "")


@pytest.mark.parametrize("email", [seed.NURSE, "nobody@vigie.example"])
def test_five_failures_close_an_account_for_a_while_even_to_many_at_once(people: Site, email: str) -> None:
    def attempt(_: int) -> int:
        return people.client().post("/sign-in", data={"email": email, "password": "no"}).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(9)))
    assert sorted(answers) == [401] * 5 + [429] * 4
    answer = people.client().post("/sign-in", data={"email": email, "password": seed.PASSWORD})
    assert answer.status_code == 429
    assert "Attendez 15 minutes" in answer.text


def test_a_session_is_a_secret_kept_as_a_hash_and_ends_at_sign_out(connection: Connection, people: Site) -> None:
    client = people.signed_in()
    token = client.cookies["vigie"]
    assert connection.execute("SELECT count(*) FROM web_session WHERE token_sha256 = %s", (token,)).fetchone() == (0,)
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert csrf
    assert client.post("/sign-out", data={"csrf": csrf[1]}).status_code == 303
    assert people.client(Cookie=f"vigie={token}").get("/").status_code == 303


def test_signing_in_again_changes_the_session(people: Site) -> None:
    client = people.signed_in()
    before = client.cookies["vigie"]
    client.post("/sign-in", data=RIGHT)
    assert client.cookies["vigie"] != before
    assert people.client(Cookie=f"vigie={before}").get("/").status_code == 303


@pytest.mark.parametrize(
    "column", ["created_at = now() - interval '12 hours 1 second'", "last_seen_at = now() - interval '61 minutes'"]
)
def test_an_old_session_is_no_session(connection: Connection, people: Site, column: str) -> None:
    client = people.signed_in()
    connection.execute(f"UPDATE web_session SET {column}".encode())
    connection.commit()
    assert client.get("/").headers["location"] == "/sign-in"


def test_a_screen_that_refreshes_itself_keeps_no_session_alive(connection: Connection, people: Site) -> None:
    client = people.signed_in()
    connection.execute("UPDATE web_session SET last_seen_at = now() - interval '50 minutes'")
    connection.commit()
    idle = "SELECT now() - last_seen_at > interval '40 minutes' FROM web_session"
    assert client.get("/", headers={"X-Vigie-Live": "1"}).status_code == 200
    assert connection.execute(idle).fetchone() == (True,)
    client.get("/")
    connection.commit()
    assert connection.execute(idle).fetchone() == (False,)


def test_a_disabled_account_is_out_at_once(connection: Connection, people: Site) -> None:
    client = people.signed_in()
    connection.execute("UPDATE app_user SET disabled_at = now()")
    connection.commit()
    assert client.get("/").status_code == 303
    assert people.client().post("/sign-in", data=RIGHT).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
    ],
)
def test_forms_from_another_site_are_refused(people: Site, headers: dict[str, str], status: int) -> None:
    assert people.client().post("/sign-in", data=RIGHT, headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/sign-out", "/language", "/patients/p-0001/dry-weight"])
@pytest.mark.parametrize("token", [{}, {"csrf": "guessed"}, {"csrf": "é"}])
def test_forms_without_the_sessions_token_are_refused(people: Site, path: str, token: dict[str, str]) -> None:
    answer = people.signed_in().post(path, data={"weight": "70", "language": "en"} | token)
    assert answer.status_code == 403
    assert "Refusé" in answer.text


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil", "javascript:alert(1)",
     "", "/sign-in", "/sign-out", "/x\\y", "\\\\evil.example", "/\r\nSet-Cookie: a=b"],
)  # fmt: skip
def test_signing_in_leads_to_no_other_site(target: str) -> None:
    assert safe_next(target) == "/"


def test_behind_https_the_cookie_is_bound_to_the_host(connection: Connection, database_url: str) -> None:
    seed.users(connection)
    connection.commit()
    site = Site(database_url, public_url="https://vigie.example")
    site.start()
    try:
        answer = site.client().post("/sign-in", data=RIGHT, headers={"Origin": "https://vigie.example"})
    finally:
        site.stop()
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-vigie=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"))
    assert "max-age" in answer.headers["strict-transport-security"]


def test_answers_are_strict_and_kept_nowhere(people: Site) -> None:
    answer = people.signed_in().get("/patients/p-0001")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_form_beyond_the_limit_is_refused(people: Site) -> None:
    assert people.client().post("/sign-in", data={"email": "x" * 300_000}).status_code == 413
