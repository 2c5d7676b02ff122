"""Whatever is sent to any address that the OpenAPI description knows, nothing breaks: no 500."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from clinician_api.app import create_app
from schemas.settings import Settings
from tests.clinician_api.conftest import CLOCK, Site

DESCRIPTION = create_app(Settings.model_validate({"database_url": "postgresql://127.0.0.1/x"}), clock=CLOCK).openapi()
LEFT_OUT = {"/live", "/sign-out", "/healthz"}
"""An endless stream; what would sign the rest out; and what says 503 when no program's heart beats, as here."""
EXAMPLES = 6
"""For each operation and each of the two modes: what fits the description, and what does not."""


def test_nothing_that_is_sent_breaks_the_dashboard(clinic: Site) -> None:
    client = clinic.signed_in()
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found
    broken: list[str] = []
    tried: dict[str, int] = {}

    def send(case: Case[Any]) -> None:
        if isinstance(case.body, dict):
            case.body["csrf"] = found[1]  # past the door, to what stands behind it
        answer = case.call(base_url=clinic.url, cookies=dict(client.cookies), allow_redirects=False, timeout=20)
        tried[case.operation.label] = tried.get(case.operation.label, 0) + 1
        if answer.status_code >= 500:
            broken.append(f"{answer.status_code} {case.as_curl_command()}")

    for result in schemathesis.openapi.from_dict(DESCRIPTION).get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path in LEFT_OUT:
            continue
        for mode in GenerationMode:
            _send_some(operation, mode, send)
    assert broken == []
    assert len(tried) > 40
    assert sum(tried.values()) > 5 * len(tried)


def _send_some(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, send: Callable[[Case[Any]], None]
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def some(case: Case[Any]) -> None:
        send(case)

    with suppress(Unsatisfiable):  # nothing can violate a description without parameters
        some()
