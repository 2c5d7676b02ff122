"""Who had a scale at home, and when?"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import args_row
from pydantic_core import to_json

from ingest.message import Scale
from schemas.database import Connection

# OFFSET 0: for each scale its rows, never all loans of the world (see ingest.storage.store.WORDS).
LOANS: LiteralString = """
SELECT site, device_id, patient_id, lent_at, returned_at
FROM json_to_recordset(%(scales)s::json) AS asked (site text, device_id text),
LATERAL (
    SELECT patient_id, lent_at, returned_at FROM device_loan
    WHERE device_loan.site = asked.site AND device_loan.device_id = asked.device_id OFFSET 0
) AS loan
"""


class Loan(NamedTuple):
    site: str
    device_id: str
    patient_id: str
    lent_at: datetime
    returned_at: datetime | None


class Borrowers:
    """The loans of some scales."""

    def __init__(self, loans: Iterable[Loan]) -> None:
        self._loans = defaultdict(list)
        for loan in loans:
            self._loans[Scale(loan.site, loan.device_id)].append(loan)

    def of(self, scale: Scale, *, at: datetime) -> str | None:
        """The patient who had the scale then; None: nobody, or a scale nobody knows."""
        for loan in self._loans.get(scale, ()):
            if loan.lent_at <= at and (loan.returned_at is None or at < loan.returned_at):
                return loan.patient_id
        return None


def ask(conn: Connection, scales: Iterable[Scale]) -> Cursor[Loan]:
    """Ask who had these scales, now and before; the answer is for `Borrowers`."""
    asked = to_json([scale._asdict() for scale in scales]).decode()
    return conn.cursor(row_factory=args_row(Loan)).execute(LOANS, {"scales": asked})
