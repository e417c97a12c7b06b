"""The API: the same questions as the commands ask, the same JSON as they answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast, get_args

from fastapi import APIRouter, Request, Response

from pipeline.errors import ConfigurationError, NewsloomError
from pipeline.index.matching import matcher
from pipeline.index.query import normalise, parse_day
from pipeline.search.answers import as_json, problem, retry_after
from pipeline.search.context import InContext
from pipeline.search.openapi import (
    ARTICLE,
    MOST_SUGGESTIONS,
    MOST_TRENDS,
    PREFIX_CHARACTERS,
    SEARCH,
    STREAM,
    SUGGEST,
    TRENDS,
)
from pipeline.search.parameters import asked_of, filters_of, flag, last, number, query_of
from pipeline.search.stream import EventStream, TooMany, decode_places
from pipeline.trends import Window, WindowName, window_at

router = APIRouter(prefix="/api", default_response_class=Response)


@router.get("/search", openapi_extra=SEARCH)
def search(request: Request, context: InContext) -> Response:
    """Find articles by words and by their labels."""
    return as_json(context.index.search(query_of(asked_of(request, SEARCH))))


@router.get("/articles/{article_id:path}", openapi_extra=ARTICLE)
def article(request: Request, context: InContext) -> Response:
    """One article, with its labels."""
    article_id = request.path_params["article_id"]
    found = context.index.get(article_id)
    return as_json(found) if found else problem(404, f"there is no article {article_id}")


@router.get("/suggest", openapi_extra=SUGGEST)
def suggest(request: Request, context: InContext) -> Response:
    """Tickers and names that begin so, to complete what somebody types."""
    asked = asked_of(request, SUGGEST)
    prefix = last(asked, "q")
    if len(prefix) > PREFIX_CHARACTERS:
        raise ConfigurationError(f"q: expected up to {PREFIX_CHARACTERS} characters")
    size = number(asked, "size", default=10, most=MOST_SUGGESTIONS)
    return as_json(context.index.suggest(prefix, size) if prefix and size else [])


@router.get("/trends", openapi_extra=TRENDS)
def trends(request: Request, context: InContext) -> Response:
    """What is said of tickers within an hour or a day."""
    asked = asked_of(request, TRENDS)
    symbols = [normalise("ticker", value) for value in asked.get("symbol", ()) if value.strip()]
    if len(symbols) > MOST_TRENDS:
        raise ConfigurationError(f"symbol: expected up to {MOST_TRENDS}")
    name = last(asked, "window") or "24h"
    if name not in get_args(WindowName):
        raise ConfigurationError(f"window: expected one of {', '.join(get_args(WindowName))}")
    size = number(asked, "size", default=10, least=1, most=MOST_TRENDS)
    window = _window(cast("WindowName", name), last(asked, "at"))
    return as_json(context.index.trends(window, symbols, size))


@router.get("/stream", openapi_extra=STREAM)
async def stream(request: Request, context: InContext) -> Response:
    """Enriched articles as they come, as server-sent events.

    Corrections and withdrawals are articles like others: of two with an `id` the one with the
    greater `revision` holds. Withdrawals pass all filters but those by source.
    """
    asked = asked_of(request, STREAM)
    wanted = matcher(filters_of(asked))
    place = request.headers.get("last-event-id") or last(asked, "after")
    places = decode_places(place) if place else None
    try:
        opened = await context.streams.open(
            wanted, places, from_beginning=flag(asked, "from_beginning")
        )
    except TooMany as error:
        return problem(429, str(error), retry_after(5))
    except NewsloomError as error:
        return problem(503, str(error), retry_after(5))
    return EventStream(opened)


def _window(name: WindowName, at: str) -> Window:
    try:
        moment = parse_day(at, last=True) - timedelta(milliseconds=1) if at else datetime.now(UTC)
        return window_at(name, moment)
    except OverflowError:
        raise ConfigurationError(f"at: {at!r} is too far away") from None
