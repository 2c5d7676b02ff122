"""Who is meant? Patients whose name, pseudonym or INS has words that begin as typed, whatever case and accents."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString

from psycopg.rows import class_row

from schemas.database import Connection

INS = re.compile(r"[\dAB\s]{3,}", re.IGNORECASE)
MOST_WORDS = 6


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A patient in the list; weight in kg."""

    patient_id: str
    family_name: str | None
    given_name: str | None
    birth_date: date | None
    sex: str | None
    last_at: datetime | None
    last_kg: float | None
    is_open: bool


# The word that fewest begin with, as far as a short look tells; then the longest.
RAREST_FIRST: LiteralString = """
SELECT asked.word FROM unnest(folded_words(%(q)s)) AS asked (word), LATERAL (
    SELECT count(*) AS known FROM (
        SELECT FROM patient_word AS w WHERE w.word >= asked.word AND w.word < asked.word || U&'\\+10FFFF' LIMIT 1000
    ) AS few
) AS few
ORDER BY known, length(asked.word) DESC LIMIT %(most)s
"""
# The first word is looked up in the index; the others are asked of each patient found, until enough are. U+10FFFF
# ends the range of the words that begin with this one, in the order of bytes in which the index stands.
FOUND: LiteralString = """
WITH found AS MATERIALIZED (
    SELECT word, patient_id FROM patient_word AS w
    WHERE word >= %(first)s AND word < %(first)s || U&'\\+10FFFF'
      AND (SELECT bool_and(EXISTS (
               SELECT FROM patient_word AS o WHERE o.patient_id = w.patient_id
                 AND o.word >= other AND o.word < other || U&'\\+10FFFF'))
           FROM unnest(%(others)s::text[]) AS other) IS NOT FALSE
    ORDER BY word, patient_id LIMIT %(enough)s
)
SELECT DISTINCT p.patient_id, i.family_name, i.given_name, i.birth_date, i.sex, l.measured_at AS last_at,
       l.weight_kg::float8 AS last_kg,
       EXISTS (SELECT FROM episode AS e WHERE e.patient_id = p.patient_id AND closed_at IS NULL) AS is_open
FROM found JOIN patient AS p USING (patient_id) LEFT JOIN patient_identity AS i USING (patient_id)
LEFT JOIN latest_reading AS l USING (patient_id)
ORDER BY i.family_name, i.given_name, p.patient_id LIMIT %(most)s
"""
EVERYBODY: LiteralString = """
SELECT p.patient_id, i.family_name, i.given_name, i.birth_date, i.sex, l.measured_at AS last_at,
       l.weight_kg::float8 AS last_kg,
       EXISTS (SELECT FROM episode AS e WHERE e.patient_id = p.patient_id AND closed_at IS NULL) AS is_open
FROM (
    (SELECT patient_id FROM patient_identity ORDER BY family_name, given_name, patient_id LIMIT %(most)s)
    UNION ALL
    (SELECT patient_id FROM patient WHERE NOT EXISTS (
         SELECT FROM patient_identity AS i WHERE i.patient_id = patient.patient_id) ORDER BY patient_id LIMIT %(most)s)
) AS p LEFT JOIN patient_identity AS i USING (patient_id) LEFT JOIN latest_reading AS l USING (patient_id)
ORDER BY i.family_name, i.given_name, p.patient_id LIMIT %(most)s
"""


def find(conn: Connection, q: str, *, most: int) -> list[Listed]:
    """The first patients by name who have a word for each word of `q`; without a word, the first of everybody."""
    typed = q.replace("\0", "").strip()
    if INS.fullmatch(typed) and any(letter.isdigit() for letter in typed):
        typed = "".join(typed.split())  # an INS is read out in groups
    words = [str(word) for (word,) in conn.execute(RAREST_FIRST, {"q": typed, "most": MOST_WORDS})]
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        if not words:
            return [] if typed else cursor.execute(EVERYBODY, {"most": most}).fetchall()
        # A patient may have several such words: DUPOND-DUPONT.
        asked = {"first": words[0], "others": words[1:], "most": most, "enough": 4 * most}
        return cursor.execute(FOUND, asked).fetchall()
