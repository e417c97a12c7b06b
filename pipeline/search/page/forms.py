"""What a form of the page sends."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import Request
from starlette.exceptions import HTTPException

from pipeline.search.bodies import media_type, whole_body

MOST_BYTES = 100_000
"""How large a form may be."""

_FORM = "application/x-www-form-urlencoded"


async def fields_of(request: Request, most: int = MOST_BYTES) -> list[tuple[str, str]]:
    """The fields of a form, in their order.

    Args:
        request: that brings it.
        most: how many bytes it may have.

    Raises:
        HTTPException: it is no form, or too large.
    """
    if media_type(request) != _FORM:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {_FORM}")
    body = await whole_body(request, most, "this form")
    fields = parse_qs(body.decode(errors="replace"), max_num_fields=1_000)
    return [(name, value) for name, values in fields.items() for value in values]
