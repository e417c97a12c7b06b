"""The page of alerts: what was found for whom, the saved searches, and a form for another one."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from pipeline.alerts.records import Alert, ShownSearch
from pipeline.errors import ConfigurationError, NotFound
from pipeline.search.alerts_api import Desk, InDesk
from pipeline.search.page.address import State
from pipeline.search.page.facets import Chip, chips_of
from pipeline.search.page.forms import fields_of
from pipeline.search.page.problems import PageRoute
from pipeline.search.page.render import page
from pipeline.search.records import NewSearch

MOST_ALERTS = 50
"""How many alerts are shown."""

_SEE_OTHER = 303

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class Saved(NamedTuple):
    """A saved search as it is shown: its words, what it is narrowed by, and the search itself."""

    search: ShownSearch
    chips: list[Chip]
    url: str


@router.get("/alerts")
async def alerts(request: Request, desk: InDesk) -> Response:
    """Alerts and saved searches; with a search in the address, the form that saves it."""
    return await _shown(desk, _wanted(request.query_params.multi_items()))


@router.post("/alerts")
async def save(request: Request, desk: InDesk) -> Response:
    """Saves a search under a name."""
    fields = await fields_of(request)
    state, name = _wanted(fields), dict(fields).get("name", "").strip()
    new = NewSearch(
        name=name,
        query=state.text,
        filters=state.filters,
        since=state.one("from") or None,
        until=state.one("to") or None,
    )
    try:
        await desk.add(new)
    except ConfigurationError as error:
        return await _shown(desk, state, name=name, error=str(error), status=422)
    return RedirectResponse("/alerts", _SEE_OTHER)


@router.post("/alerts/remove")
async def remove(request: Request, desk: InDesk) -> Response:
    """Removes a saved search; one that is not there any more is as good as removed."""
    with suppress(NotFound):
        await desk.remove(dict(await fields_of(request)).get("name", ""))
    return RedirectResponse("/alerts", _SEE_OTHER)


async def _shown(
    desk: Desk, wanted: State, *, name: str = "", error: str = "", status: int = 200
) -> Response:
    saved = [_saved(search) for search in await desk.searches()]
    found: list[Alert] = await desk.latest(MOST_ALERTS, None)
    return page(
        "alerts",
        State({}),
        status,
        saved=saved,
        found=found,
        wanted=wanted,
        chips=chips_of(wanted),
        name=name,
        error=error,
    )


def _saved(search: ShownSearch) -> Saved:
    last = search.until - timedelta(milliseconds=1) if search.until else None
    state = State(
        {
            "q": [search.query],
            **search.filters,
            "from": [search.since.isoformat()] if search.since else [],
            "to": [last.isoformat()] if last else [],
        }
    )
    return Saved(search, chips_of(state), state.url())


def _wanted(fields: list[tuple[str, str]]) -> State:
    """The search of an address or a form, without what only matters to how it is shown."""
    given: dict[str, list[str]] = {}
    for name, value in fields:
        if name not in ("sort", "collapse", "size", "after"):
            given.setdefault(name, []).append(value)
    return State(given)
