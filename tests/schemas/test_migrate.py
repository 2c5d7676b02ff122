import psycopg
import pytest

from schemas import database, migrate


def test_a_migrated_database_has_nothing_left_to_apply(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        assert list(migrate.migrate(conn)) == []


def test_a_file_changed_after_it_was_applied_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE migration SET sha256 = 'another' WHERE name = '0001_tables'")
        conn.commit()
        with pytest.raises(migrate.MigrationError, match="0001_tables was changed"):
            list(migrate.migrate(conn))


@pytest.mark.parametrize(
    ("at_work", "chosen", "expected"), [(False, None, []), (True, None, ["guideline"]), (True, "macd", ["macd"])]
)
def test_an_update_changes_the_detector_of_no_clinic_that_is_at_work(
    connection: database.Connection, at_work: bool, chosen: str | None, expected: list[str]
) -> None:
    if at_work:
        connection.execute("INSERT INTO patient (patient_id, enrolled_at) VALUES ('P1', now())")
        connection.execute("""
            INSERT INTO assessment (patient_id, at, assessed_at, detector, version, score, threshold)
            VALUES ('P1', now(), now(), 'guideline', '1', 0, 2)
        """)
    if chosen:
        connection.execute(
            "INSERT INTO detector_choice (duty, detector, recorded_at) VALUES ('alerting', %s, now())", [chosen]
        )
    connection.execute("DELETE FROM migration WHERE name = '0124_kept_guideline'")
    connection.commit()
    assert list(migrate.migrate(connection)) == ["0124_kept_guideline"]
    rows = connection.execute("SELECT detector FROM detector_choice WHERE duty = 'alerting'").fetchall()
    assert [row[0] for row in rows] == expected


@pytest.mark.parametrize(
    ("service", "statement"),
    [
        ("ingest", "INSERT INTO episode DEFAULT VALUES"),
        ("ingest", "SELECT family_name FROM patient_identity"),
        ("ingest", "UPDATE reading SET weight_kg = 80"),
        ("alerts", "INSERT INTO reading DEFAULT VALUES"),
        ("alerts", "SELECT family_name FROM patient_identity"),
        ("alerts", "SELECT password_hash FROM app_user"),
        ("alerts", "SELECT number FROM patient_phone"),
        ("alerts", "SELECT note FROM journal_entry"),
        ("ingest", "INSERT INTO given_weight DEFAULT VALUES"),
        ("api", "UPDATE episode SET state = 'closed'"),
        ("api", "DELETE FROM audit"),
    ],
)
def test_a_service_may_not_touch_what_is_not_its_own(
    database_url: str, service: database.Service, statement: str
) -> None:
    with (
        database.connect(database_url, service=service) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(statement.encode())
