"""How does a trial leave the screen? As a table for a spreadsheet: figures, cases with their lead, changed alerts."""

import csv
import io
from collections.abc import Iterator

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from clinician_api import audit
from clinician_api.dependencies import Now, SignedIn, Transaction
from clinician_api.detection import trials
from schemas.trial import Pair, Result

router = APIRouter()
HEAD = ("what", "on", "patient_id", "at", "in_force", "tried")
FIGURES = (
    "alerts_per_patient_year", "false_alerts_per_patient_year", "calls_per_nurse_day", "alerts", "found", "threshold",
)  # fmt: skip
Row = tuple[object, ...]


@router.get("/detection/trials/{trial_id}/table.csv")
def download(trial_id: int, conn: Transaction, user: SignedIn, now: Now) -> Response:
    """The answer, by pseudonym."""
    answer = trials.known(conn, trial_id).answer
    if answer is None:
        raise HTTPException(404)
    audit.write(conn, "trial.read", of=str(trial_id), by=user.user_id, at=now)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(rows(answer))
    headers = {"Content-Disposition": f'attachment; filename="vigie-trial-{trial_id}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def rows(answer: Result) -> Iterator[Row]:
    """Of a case: the days between its first alert and it, nothing where there was none; of a changed alert: 1 or 0."""
    yield from _figures(answer.own, "own")
    if answer.simulated:
        yield from _figures(answer.simulated, "simulated")
    for one in answer.rest:
        yield f"{one.cause}_alerts_per_patient_year", "own", "", "", one.before, one.after
    for case in answer.cases:
        yield "decompensation_lead_days", "own", case.patient_id, case.at.isoformat(), case.lead_before, case.lead_after
    for changed in answer.changed:
        for at in changed.vanish:
            yield "alert", "own", changed.patient_id, at.isoformat(), 1, 0
        for at in changed.appear:
            yield "alert", "own", changed.patient_id, at.isoformat(), 0, 1


def _figures(pair: Pair, on: str) -> Iterator[Row]:
    for figure in FIGURES:
        yield figure, on, "", "", getattr(pair.before, figure), getattr(pair.after, figure)
    for total in ("patients", "patient_years", "decompensations"):
        yield total, on, "", "", getattr(pair, total), getattr(pair, total)
