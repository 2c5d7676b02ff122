"""Which weights have both the alerting and the shadow detector judged, and how?"""

from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from alerts.judgement.choice import Choice
from alerts.shadow import Judged
from schemas.database import Connection

# Both rows are of one assessment: the same patient, weight and moment. The last assessment of a weight counts.
JUDGED: LiteralString = """
SELECT DISTINCT ON (ours.patient_id, ours.at)
       ours.patient_id, ours.at, ours.score, ours.threshold,
       shadows.score AS shadow_score, shadows.threshold AS shadow_threshold
FROM assessment AS shadows
JOIN assessment AS ours USING (patient_id, at, assessed_at)
WHERE shadows.shadow AND NOT ours.shadow AND ours.detector = %(alerting)s AND shadows.detector = %(shadow)s
  AND shadows.assessed_at >= %(since)s AND ours.patient_id <> 'VIGIE-CANARY'
ORDER BY ours.patient_id, ours.at, ours.assessed_at DESC
"""


def judged(conn: Connection, choice: Choice, *, since: datetime) -> list[Judged]:
    """Every weight that both have judged since then; nothing without a shadow."""
    if choice.shadow is None:
        return []
    wanted = {"alerting": choice.alerting.detector, "shadow": choice.shadow.detector, "since": since}
    with conn.cursor(row_factory=class_row(Judged)) as cursor:
        return cursor.execute(JUDGED, wanted).fetchall()
