"""Whether the server is alive, and whether it has what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

import anyio.to_thread
from fastapi import APIRouter, Request, Response

from pipeline.errors import NewsloomError
from pipeline.search.answers import as_json
from pipeline.search.context import InContext
from pipeline.search.openapi import LIVE, READY
from pipeline.search.records import Live, Ready

ANSWER_SECONDS = 5.0
"""How long an answer of the log, or of the index, is waited for."""

router = APIRouter(prefix="/health", default_response_class=Response)


@router.get("/live", openapi_extra=LIVE)
async def live() -> Response:
    """Whether the process answers: it is started anew where it does not."""
    return as_json(Live())


@router.get("/ready", openapi_extra=READY)
async def ready(request: Request, context: InContext) -> Response:
    """Whether the log and the index answer; 503 where one does not."""

    async def log() -> None:
        await asyncio.wrap_future(context.publisher.publish([]))

    async def index() -> None:
        # Who asks does not wait for the thread, which an index that hangs may hold.
        await anyio.to_thread.run_sync(context.index.count, abandon_on_cancel=True)

    errors = await asyncio.gather(_error_of(log()), _error_of(index()))
    why = {name: error for name, error in zip(("log", "index"), errors, strict=True) if error}
    said = Ready(
        status="unavailable" if why else "ok",
        missing=list(why),  # type: ignore[arg-type]
        why=why if request.state.authorised else {},
    )
    return as_json(said, HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK)


async def _error_of(question: Awaitable[None]) -> str | None:
    try:
        await asyncio.wait_for(question, ANSWER_SECONDS)
    except TimeoutError:
        return f"no answer within {ANSWER_SECONDS:g} s"
    except NewsloomError as error:
        return str(error)
    return None
