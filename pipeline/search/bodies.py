"""What requests bring: of which type it is, and all of it, up to a size."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request


def media_type(request: Request) -> str:
    """The type of a request's body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def whole_body(request: Request, most: int, what: str) -> bytes:
    """The body of a request.

    Args:
        request: that brings it.
        most: how many bytes it may have.
        what: it is, for people.

    Raises:
        HTTPException: it is larger.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{what} has up to {most:,} bytes"
            )
    return bytes(body)
