import pytest

from schemas.settings import BadSettingsError, read_settings


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
