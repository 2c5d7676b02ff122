"""Did the canary's alert arrive? If not within the promised time, operations is paged, with what is missing."""

from datetime import date, datetime, timedelta
from typing import LiteralString

from schemas import canary
from schemas.database import Connection

SEEN: LiteralString = """
SELECT EXISTS (SELECT FROM reading WHERE site = %(site)s AND device_id = %(device)s AND measured_at = %(weighed_at)s),
       EXISTS (SELECT FROM episode_event JOIN episode USING (episode_id)
               WHERE patient_id = %(patient)s AND at >= %(weighed_at)s AND at < %(next)s AND kind <> 'back_in_band'),
       EXISTS (SELECT FROM notification JOIN episode USING (episode_id)
               WHERE patient_id = %(patient)s AND delivered_at >= %(weighed_at)s AND delivered_at < %(next)s)
FROM patient WHERE patient_id = %(patient)s AND enrolled_at < %(weighed_at)s
"""
PAGE: LiteralString = """
INSERT INTO plain_notice (kind, about, user_id, duty, created_at, due_at, facts)
SELECT 'canary_late', %(day)s::text, user_id, duty, %(now)s, %(now)s,
       jsonb_build_object('day', %(day)s::text, 'missing', %(missing)s::text)
FROM told_of WHERE told_of.of = 'operations'
ON CONFLICT DO NOTHING
"""


def missing(conn: Connection, day: date) -> str | None:
    """What of that morning's chain is missing, the first part of it; None: nothing, or there is no canary."""
    weighed_at = canary.weighs_at(day)
    wanted = {
        "patient": canary.PATIENT,
        "site": canary.SITE,
        "device": canary.DEVICE,
        "weighed_at": weighed_at,
        "next": weighed_at + timedelta(days=1),
    }
    row = conn.execute(SEEN, wanted).fetchone()
    if row is None or (row[0] and not canary.is_ill(day)):
        return None
    parts = dict(zip(("reading", "alert", "delivery"), row, strict=True))
    return next((part for part, there in parts.items() if not there), None)


def look(conn: Connection, *, now: datetime) -> str | None:
    """Page operations once for a morning whose promise is broken; what is missing."""
    day = now.astimezone(canary.PARIS).date()
    if now < canary.weighs_at(day) + canary.PROMISE:
        return None
    lost = missing(conn, day)
    if lost is not None:
        conn.execute(PAGE, {"day": day.isoformat(), "missing": lost, "now": now})
    return lost
