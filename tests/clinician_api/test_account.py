"""One's own channels: confirmed by a code that came, tested, ordered, quiet, removed; secrets shown to nobody."""

import re

import httpx2
import pytest

from clinician_api.account import addresses, channels
from schemas.database import Connection
from schemas.settings import Settings
from tests.alerts.clinic import NOW, count
from tests.alerts.gateway import SmsGateway
from tests.alerts.program import eventually, running
from tests.clinician_api import seed
from tests.clinician_api.conftest import Site

USABLE = "SELECT count(*)::int FROM usable_channel"


def post(client: httpx2.Client, path: str, **fields: str) -> httpx2.Response:
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text)
    assert csrf
    return client.post(path, data={"csrf": csrf[1], **fields})


def test_a_channel_is_used_once_its_owner_has_typed_the_code_that_came_by_it(
    people: Site, database_url: str, connection: Connection
) -> None:
    nurse = people.signed_in()
    with SmsGateway().open() as gateway, running(database_url, start=NOW):
        secret = f"json://claire:topsecret@127.0.0.1:{gateway.port}/sms"
        assert post(nurse, "/account/channels", url=secret, quiet_from="22:00", quiet_until="07:00").status_code == 303
        eventually(lambda: gateway.taken)
        code = re.search(r"code est (\d{6})", gateway.taken[0])
        assert code
        (channel_id,) = connection.execute("SELECT max(channel_id) FROM channel").fetchone() or ()
        connection.commit()
        path = f"/account/channels/{channel_id}"
        before = count(connection, USABLE)
        wrong = f"{(int(code[1]) + 1) % 10**6:06d}"
        assert post(nurse, f"{path}/verify", code=wrong).status_code == 422
        assert count(connection, USABLE) == before
        assert post(nurse, f"{path}/verify", code=code[1]).status_code == 303
        assert count(connection, USABLE) == before + 1
        assert post(nurse, f"{path}/ask", for_what="test").status_code == 303
        eventually(lambda: "Vigie: essai, ce canal fonctionne." in gateway.taken)
    page = nurse.get("/account").text
    assert "json://…ms" in page
    assert "22:00" in page
    assert "Dernier envoi remis" in page
    assert "topsecret" not in page
    assert "topsecret" not in str(connection.execute("SELECT subject, action FROM audit").fetchall())
    assert "topsecret" not in repr(channels.mine(connection, 1))


def test_nobody_guesses_a_code_and_nobody_touches_another_ones_channel(people: Site, connection: Connection) -> None:
    nurse, doctor = people.signed_in(), people.signed_in(seed.CARDIOLOGIST)
    post(nurse, "/account/channels", url="json://127.0.0.1:9/x")
    row = connection.execute("SELECT channel_id, code FROM channel_request").fetchone()
    connection.commit()
    assert row
    path = f"/account/channels/{row[0]}"
    for to in ("removed", "first", "renewed"):
        assert post(doctor, f"{path}/change", to=to).status_code == 404
    assert post(doctor, f"{path}/verify", code=str(row[1])).status_code == 422
    for _ in range(channels.TRIES):
        assert post(nurse, f"{path}/verify", code="x").status_code == 422
    assert post(nurse, f"{path}/verify", code=str(row[1])).status_code == 422, "after five tries not even the right one"
    assert count(connection, "SELECT count(*)::int FROM channel WHERE verified_at IS NOT NULL AND url LIKE '%9/x'") == 0
    answers = [post(nurse, f"{path}/ask", for_what="code").status_code for _ in range(channels.A_HOUR)]
    assert answers == [303, 303, 303, 303, 429]


def test_channels_are_put_in_order_and_removed_and_wishes_kept(people: Site, connection: Connection) -> None:
    nurse = people.signed_in()
    for url in ("json://one.example/", "json://two.example/"):
        post(nurse, "/account/channels", url=url)
    (last,) = connection.execute("SELECT max(channel_id) FROM channel").fetchone() or ()
    connection.commit()
    post(nurse, f"/account/channels/{last}/change", to="first")
    newest = "SELECT url FROM channel WHERE removed_at IS NULL AND url LIKE '%.example/' ORDER BY position"
    assert connection.execute(newest).fetchall() == [("json://two.example/",), ("json://one.example/",)]
    connection.commit()
    post(nurse, f"/account/channels/{last}/change", to="removed")
    assert connection.execute(newest).fetchall() == [("json://one.example/",)]
    connection.commit()
    post(nurse, "/account/preferences", digest_at="07:30")
    assert 'value="07:30"' in nurse.get("/account").text
    assert connection.execute("SELECT bundle FROM delivery_preference").fetchall() == [(False,)]


@pytest.mark.parametrize("url", ["", "mailto", "://x", "no spaces://a b", "json://a b", "json://" + "a" * 2000])
def test_what_is_no_address_is_refused_with_a_word_why(people: Site, connection: Connection, url: str) -> None:
    before = count(connection, "SELECT count(*)::int FROM channel")
    answer = post(people.signed_in(), "/account/channels", url=url)
    assert answer.status_code == 422
    assert count(connection, "SELECT count(*)::int FROM channel") == before


@pytest.mark.parametrize(
    ("url", "kinds", "refused"),
    [
        ("json://gateway.chu.example:8080/sms", "", None),
        ("sfr://user:password@space/0612345678", "", None),
        ("vonage://key:secret@33700000000/33612345678", "", None),
        ("json://localhost/", "", addresses.BAD_HOST),
        ("json://user:pw@127.0.0.1:9/x", "", addresses.BAD_HOST),
        ("jsons://10.1.2.3/", "", addresses.BAD_HOST),
        ("json://2130706433/", "", addresses.BAD_HOST),
        ("json://127.1/", "", addresses.BAD_HOST),
        ("json://[::1]/", "", addresses.BAD_HOST),
        ("json://[::1/", "", addresses.BAD_ADDRESS),
        ("json://intranet/api", "", addresses.BAD_HOST),
        ("xml://printer.local/", "", addresses.BAD_HOST),
        ("gotify://192.168.1.4/token", "", addresses.BAD_HOST),
        ("mailto://u:p@chu.example?smtp=10.0.0.5", "", addresses.BAD_HOST),
        ("mailtos://u:p@smtp.chu.example?to=a@chu.example", "", None),
        ("mailtos://u:p@smtp.lan", "mailtos,sfr", None),
        ("json://gateway.chu.example/", "mailtos,sfr", addresses.BAD_KIND),
    ],
)
def test_an_address_inside_our_network_is_refused_unless_its_kind_is_allowed(
    url: str, kinds: str, refused: str | None
) -> None:
    assert addresses.refusal(url, kinds=Settings(channel_kinds=kinds).kinds_of_channels) == refused


def test_whoever_enters_an_address_of_another_kind_is_told_who_can_allow_it(
    people: Site, connection: Connection
) -> None:
    answer = post(people.signed_in(), "/account/channels", url="sfr://user:password@space/0612345678")
    assert (answer.status_code, "ne sont pas permises ici" in answer.text) == (422, True)
    assert count(connection, "SELECT count(*)::int FROM channel WHERE url LIKE 'sfr%'") == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "mailtos://user:pw@smtp.chu.example:587?to=claire.roux@chu.example&from=v@v.example",
            "mailtos://…@chu.example",
        ),
        ("freemobile://12345678@abcdefghijklmn", "freemobile://…mn"),
        ("twilio://SID:token@+33612345678/+33687654321", "twilio://…21"),
    ],
)
def test_an_address_is_shown_by_its_kind_and_its_end(url: str, shown: str) -> None:
    assert channels.masked(url) == shown
