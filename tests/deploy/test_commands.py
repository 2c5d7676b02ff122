import csv
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, time
from pathlib import Path

import psycopg
import pytest

from clinician_api.duty import teams
from clinician_api.enrol import enrolment
from deploy.servers.embedded_broker import free_port
from schemas.database import Connection
from schemas.duty import Team
from tests.fixtures.commands import Start

CLI = "deploy.cli"
ROOT = Path(__file__).parents[2]
NOBODY = "postgresql://nobody@127.0.0.1:1/vigie"


def says(start: Start, *arguments: str, status: int, **environment: str) -> list[str]:
    """The lines of a command that ends with this status."""
    command = start(CLI, *arguments, **environment)
    assert command.process.wait(60) == status, command.output.read_text()
    return command.output.read_text().splitlines()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"VIGIE_DATABASE_URL": "mysql://secret@db/vigie"}, "VIGIE_DATABASE_URL: must look like"),
        ({"VIGIE_API_PORT": "eighty"}, "VIGIE_API_PORT: "),
        ({"VIGIE_CLOCK": "fast"}, "VIGIE_CLOCK: must be `real`"),
        ({"VIGIE_BROKER_URL": "http://broker"}, "VIGIE_BROKER_URL: "),
    ],
)
@pytest.mark.parametrize("command", ["up", "migrate", "doctor"])
def test_a_bad_setting_is_named_in_one_line(
    start: Start, command: str, environment: dict[str, str], expected: str
) -> None:
    (line,) = says(start, command, status=1, **environment)
    assert expected in line
    assert "secret" not in line


@pytest.mark.parametrize("command", ["up", "ingest", "migrate", "doctor"])
def test_a_name_that_is_no_setting_is_said_at_every_start(start: Start, command: str) -> None:
    lines = says(start, command, status=1, VIGIE_DATABSE_URL=NOBODY, VIGIE_DATABASE_URL=NOBODY)
    assert len([line for line in lines if "is VIGIE_DATABASE_URL meant?" in line]) == 1


@pytest.mark.parametrize("command", [["migrate"], ["ingest"], ["up"], ["export", "out.csv"]])
def test_a_database_that_is_away_at_the_start_is_one_line(start: Start, command: list[str]) -> None:
    lines = says(start, *command, status=1, VIGIE_DATABASE_URL=NOBODY, VIGIE_BROKER_URL="mqtt://127.0.0.1:1")
    assert len(lines) == 1
    assert "the database cannot be reached" in lines[0]
    assert "VIGIE_DATABASE_URL" in lines[0]


