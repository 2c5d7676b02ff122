"""The fixtures, by family."""

pytest_plugins = [
    "tests.fixtures.servers",
]
