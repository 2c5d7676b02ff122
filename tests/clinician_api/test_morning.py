"""The morning's work: from sign-in to the last alert closed, in one go."""

from schemas.database import Connection
from tests.clinician_api import morning, seed
from tests.clinician_api.conftest import Screen, Site


def test_a_nurse_closes_every_alert_from_the_worklist_on(connection: Connection, clinic: Site, screen: Screen) -> None:
    alerts = sum(len(causes) for causes in seed.OPEN.values())
    done = morning.work(screen.page, email=seed.NURSE, password=seed.PASSWORD)
    assert done.closed == alerts
    assert connection.execute("SELECT count(*) FROM episode WHERE closed_at IS NULL").fetchone() == (0,)
    assert done.clicks <= 4 * alerts + 1, "opening, unfolding, closing, going back"
    assert screen.complaints == []