def test_who_would_be_told_and_when_nobody_is_on_duty_are_commands(start: Start, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        known = {"VIGIE_DATABASE_URL": database_url}
        lines = says(start, "duty", "who", "2026-11-29T03:00", status=0, **known)
        assert lines == [
            "everybody: alert raised Sun 2026-11-29 03:00",
            "  nobody: no one has an address that works (vigie user add … --notify-url)",
        ]
        for role in ("nurse", "cardiologist"):
            enrolment.add_user(
                conn, email=f"{role}@vigie.example", display_name=role.title(), role=role, password="trois-mots",
                notify_url="json://127.0.0.1:9/",
            )  # fmt: skip
        team_id = teams.add(conn, Team(name="Aurillac"), author=1, now=datetime.now(UTC))  # noqa: TID251
        for weekday in range(5):
            teams.add_shift(
                conn, team_id, user_id=1, post="nurse", weekday=weekday, starts=time(8), ends=time(18), author=1,
                now=datetime.now(UTC),  # noqa: TID251
            )  # fmt: skip
        conn.commit()
        told = says(start, "duty", "who", "2026-11-29T03:00", "--team", "Aurillac", status=0, **known)
        assert told[:2] == ["Aurillac: alert raised Sun 2026-11-29 03:00", "  Mon 2026-11-30 08:00  Nurse"]
        assert says(start, "duty", "holes", status=0, **known)[0].startswith("Aurillac: ")
        assert (
            "there is no team called Lyon; there are: Aurillac"
            in says(start, "duty", "who", "--team", "Lyon", status=1, **known)[-1]
        )
        says(start, "duty", "who", "tomorrow", status=2, **known)


@pytest.mark.parametrize(
    "command",
    [
        ["nonsense"],
        ["import"],
        *(["backtest", "x.csv", "--budget", number] for number in ("-1", "inf", "nan", "much")),
        ["budget", "nan"],
        ["user", "add"],
    ],
)
def test_wrong_usage_is_status_2(start: Start, command: list[str]) -> None:
    says(start, *command, status=2)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("VIGIE_API_PORT", ""),
        ("VIGIE_METRICS_PORT", "VIGIE_METRICS_PORT: "),
        ("VIGIE_WEBHOOK_PORT", "VIGIE_WEBHOOK_PORT: "),
        ("VIGIE_WEBHOOK_METRICS_PORT", "VIGIE_WEBHOOK_METRICS_PORT: "),
    ],
)
def test_a_port_that_was_asked_for_and_is_taken_ends_the_start_and_names_its_holder(
    start: Start, setting: str, named: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        webhook = {"VIGIE_WEBHOOK_PORT": str(free_port()), "VIGIE_WEBHOOK_SECRET": "x" * 16}
        lines = says(start, "up", status=1, **webhook | {setting: str(port)})
    assert f"{named}cannot listen on 127.0.0.1, port {port}: " in lines[-1]
    assert "(process " in lines[-1]


def test_migrating_twice_applies_nothing_the_second_time(start: Start) -> None:
    assert "applied 0001_tables" in says(start, "migrate", status=0)
    assert says(start, "migrate", status=0) == ["the database is up to date"]


def test_programs_wait_for_a_person_to_migrate_a_database_that_was_given(start: Start, empty_database_url: str) -> None:
    (line,) = says(
        start, "ingest", status=1, VIGIE_DATABASE_URL=empty_database_url, VIGIE_BROKER_URL="mqtt://127.0.0.1:1"
    )
    assert "run `vigie migrate` first" in line


def test_a_history_goes_in_once_and_comes_out(start: Start, tmp_path: Path) -> None:
    file, out = tmp_path / "readings.csv", tmp_path / "out.csv"
    file.write_text(
        "patient_id,measured_at,weight_kg\nP1,2026-01-05T07:00:00+01:00,80.1\nP2,2026-01-05T08:00:00+01:00,61\n"
    )
    assert says(start, "import", str(file), status=0)[-1].startswith("2 readings stored, 0 known already")
    assert says(start, "import", str(file), status=0)[-1].startswith("0 readings stored, 2 known already")
    says(start, "export", str(out), status=0)
    with out.open() as exported:
        rows = list(csv.DictReader(exported))
    assert [(row["patient_id"], float(row["weight_kg"]), row["state"]) for row in rows] == [
        ("P1", 80.1, "accepted"),
        ("P2", 61.0, "accepted"),
    ]


def test_a_bad_row_is_named_and_nothing_of_the_file_is_stored(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text("patient_id,measured_at,weight_kg\nP1,2026-01-05T07:00:00+01:00,80.1\nP1,yesterday,80.2\n")
    line = says(start, "import", str(file), status=1)[-1]
    assert "row 3" in line
    assert "measured_at" in line
    file.write_text("patient_id,measured_at,weight_kg\nP1,2026-01-05T07:00:00+01:00,80.1\n")
    assert says(start, "import", str(file), status=0)[-1].startswith("1 readings stored")


def test_a_file_that_looks_like_pounds_is_stored_as_it_says_and_told(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text("patient_id,measured_at,weight_kg\nP1,2026-01-05T07:00:00+01:00,176.4\n")
    *_, stored, warned = says(start, "import", str(file), status=0)
    assert stored.startswith("1 readings stored")
    assert warned.startswith("readings.csv: 1 of 1 patients weigh more than 130 kg")


def test_a_file_that_is_not_there_is_one_line(start: Start) -> None:
    (line,) = says(start, "import", "nowhere.csv", status=1)
    assert "No such file" in line


def test_the_doctor_fails_for_what_cannot_work_and_says_what_to_do(start: Start) -> None:
    lines = says(start, "doctor", status=1, VIGIE_DATABASE_URL=NOBODY)
    assert any(line.startswith("FAIL  database") and "VIGIE_DATABASE_URL" in line for line in lines)


@pytest.mark.parametrize("home", ["/proc/vigie", "/dev/null", "/dev/null/vigie"])
def test_the_doctor_fails_for_a_home_in_which_nothing_can_be_kept_and_so_does_what_needs_one(
    start: Start, home: str
) -> None:
    lines = says(start, "doctor", status=1, VIGIE_HOME=home)
    assert any(line.startswith(f"FAIL  VIGIE_HOME   {home} cannot be used") for line in lines)
    (line,) = says(start, "migrate", status=1, VIGIE_HOME=home)
    assert home in line


def test_an_export_to_nowhere_names_the_file_that_was_asked_for(start: Start, database_url: str) -> None:
    (line,) = says(start, "export", "/nope/x.csv", status=1, VIGIE_DATABASE_URL=database_url)
    assert line == "vigie: /nope/x.csv: No such file or directory"


def test_the_doctor_is_content_with_an_empty_machine(start: Start) -> None:
    assert not [line for line in says(start, "doctor", status=0) if line.startswith("FAIL")]


def test_the_doctor_names_the_duty_of_whom_nobody_is_told(
    start: Start, database_url: str, connection: Connection
) -> None:
    def duties() -> list[str]:
        lines = says(start, "doctor", status=0, VIGIE_DATABASE_URL=database_url)
        return [line for line in lines if "nobody is told" in line]

    assert [line.split()[1] for line in duties()] == ["operations", "technical"]
    connection.execute("INSERT INTO contact (duty, url) VALUES ('operations', 'json://127.0.0.1:9/')")
    connection.commit()
    (left,) = duties()
    assert "`vigie contact technical`" in left


def test_a_months_report_is_written_as_both_files_and_a_month_to_come_is_wrong_usage(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    files = [tmp_path / "report.csv", tmp_path / "report.pdf"]
    options = ["--csv", str(files[0]), "--pdf", str(files[1])]
    assert says(start, "report", "2026-01", *options, status=0, VIGIE_DATABASE_URL=database_url) == [
        "0 patients in 2026-01"
    ]
    assert files[0].read_text().startswith("patient_id,days,transmitted,")
    assert files[1].read_bytes().startswith(b"%PDF-")
    says(start, "report", "2099-01", *options, status=2, VIGIE_DATABASE_URL=database_url)
    says(start, "report", "2026-01", status=2, VIGIE_DATABASE_URL=database_url)


def test_control_c_while_a_command_is_still_being_imported_prints_no_traceback() -> None:
    command = ["env", "--default-signal=INT", sys.executable, "-X", "importtime", "-m", "deploy.cli", "doctor"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as vigie:
        assert vigie.stderr
        for line in vigie.stderr:  # a line for each module that has been imported
            if "typer" in line:
                vigie.send_signal(signal.SIGINT)
                break
        said = vigie.stderr.read()
    assert vigie.returncode == -signal.SIGINT
    assert "Traceback" not in said
