"""Is every program of ours alive? Operations is told of one that is silent, once for each silence.

If alerts itself is dead nobody here can tell: for that there is the outbound ping (ping.py).
"""

from datetime import datetime
from typing import LiteralString

from schemas.database import Connection

SILENT_SECONDS = 60.0

STATES: LiteralString = """
SELECT service, CASE WHEN now() - at > make_interval(secs => %(seconds)s)
                     THEN 'silent' ELSE detail END AS state
FROM heartbeat WHERE detail <> 'ended' ORDER BY service
"""
PAGE: LiteralString = """
INSERT INTO plain_notice (kind, about, user_id, duty, created_at, due_at, facts)
SELECT 'program_silent', service || ' ' || at::text, user_id, duty, %(now)s, %(now)s,
       jsonb_build_object('program', service)
FROM told_of, heartbeat
WHERE told_of.of = 'operations' AND detail <> 'ended'
  AND now() - at BETWEEN make_interval(secs => %(seconds)s) AND interval '1 day'
ON CONFLICT DO NOTHING
"""


def problems(conn: Connection) -> dict[str, str]:
    """What is wrong with which program; one that never ran is none of ours."""
    rows = conn.execute(STATES, {"seconds": SILENT_SECONDS}).fetchall()
    return {str(service): str(state) for service, state in rows if state != "ok"}


def look(conn: Connection, *, now: datetime) -> None:
    conn.execute(PAGE, {"seconds": SILENT_SECONDS, "now": now})
