"""How is what was decided of an episode written down, with whom it tells? The caller owns the transaction."""

from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from alerts.judgement.assessment import Assessment
from alerts.policy import Action
from alerts.router import Router
from schemas import canary
from schemas.chain import Move
from schemas.database import Connection

RECORD_ASSESSMENT: LiteralString = """
INSERT INTO assessment (patient_id, at, assessed_at, detector, version, score, threshold, shadow)
VALUES (%(patient_id)s, %(at)s, %(assessed_at)s, %(detector)s, %(version)s, %(score)s, %(threshold)s, %(shadow)s)
"""
OPEN_EPISODE: LiteralString = """
INSERT INTO episode (patient_id, cause, severity, opened_at, last_raised_at, evidence)
VALUES (%(patient_id)s, %(cause)s, %(severity)s, %(now)s, %(now)s, %(evidence)s)
RETURNING episode_id
"""
# The episode keeps the evidence of its severity: a weaker finding that repeats it stands in its events. A watch that
# becomes an alert is one from now on: whatever is promised, counted or reckoned of an alert begins here.
RAISE_EPISODE: LiteralString = """
UPDATE episode SET severity = %(severity)s, last_raised_at = %(now)s,
                   opened_at = CASE WHEN severity = 'watch' AND %(severity)s <> 'watch' THEN %(now)s ELSE opened_at END,
                   taken_at = CASE WHEN severity = 'watch' AND %(anew)s THEN NULL ELSE taken_at END,
                   state = CASE WHEN %(anew)s THEN 'new' ELSE state END,
                   step = CASE WHEN %(anew)s THEN 0 ELSE step END,
                   snoozed_until = CASE WHEN %(anew)s THEN NULL ELSE snoozed_until END,
                   next_at = CASE WHEN %(anew)s THEN NULL ELSE next_at END,
                   waits_since = CASE WHEN %(anew)s THEN NULL ELSE waits_since END,
                   evidence = CASE WHEN %(found)s = %(severity)s THEN %(evidence)s ELSE evidence END
WHERE episode_id = %(episode_id)s
"""
TOUCH_EPISODE: LiteralString = "UPDATE episode SET state = state WHERE episode_id = %(episode_id)s"
RECORD_EVENT: LiteralString = """
INSERT INTO episode_event (episode_id, at, kind, severity, evidence)
VALUES (%(episode_id)s, %(now)s, %(kind)s, %(severity)s, %(evidence)s)
"""
# No clinician is told of it, and nothing escalates: who is to be paged if it does not arrive is told by the vigil.
TELL_CANARYS_PERSON: LiteralString = """
INSERT INTO notification (episode_id, event_id, user_id, created_at, due_at)
SELECT %(episode_id)s, (SELECT max(event_id) FROM episode_event WHERE episode_id = %(episode_id)s), user_id,
       %(now)s, %(now)s FROM app_user WHERE role = 'canary'
"""


def record_assessments(conn: Connection, assessments: dict[str, Assessment], *, now: datetime) -> None:
    """Keep the scores, so that a clinician can see what was computed when nothing was raised."""
    with conn.cursor() as cursor:
        cursor.executemany(
            RECORD_ASSESSMENT,
            [
                {
                    "patient_id": patient_id,
                    "at": verdict.at,
                    "assessed_at": now,
                    "detector": verdict.detector,
                    "version": verdict.version,
                    "score": verdict.score,
                    "threshold": verdict.threshold,
                    "shadow": verdict.shadow,
                }
                for patient_id, assessment in assessments.items()
                for verdict in assessment.verdicts
            ],
        )


def act(conn: Connection, action: Action, *, patient_id: str, router: Router) -> Move | None:
    """Write the action's episode and event, and take the first step of telling people, if it pages any."""
    values: dict[str, object] = {
        "patient_id": patient_id,
        "episode_id": action.episode_id,
        "cause": action.finding.cause,
        "kind": action.kind,
        "severity": action.severity,
        "evidence": Jsonb(action.finding.evidence.model_dump(mode="json")),
        "found": action.finding.severity,
        "anew": action.anew,
        "now": router.now,
    }
    if action.kind == "raised":
        (values["episode_id"],) = conn.execute(OPEN_EPISODE, values).fetchone() or (None,)
    elif action.kind == "back_in_band":
        conn.execute(TOUCH_EPISODE, values)  # its trigger tells the screens
    else:
        conn.execute(RAISE_EPISODE, values)
    conn.execute(RECORD_EVENT, values)
    assert isinstance(values["episode_id"], int)
    if patient_id == canary.PATIENT:
        if action.severity != "watch":
            conn.execute(TELL_CANARYS_PERSON, values)
        return None
    return router.begin(values["episode_id"]) if action.pages else None
