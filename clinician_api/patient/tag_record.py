"""Which tags has a patient, and who gave them? What holds now, and each change by somebody."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import class_row

from schemas.database import Connection

LONGEST, MOST = 40, 20


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag that holds; who gave it is not known of those given before changes were kept."""

    tag: str
    author: str | None
    recorded_at: datetime | None


OF_PATIENT: LiteralString = """
SELECT tag, author, recorded_at FROM patient_tag AS t LEFT JOIN LATERAL (
    SELECT display_name AS author, recorded_at FROM tag_change AS c JOIN app_user ON user_id = c.author
    WHERE c.patient_id = t.patient_id AND c.tag = t.tag AND NOT is_removal ORDER BY recorded_at DESC LIMIT 1
) AS given ON true
WHERE patient_id = %(patient_id)s ORDER BY tag
"""


def of_patient(conn: Connection, patient_id: str) -> list[Tag]:
    """By name."""
    with conn.cursor(row_factory=class_row(Tag)) as cursor:
        return cursor.execute(OF_PATIENT, {"patient_id": patient_id}).fetchall()


TAGS: LiteralString = """
WITH RECURSIVE known AS (
    (SELECT tag FROM patient_tag ORDER BY tag LIMIT 1)
    UNION ALL
    SELECT (SELECT tag FROM patient_tag AS t WHERE t.tag > known.tag ORDER BY tag LIMIT 1)
    FROM known WHERE known.tag <> ''
)
SELECT tag FROM known WHERE tag IS NOT NULL LIMIT 200
"""


def known(conn: Connection) -> Cursor[tuple[object, ...]]:
    """Every tag in use; a step of the index for each, however many patients have it."""
    return conn.execute(TAGS)


def cleaned(text: str) -> str | None:
    """A tag as it is kept, or None if it cannot be one."""
    tag = " ".join(unicodedata.normalize("NFC", text).replace("\0", "").split())
    fits = 0 < len(tag) <= LONGEST and not any(unicodedata.category(letter) == "Cc" for letter in tag)
    return tag if fits else None


CHANGE: LiteralString = """
INSERT INTO tag_change (request_id, patient_id, tag, is_removal, author, recorded_at)
SELECT %(request_id)s, %(patient_id)s, tag, %(is_removal)s, %(author)s, %(now)s FROM unnest(%(tags)s::text[]) AS tag
ON CONFLICT DO NOTHING
"""


def change(conn: Connection, tags: list[str], given: dict[str, object], *, is_removal: bool) -> None:
    """Give the patient these tags, or take them away; `given` says whose form it is. Sent twice it is one change."""
    conn.execute(CHANGE, {**given, "tags": tags, "is_removal": is_removal})
