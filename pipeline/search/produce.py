"""A producer over HTTP: articles that are posted are put on the raw topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from pipeline.article import Rejection, Submission
from pipeline.config import Settings
from pipeline.errors import NewsloomError, Rejected
from pipeline.log import Outcome
from pipeline.search.answers import as_json, retry_after
from pipeline.search.bodies import media_type
from pipeline.search.context import Context, InContext
from pipeline.search.openapi import PRODUCE
from pipeline.search.publisher import Busy, Result
from pipeline.search.records import Item, NothingProduced, Produced
from pipeline.sources import Located
from pipeline.sources.formats import Found, json_document, json_lines, parse_submission

MOST_ARTICLES = 10_000
"""How many articles a request may bring."""

DURABLE_SECONDS = 30.0
"""How long a request waits until its articles are durable."""

RETRY_SECONDS = 5

LINE_FACTOR = 4
"""JSON can write a character of one byte as six: a line may be so much longer than an article."""

LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/jsonlines"})

router = APIRouter(prefix="/api", default_response_class=Response)


@router.post("/articles", status_code=HTTPStatus.ACCEPTED, openapi_extra=PRODUCE)
async def produce(request: Request, context: InContext) -> Response:
    """Produce articles: an object, an array of them, or one a line (NDJSON).

    The fields are those of `newsloom produce`: only `body` is required. 202 when all that are
    accepted are durable on the raw topic; posting the same again changes nothing, so that a request
    without an answer can be sent again. Where some can be used and some can't, the answer is 202
    and lists the others as rejected; where none can, it is 422.
    """
    read = _reader_of(request, context.settings)
    inputs = await run_in_threadpool(read, await request.body())
    results = await _published(context, inputs)
    items = [_item(*pair) for pair in zip(inputs, results, strict=True)]
    counts = {
        outcome: sum(item.outcome == outcome for item in items)
        for outcome in ("accepted", "unchanged", "rejected")
    }
    context.metrics.produced(counts)
    if counts["rejected"] == len(items):
        detail = items[0].message if items else None
        more = f" (and {len(items) - 1:,} more)" if len(items) > 1 else ""
        said = f"{detail}{more}" if detail else "there is no article in it"
        return as_json(NothingProduced(detail=said, items=items), HTTPStatus.UNPROCESSABLE_ENTITY)
    return as_json(Produced(**counts, items=items), HTTPStatus.ACCEPTED)


async def _published(context: Context, inputs: Sequence[Located]) -> Sequence[Result]:
    if all(isinstance(located.value, Rejection) for located in inputs):
        return [located.value for located in inputs if isinstance(located.value, Rejection)]
    try:
        future = context.publisher.publish(inputs)
    except Busy as error:
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, str(error), retry_after(1)) from None
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), DURABLE_SECONDS)
    except TimeoutError:
        said = f"not durable after {DURABLE_SECONDS:g} seconds; it may become so: send it again"
    except NewsloomError as error:
        said = str(error)
    raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, said, retry_after(RETRY_SECONDS))


def _reader_of(request: Request, settings: Settings) -> Callable[[bytes], list[Located]]:
    kind = media_type(request)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if kind not in LINES and kind != "application/json":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "send Content-Type: application/json, or application/x-ndjson for an article a line",
        )
    if encoding != "identity":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding {encoding} is not read"
        )
    limit = LINE_FACTOR * settings.max_body_bytes
    return partial(_lines, limit=limit) if kind in LINES else _document


def _lines(data: bytes, limit: int) -> list[Located]:
    return _located(json_lines([data], limit))


def _document(data: bytes) -> list[Located]:
    if data.lstrip().startswith(b"["):
        return _located(json_document([data], len(data)))
    try:
        return _located([(parse_submission(data), None)])
    except Rejected as error:
        return _located([(error, None)])


def _located(found: Iterable[Found]) -> list[Located]:
    inputs: list[Located] = []
    try:
        for value, line in found:
            if len(inputs) == MOST_ARTICLES:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"there are more than {MOST_ARTICLES:,} articles; send fewer at a time",
                )
            usable = value if isinstance(value, Submission) else _rejection(value, line)
            inputs.append(Located(usable, "", line))
    except Rejected as error:
        inputs.append(Located(_rejection(error, None), "", None))
    return inputs


def _rejection(error: Rejected, line: int | None) -> Rejection:
    return Rejection(reason=error.reason, message=str(error), line=line)


def _item(located: Located, result: Result) -> Item:
    if isinstance(result, Rejection):
        return Item(
            outcome="rejected",
            id=result.id,
            line=located.line,
            reason=result.reason,
            message=result.message,
        )
    accepted = result.outcome is Outcome.APPENDED
    return Item(outcome="accepted" if accepted else "unchanged", id=result.id, line=located.line)
