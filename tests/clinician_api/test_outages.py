"""An outage of ours stands on the worklist while it lasts."""

from datetime import timedelta

from schemas.database import Connection
from tests.clinician_api.conftest import CLOCK, Site

ADD = """
INSERT INTO service_outage (part, site, from_at, until_at, changed_at, announced_at, patients, detail)
VALUES ('arrivals', %s, %s, %s, %s, %s, 12, '')
"""


def test_the_worklist_says_that_no_weights_come_and_only_while_it_is_so(people: Site, connection: Connection) -> None:
    now = CLOCK.now()
    ago = now - timedelta(hours=2)
    connection.execute(ADD, ("gate-3", ago, None, ago, ago))
    connection.execute(ADD, (None, ago, now, now, ago))
    connection.execute(ADD, ("brief", ago, None, ago, None))
    connection.commit()
    text = people.signed_in().get("/").text
    assert text.count('class="problem"') == 1
    assert "Aucune pesée n'arrive du site gate-3" in text
    assert "12 patients sont concernés" in text
    connection.execute("UPDATE service_outage SET until_at = %s", (now,))
    connection.commit()
    assert 'class="problem"' not in people.signed_in().get("/").text
