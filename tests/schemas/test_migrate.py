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
