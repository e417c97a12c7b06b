"""What the page answers where there is nothing to show: what happened, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from pipeline.errors import ConfigurationError, IndexDamaged, NewsloomError, NotFound, Transient
from pipeline.search.page.address import State
from pipeline.search.page.render import page
from pipeline.search.pool import NoIndex

_PROBLEMS: dict[type[NewsloomError], tuple[int, str, str]] = {
    NotFound: (404, "Not found", "not-found"),
    ConfigurationError: (422, "This can’t be searched for", "query"),
    NoIndex: (503, "Nothing to search yet", "no-index"),
    IndexDamaged: (503, "The index can’t be read", "damaged"),
    Transient: (503, "No answer just now", "transient"),
}
"""For each error its status, a heading, and which advice `problem.html` gives."""


class PageRoute(APIRoute):
    """Answers errors with a page, where the API answers with JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except tuple(_PROBLEMS) as error:
                return problem(request, error)

        return answer


def state_of(request: Request) -> State:
    """What the address of a request says."""
    asked = request.query_params
    return State({name: asked.getlist(name) for name in asked})


def problem(request: Request, error: NewsloomError) -> Response:
    """The page for an error; its search box still has what was asked for."""
    status, heading, kind = next(said for of, said in _PROBLEMS.items() if isinstance(error, of))
    return page(
        "problem", state_of(request), status, heading=heading, kind=kind, message=str(error)
    )
