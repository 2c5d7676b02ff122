"""On which days is no weight expected of a patient? The pauses as stored, for silence and for days."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from alerts.detectors import silence
from alerts.detectors.silence import A_DAY, Span
from alerts.judgement import anchors
from alerts.judgement.assessment import Facts
from schemas.database import Connection

PAUSES: LiteralString = """
SELECT patient_id, kind, first_day, last_day, changed_at FROM standing_pause
WHERE patient_id = ANY(%(patient_ids)s) ORDER BY pause_id
"""


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Both days are paused; one that was called off ends before it begins."""

    patient_id: str
    kind: str
    first_day: date
    last_day: date
    changed_at: datetime

    def span(self, zone: ZoneInfo) -> Span:
        since = silence.opening(self.first_day, zone=zone)
        return Span(since=since, until=silence.opening(self.last_day + A_DAY, zone=zone))


def pauses(conn: Connection, patient_ids: Sequence[str]) -> dict[str, list[Pause]]:
    """Every pause of these patients, past, present and to come, also those called off."""
    found: dict[str, list[Pause]] = {patient_id: [] for patient_id in patient_ids}
    with conn.cursor(row_factory=class_row(Pause)) as cursor:
        for pause in cursor.execute(PAUSES, {"patient_ids": list(patient_ids)}):
            found[pause.patient_id].append(pause)
    return found


def paused(facts: Facts, pauses: Sequence[Pause]) -> Facts:
    """The facts as the pauses make them.

    After a stay in hospital the baseline starts afresh: the weight at discharge is meant. After a holiday it does not:
    what was gained on one is a gain.
    """
    stays = [(pause.changed_at, pause.span(facts.zone).until) for pause in pauses if pause.kind == "hospital"]
    afresh = anchors.anchors(zone=facts.zone, pauses=stays)
    return replace(
        facts,
        pauses=[pause.span(facts.zone) for pause in pauses],
        anchors=sorted({*facts.anchors, *afresh}),
    )
