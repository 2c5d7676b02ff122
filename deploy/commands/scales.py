"""`vigie scales`."""

from typing import LiteralString

import typer

app = typer.Typer()

UNKNOWN: LiteralString = """
SELECT site, device_id, to_char(first_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM device_sighting
WHERE NOT EXISTS (SELECT FROM device_loan WHERE device_loan.site = device_sighting.site
                  AND device_loan.device_id = device_sighting.device_id AND returned_at IS NULL)
ORDER BY last_seen_at DESC
"""


@app.command()
def scales() -> None:
    """Say which scales nobody has on loan, and which topics are announced to Home Assistant as weights.

    What an unknown scale sends is kept; lent from the day it was first heard, it brings that along. See docs/scales.md.
    """
    from deploy import outcome, stack
    from ingest import discovery
    from ingest.link import RefusedError
    from schemas import database
    from schemas.settings import read_settings

    with outcome.explained(), stack.servers(read_settings()) as settings:
        stack.bring_up_to_date(read_settings(), settings)
        with database.connect(stack.url(settings)) as conn:
            for site, device_id, since in conn.execute(UNKNOWN):
                print(f"a scale nobody knows: {site} / {device_id}, first heard {since}")
        assert settings.broker_url
        try:
            found = discovery.announced(settings.broker_url, settings.broker, seconds=3)
        except RefusedError as error:
            raise outcome.CommandError(f"the broker refuses us: {error}; check VIGIE_BROKER_URL") from None
        for topic, unit, dialect in found:
            print(f"announced: {topic} in {unit}, {f'read as {dialect}' if dialect else 'which Vigie does not read'}")
