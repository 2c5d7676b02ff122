import re
from pathlib import Path

import pytest

from schemas.settings import BadSettingsError, Settings, misspelt, read_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIGIE_DATABASE_URL", "mysql://root@127.0.0.1/vigie"),
        ("VIGIE_BROKER_URL", "http://127.0.0.1:1883"),
        ("VIGIE_BROKER_URL", "mqtt://"),
        ("VIGIE_API_PORT", "eighty"),
        ("VIGIE_API_PORT", "70000"),
        ("VIGIE_LOG_FORMAT", "xml"),
        ("VIGIE_CLOCK", "rate=fast"),
        ("VIGIE_BROKER__CA", "typo.pem"),
    ],
)
def test_a_bad_value_is_named_in_one_line_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSettingsError) as error:
        read_settings()

    assert name in str(error.value)
    assert "\n" not in str(error.value)
    assert value not in str(error.value)


def test_nested_settings_use_two_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_BROKER__CA_FILE", "ca.pem")

    assert str(read_settings().broker.ca_file) == "ca.pem"


def test_the_database_address_never_shows_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_DATABASE_URL", "postgresql://vigie:geheim@127.0.0.1/vigie")

    assert "geheim" not in repr(read_settings())


@pytest.mark.parametrize("name", ["VIGIE_HOME", "VIGIE_DATABASE_URL", "VIGIE_API_HOST", "VIGIE_WEBHOOK_HOST"])
def test_an_empty_value_is_refused_instead_of_meaning_the_working_directory_or_every_interface(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "")

    with pytest.raises(BadSettingsError, match=f"{name}: is empty"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("VIGIE_DATABSE_URL", "VIGIE_DATABSE_URL is ignored: there is no such setting; is VIGIE_DATABASE_URL meant?"),
        ("VIGIE_DATABASE__URL", "is VIGIE_DATABASE_URL meant?"),
        ("VIGIE_BROKR__CA_FILE", "is VIGIE_BROKER__CA_FILE meant?"),
        ("vigie_api_prot", "is VIGIE_API_PORT meant?"),
        ("VIGIE_XYZZY", "the README lists them all"),
    ],
)
def test_a_name_that_is_no_setting_is_told_with_the_nearest_that_is(
    monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setenv(name, "geheim")

    [sentence] = misspelt()

    assert says in sentence
    assert "geheim" not in sentence


def test_every_setting_of_the_readme_is_one_and_none_is_missing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    table = (Path(__file__).parents[2] / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `VIGIE_")]
    told = {name for row in rows for name in re.findall(r"VIGIE_[A-Z_]+", row)}
    for name in told:
        monkeypatch.setenv(name, "1")

    assert misspelt() == []
    assert {f"VIGIE_{name}".upper() for name in Settings.model_fields} <= told | {name.split("__")[0] for name in told}


def test_a_misspelt_part_of_a_setting_is_told_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_INGEST__WORKR", "2")

    with pytest.raises(BadSettingsError, match=r"^VIGIE_INGEST__WORKR: .* is VIGIE_INGEST__WORKER meant\?$"):
        read_settings()
