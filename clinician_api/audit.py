"""Who read or changed what, and when? One row for each page with patient data and each act."""

from datetime import datetime
from typing import Literal, LiteralString

from schemas.database import Connection

Action = Literal[
    "sign_in", "sign_out", "worklist.read", "patients.read", "patient.read", "dry_weight.set", "plan.set", "phone.set",
    "tag.change", "patient.export", "episode.take",
    "episode.follow_up", "episode.snooze", "episode.close",
    "unknown_scales.read", "scale.claim", "reading.release", "reading.exclude", "reading.undo", "patient.enrol",
    "patient.status", "scales.read", "scale.return", "programme.read", "report.read", "channel.change",
    "detection.read", "trial.ask", "trial.read", "trial.sign", "patient.review", "patient.unreview",
    "patient.pause", "pauses.read", "team.change", "duty.change", "reading.asked", "reading.reassign", "weight.add",
    "journal.write", "journal.seen", "reminder.done",
    "weighing_reminder.set", "weighing_reminder.stop",
    "shadow.read", "shadow.set",
]  # fmt: skip

WRITE: LiteralString = "INSERT INTO audit (at, user_id, action, subject) VALUES (%(at)s, %(by)s, %(action)s, %(of)s)"


def write(conn: Connection, action: Action, *, of: str, by: int, at: datetime) -> None:
    """`of`: a pseudonym or a number, never a name."""
    conn.execute(WRITE, {"at": at, "by": by, "action": action, "of": of})
