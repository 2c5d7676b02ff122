"""Which open episodes wait for their next step? It is taken in the caller's transaction: whom to tell, when next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg.rows import class_row

from schemas import chain, rosters
from schemas.chain import Move, Standing
from schemas.database import Connection
from schemas.duty import Roster

SET_BACK = timedelta(minutes=1)
"""A clock that was set back by less delays a step by less."""

# What was reckoned by a clock that ran ahead: each waits from now on as long as it had to wait then.
RECKON_AGAIN: LiteralString = """
UPDATE episode SET next_at = %(now)s + (next_at - waits_since), waits_since = %(now)s WHERE waits_since > %(ahead)s
"""
DUE: LiteralString = """
SELECT episode_id, patient_id, severity, state, step, owner, snoozed_until IS NOT NULL AS snoozed
FROM episode WHERE next_at <= %(now)s ORDER BY next_at, episode_id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""
ONE: LiteralString = """
SELECT episode_id, patient_id, severity, state, step, owner, snoozed_until IS NOT NULL AS snoozed
FROM episode WHERE episode_id = %(episode_id)s FOR UPDATE
"""
MOVE_ON: LiteralString = """
UPDATE episode SET state = 'new', step = %(step)s, next_at = %(next_at)s, waits_since = %(now)s,
                   snoozed_until = NULL
WHERE episode_id = %(episode_id)s
"""
RECORD: LiteralString = """
INSERT INTO episode_event (episode_id, at, kind, severity, evidence)
SELECT episode_id, %(now)s, %(kind)s, severity, evidence FROM episode WHERE episode_id = %(episode_id)s
"""
TELL: LiteralString = """
INSERT INTO notification (episode_id, event_id, user_id, created_at, due_at)
SELECT %(episode_id)s, newest.event_id, person.user_id, %(now)s, %(now)s
FROM unnest(%(tell)s::bigint[]) AS person (user_id)
CROSS JOIN (SELECT max(event_id) AS event_id FROM episode_event WHERE episode_id = %(episode_id)s) AS newest
ON CONFLICT (event_id, user_id) DO NOTHING
"""


@dataclass(kw_only=True)
class Router:
    """Steps of one transaction; a team is read once."""

    conn: Connection
    now: datetime
    _rosters: dict[int | None, Roster] = field(default_factory=dict)

    def begin(self, episode_id: int) -> Move:
        """The first step of a round, for an event that was just recorded; the row must stand at step 0."""
        with self.conn.cursor(row_factory=class_row(Standing)) as cursor:
            standing = cursor.execute(ONE, {"episode_id": episode_id}).fetchone()
        assert standing is not None
        return self._step([standing])[0]

    def go_on(self, *, limit: int) -> list[Move]:
        """The next step of up to `limit` episodes whose moment has come; those locked by others are theirs."""
        with self.conn.cursor(row_factory=class_row(Standing)) as cursor:
            cursor.execute(RECKON_AGAIN, {"now": self.now, "ahead": self.now + SET_BACK})
            due = cursor.execute(DUE, {"now": self.now, "limit": limit}).fetchall()
        return self._step(due)

    def _step(self, due: Sequence[Standing]) -> list[Move]:
        teams = rosters.teams_of(self.conn, {one.patient_id for one in due})
        self._read(teams.values())
        moves = []
        for one in due:
            move = chain.move(one, self._rosters[teams[one.patient_id]], now=self.now)
            self._write(one.episode_id, move)
            moves.append(move)
        return moves

    def _read(self, teams: Iterable[int | None]) -> None:
        if unread := set(teams) - self._rosters.keys():
            self._rosters |= rosters.rosters(self.conn, unread, now=self.now)

    def _write(self, episode_id: int, move: Move) -> None:
        values = {"episode_id": episode_id, "now": self.now, **vars(move)}
        self.conn.execute(MOVE_ON, values)
        if move.kind is not None:
            self.conn.execute(RECORD, values)
        if move.tell:
            self.conn.execute(TELL, values)
