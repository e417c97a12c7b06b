"""The routes of the page."""

from __future__ import annotations

from http import HTTPStatus
from inspect import isawaitable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from pipeline.errors import NotFound
from pipeline.index.query import normalise, page_start, parse_day
from pipeline.search.context import InContext
from pipeline.search.page import alerts, export, login
from pipeline.search.page.address import State
from pipeline.search.page.charts import bars_of
from pipeline.search.page.facets import chips_of, facets_of
from pipeline.search.page.problems import PageRoute, problem, state_of
from pipeline.search.page.render import page
from pipeline.search.page.ticker import ticker_view
from pipeline.search.pool import NoIndex

STATIC = Path(__file__).parent / "static"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def install(app: FastAPI) -> None:
    """Adds the page to an application: its routes, its files, and a page for unknown addresses."""
    app.include_router(router)
    app.include_router(alerts.router)
    app.include_router(login.router)
    app.mount("/static", _Static(directory=STATIC), name="static")

    others = app.exception_handlers[HTTPException]

    async def unknown(request: Request, error: Exception) -> Any:
        assert isinstance(error, HTTPException)
        if error.status_code == HTTPStatus.NOT_FOUND and _is_for_people(request):
            return problem(request, NotFound("There is no such page."))
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
    state = state_of(request)
    query = state.query
    found = context.index.search(query)
    if state.is_empty and not found.total:
        raise NoIndex("The index is there, and has no articles yet.")
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
    found = context.index.get(article_id)
    if found is None:
        raise NotFound(
            "There is no article with this id: it is not indexed yet, withdrawn, or never was here."
        )
    near = context.index.near_duplicates(found)
    return page("article", State({}), article=found, near=near)


@router.get("/tickers/{symbol:path}")
def ticker(symbol: str, request: Request, context: InContext) -> Response:
    """One ticker: its sentiment and volume over time, its latest articles."""
    last = request.query_params.get("to", "").strip()
    moment = parse_day(last) if last else None
    symbol = normalise("ticker", symbol)
    view = ticker_view(context.index, symbol, moment)
    if not view.found.total:
        raise NotFound(f"No article names the ticker {symbol}.")
    return page("ticker", State({}), view=view, about=State({"ticker": [symbol]}))


@router.get("/live")
def live(request: Request) -> Response:
    """Articles as they arrive, with the filters of a search."""
    state = state_of(request).of_filters
    chips = chips_of(state, "/live") if state.query.filters else []
    return page("live", state, chips=chips)


@router.get("/export.csv")
def export_csv(request: Request, context: InContext) -> Response:
    """A result for tables."""
    found = export.articles(context.index, state_of(request).query)
    return _file(StreamingResponse(export.as_csv(found), media_type="text/csv"), "csv")


@router.get("/export.json")
def export_json(request: Request, context: InContext) -> Response:
    """A result for programs."""
    found = export.articles(context.index, state_of(request).query)
    return _file(StreamingResponse(export.as_json(found), media_type="application/json"), "json")


def _file(response: Response, ending: str) -> Response:
    response.headers["content-disposition"] = f'attachment; filename="newsloom.{ending}"'
    return response
