"""The OpenAPI document is true: what it says of requests and answers holds for the real server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks

from pipeline.search.server import Server
from tests.search.conftest import client_of

OPERATIONS = {
    "GET /api/search",
    "GET /api/articles/{article_id}",
    "POST /api/articles",
    "GET /api/suggest",
    "GET /api/trends",
    "GET /api/stream",
    "GET /api/alerts",
    "POST /api/alerts",
    "DELETE /api/alerts/{name}",
    "GET /api/alerts/recent",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
}

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]


def test_the_document_names_every_operation_and_its_answers(client: httpx.Client) -> None:
    document = client.get("/api/openapi.json").json()
    found = {
        f"{m.upper()} {path}": o for path, ms in document["paths"].items() for m, o in ms.items()
    }
    assert found.keys() == OPERATIONS
    for name, operation in found.items():
        assert operation["description"], name
        for status, answer in operation["responses"].items():
            assert answer["description"], (name, status)
            assert answer.get("content") or status == "204", (name, status)


def test_only_what_needs_a_token_is_said_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    from pipeline.config import Settings
    from pipeline.search.server import serving

    token = "a-token-of-enough-characters"
    settings_ = Settings(data=tmp_path_factory.mktemp("data"), token=token)
    shown = {"Authorization": f"Bearer {token}"}
    with serving(settings_, "127.0.0.1", 0) as server, client_of(server, headers=shown) as client:
        document = client.get("/api/openapi.json").json()
    assert document["paths"]["/health/ready"]["get"]["security"] == []
    assert document["paths"]["/metrics"]["get"]["security"] == [{"token": []}]


@pytest.fixture(scope="module")
def api(server: Server) -> BaseSchema:
    """The document as the server gives it."""
    return schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("name", sorted(OPERATIONS - {"GET /api/stream"}))
def test_requests_and_answers_are_as_the_document_says(
    api: BaseSchema, name: str, mode: GenerationMode
) -> None:
    method, path = name.split()
    operation = api[path][method]

    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def check(case: Case[Any]) -> None:
        case.call_and_validate(timeout=30, checks=CHECKS)

    try:
        check()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # there is nothing that could be wrong
