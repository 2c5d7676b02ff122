import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy.servers.embedded_postgres import EmbeddedPostgres, PostgresError
from tests.fixtures.commands import Command, gone

SERVE = """
import sys, time
from pathlib import Path
from deploy.servers.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print("answers at", server.start(), flush=True)
time.sleep(600)
"""


def serve(root: Path, output: Path) -> Command:
    program = root.parent / "serve_postgres.py"
    program.write_text(SERVE)
    checkout = str(Path(__file__).parents[2])
    return Command(
        ["serve_postgres", str(root)], output=output, environment={"PYTHONPATH": f"{checkout}:{root.parent}"}
    )


def test_data_survives_a_restart(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as server, psycopg.connect(server.url) as conn:
        conn.execute("CREATE TABLE kept (n integer)")
        conn.execute("INSERT INTO kept VALUES (7)")
    with EmbeddedPostgres(tmp_path / "postgres") as server, psycopg.connect(server.url) as conn:
        assert conn.execute("SELECT n FROM kept").fetchone() == (7,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that the server's user may not enter")
def test_it_runs_for_root_in_a_folder_that_only_root_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "root"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "postgres") as server, psycopg.connect(server.url) as conn:
        assert server.process
        assert psutil.Process(server.process.pid).uids().real != 0
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_it_ends_when_its_owner_is_killed_and_its_data_are_whole(tmp_path: Path) -> None:
    root = tmp_path / "postgres"
    owner = serve(root, tmp_path / "output")
    url = owner.wait_for("answers at").split()[-1]
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 7 AS n")
    family = owner.family()
    owner.end(signal.SIGKILL)
    with EmbeddedPostgres(root) as server, psycopg.connect(server.url) as conn:  # at once, while the old one still ends
        assert conn.execute("SELECT n FROM kept").fetchone() == (7,)
    assert gone(family) == []


def test_two_programs_share_one_server(tmp_path: Path) -> None:
    root = tmp_path / "postgres"
    with EmbeddedPostgres(root) as first, EmbeddedPostgres(root) as second:
        assert second.process is None
        assert second.url == first.url
        with psycopg.connect(second.url) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"shared_buffers": "nonsense"})
    with pytest.raises(PostgresError, match=r"postgres\.log"):
        server.start()
