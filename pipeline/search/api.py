"""The API: the same questions as the commands ask, the same JSON as they answer."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from pipeline.search.context import InContext
from pipeline.search.parameters import query_of

router = APIRouter()


@router.get("/search")
def search(request: Request, context: InContext) -> Response:
    """Find articles by words and by their labels."""
    asked = {name: request.query_params.getlist(name) for name in request.query_params}
    return as_json(context.index.search(query_of(asked)))


def as_json(value: Any, status: int = 200) -> Response:
    """A record as the commands print it."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
