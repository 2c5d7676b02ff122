"""Is it really they who sign? The password once more, throttled like a sign-in: a screen left open signs nothing."""

from typing import LiteralString

from clinician_api.access import passwords, sign_in
from clinician_api.access.sessions import User
from clinician_api.language import message
from schemas.database import Connection

WRONG = message("The password is not right: nothing was signed.")
HASH: LiteralString = "SELECT password_hash FROM app_user WHERE user_id = %(user_id)s"


def refusal(conn: Connection, user: User, password: str) -> tuple[int, str] | None:
    """None if it is the user's password; else a status and why not."""
    if sign_in.is_throttled(conn, user.email):
        return 429, sign_in.THROTTLED
    row = conn.execute(HASH, {"user_id": user.user_id}).fetchone()
    stored = str(row[0]) if row else None
    right = len(password) <= sign_in.LONGEST_PASSWORD and passwords.is_right(password, password_hash=stored)
    conn.execute(sign_in.REMEMBER, {"email": user.email, "ok": right})
    return None if right else (422, WRONG)
