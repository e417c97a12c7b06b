"""Answers in JSON: records as the commands print them, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from pipeline.search.records import Problem

JSON = "application/json"


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A record as the commands print it."""
    return Response(msgspec.json.encode(value), status, headers=headers, media_type=JSON)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that says what went wrong."""
    return as_json(Problem(detail), status, headers)


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to try again, in whole seconds, at least one."""
    return {"Retry-After": str(max(1, round(seconds + 0.499)))}
