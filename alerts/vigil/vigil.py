"""Who watches the watch? Once in half a minute: programs, the canary, and the ping to somebody elsewhere."""

from dataclasses import dataclass

from psycopg_pool import ConnectionPool

from alerts.vigil import canary, programs
from alerts.vigil.ping import ping
from schemas.clock import Clock
from schemas.database import Connection


@dataclass(kw_only=True)
class Vigil:
    """Any number of processes may keep it: each page is written once, and each tells what it sees."""

    pool: ConnectionPool[Connection]
    clock: Clock
    ping_url: str | None
    begun: bool = False

    def look(self) -> None:
        """Page operations of what is wrong, and tell the service elsewhere.

        Raises:
            psycopg.Error: the database is away; the service elsewhere has been told.
        """
        if not self.begun:
            self._ping("start")
            self.begun = True
        try:
            wrong = self._look()
        except Exception:
            self._ping("fail", "the database is away")
            raise
        if wrong:
            self._ping("fail", "; ".join(f"{part}: {problem}" for part, problem in wrong.items()))
        else:
            self._ping()

    def _look(self) -> dict[str, str]:
        now = self.clock.now()
        with self.pool.connection() as conn:
            programs.look(conn, now=now)
            lost = canary.look(conn, now=now)
            wrong = programs.problems(conn)
        return wrong | ({"canary": f"no {lost}"} if lost else {})

    def _ping(self, kind: str = "", said: str = "") -> None:
        if self.ping_url:
            ping(self.ping_url, kind=kind, said=said)
