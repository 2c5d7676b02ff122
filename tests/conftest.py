"""The fixtures, by family."""

import pytest

pytest_plugins = [
    "tests.fixtures.assess",
    "tests.fixtures.browser",
    "tests.fixtures.commands",
    "tests.fixtures.servers",
    "tests.fixtures.stack",
    "tests.fixtures.timescale",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the kill tests at full length: many minutes")


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether a test should take the time that it would take to be sure."""
    return bool(request.config.getoption("--long"))
