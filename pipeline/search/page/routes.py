"""The routes of the page, and what it answers where there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from inspect import isawaitable
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from pipeline.errors import ConfigurationError, IndexDamaged, NotFound, Transient
from pipeline.index import Index
from pipeline.index.query import Query, normalise, page_start, parse_day, parse_text
from pipeline.search.context import Context, InContext
from pipeline.search.page import alerts, export
from pipeline.search.page.address import State
from pipeline.search.page.charts import bars_of
from pipeline.search.page.facets import chips_of, facets_of
from pipeline.search.page.render import page
from pipeline.search.page.ticker import ticker_view

STATIC = Path(__file__).parent / "static"

T = TypeVar("T")
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _NoIndex(Exception):
    """There is nothing that could be searched."""


class _PageRoute(APIRoute):
    """Answers errors with a page that says what to do, where the API answers with JSON."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (ConfigurationError, NotFound, Transient, IndexDamaged, _NoIndex) as error:
                return _problem(request, error)

        return answer


router = APIRouter(route_class=_PageRoute, include_in_schema=False)


def install(app: FastAPI) -> None:
    """Adds the page to an application: its routes, its files, and a page for unknown addresses."""
    app.include_router(router)
    app.include_router(alerts.router)
    app.mount("/static", _Static(directory=STATIC), name="static")

    others = app.exception_handlers[HTTPException]

    async def unknown(request: Request, error: Exception) -> Any:
        assert isinstance(error, HTTPException)
        if error.status_code == HTTPStatus.NOT_FOUND and _is_for_people(request):
            return _problem(request, NotFound("There is no such page."))
        answer = others(request, error)
        return await answer if isawaitable(answer) else answer

    app.add_exception_handler(HTTPException, unknown)


def _is_for_people(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(
        ("/api/", "/static/")
    )


class _Static(StaticFiles):
    """Files that are asked for again each time, and sent again only where they changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


@router.get("/")
def results(request: Request, context: InContext) -> Response:
    """Articles that are found, with filters; the latest ones where nothing is asked for."""
    state = _state(request)
    query = _query(state)
    found = _asked(context, lambda index: index.search(query))
    if state.is_empty and not found.total:
        raise _NoIndex("The index is there, and has no articles yet.")
    return page(
        "results",
        state,
        found=found,
        first=page_start(query) + 1,
        facets=facets_of(found.facets, state),
        chips=chips_of(state),
        chart=bars_of(found.histogram, state),
        before=state.before(),
        after=state.url(after=found.next) if found.next else None,
    )


@router.get("/articles/{article_id:path}")
def article(article_id: str, context: InContext) -> Response:
    """One article with its entities marked."""
    found = _asked(context, lambda index: index.get(article_id))
    if found is None:
        raise NotFound(
            "There is no article with this id: it may have been withdrawn, or was never here."
        )
    near = _asked(context, lambda index: index.near_duplicates(found))
    return page("article", State({}), article=found, near=near)


@router.get("/tickers/{symbol:path}")
def ticker(symbol: str, request: Request, context: InContext) -> Response:
    """One ticker: its sentiment and volume over time, its latest articles."""
    last = request.query_params.get("to", "").strip()
    moment = parse_day(last) if last else None
    symbol = normalise("ticker", symbol)
    view = _asked(context, lambda index: ticker_view(index, symbol, moment))
    if not view.found.total:
        raise NotFound(f"No article names the ticker {symbol}.")
    return page("ticker", State({"ticker": [symbol]}), view=view)


@router.get("/live")
def live(request: Request) -> Response:
    """Articles as they arrive, with the filters of a search."""
    state = _state(request).of_filters
    _query(state)
    return page("live", state, chips=chips_of(state, "/live"))


@router.get("/export.csv")
def export_csv(request: Request, context: InContext) -> Response:
    """A result for tables."""
    query = _query(_state(request))
    found = _asked(context, lambda index: export.articles(index, query))
    return _file(StreamingResponse(export.as_csv(found), media_type="text/csv"), "csv")


@router.get("/export.json")
def export_json(request: Request, context: InContext) -> Response:
    """A result for programs."""
    query = _query(_state(request))
    found = _asked(context, lambda index: export.articles(index, query))
    return _file(StreamingResponse(export.as_json(found), media_type="application/json"), "json")


def _file(response: Response, ending: str) -> Response:
    response.headers["content-disposition"] = f'attachment; filename="newsloom.{ending}"'
    return response


def _state(request: Request) -> State:
    asked = request.query_params
    return State({name: asked.getlist(name) for name in asked})


def _query(state: State) -> Query:
    """The search of a state, checked before any index sees it."""
    query = state.query
    parse_text(query.text)
    page_start(query)
    return query


def _asked(context: Context, question: Callable[[Index], T]) -> T:
    """An index's answer to a question that is sound: what is wrong now is the index."""
    try:
        return question(context.index)
    except ConfigurationError as error:
        raise _NoIndex(str(error)) from None


_PROBLEMS: dict[type[Exception], tuple[int, str, str]] = {
    NotFound: (404, "Not found", "not-found"),
    ConfigurationError: (422, "This can’t be searched for", "query"),
    _NoIndex: (503, "Nothing to search yet", "no-index"),
    IndexDamaged: (503, "The index can’t be read", "damaged"),
    Transient: (503, "The index does not answer", "transient"),
}


def _problem(request: Request, error: Exception) -> Response:
    status, heading, kind = next(
        problem for of, problem in _PROBLEMS.items() if isinstance(error, of)
    )
    return page("problem", _state(request), status, heading=heading, kind=kind, message=str(error))
