"""The fixtures, by family."""

pytest_plugins = [
    "tests.fixtures.browser",
    "tests.fixtures.commands",
    "tests.fixtures.servers",
    "tests.fixtures.stack",
    "tests.fixtures.timescale",
]
