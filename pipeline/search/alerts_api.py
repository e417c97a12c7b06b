"""The API of saved searches and alerts: what `newsloom alerts` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from pipeline.alerts.recent import MOST, Recent
from pipeline.alerts.records import Alert, JustSaved, ShownSearch, just_saved, new_search, shown
from pipeline.alerts.searches import Searches, add, remove
from pipeline.alerts.webhook import networks_of, unreachable
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, NotFound, Transient
from pipeline.index.query import parse_day
from pipeline.log import Log, open_log
from pipeline.search.answers import JSON, as_json, problem
from pipeline.search.bodies import media_type, whole_body
from pipeline.search.openapi import RECENT, REMOVE, SAVE, SEARCHES
from pipeline.search.parameters import asked_of, last, number
from pipeline.search.records import NewSearch

MOST_BYTES = 100_000
"""How large what is posted may be."""

T = TypeVar("T")


class Desk:
    """Where all routes ask the log: in one thread, which alone may use it.

    Args:
        settings: where the log is; it is opened when it is first needed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._thread = ThreadPoolExecutor(1, "alerts")
        self._log: Log | None = None
        self._searches: Searches | None = None
        self._recent: Recent | None = None

    async def add(self, new: NewSearch) -> JustSaved:
        """Saves a search.

        Raises:
            ConfigurationError: something of it is not allowed.
        """
        wanted = new_search(
            new.name,
            new.query,
            filters=new.filters,
            since=parse_day(new.since) if new.since else None,
            until=parse_day(new.until, last=True) if new.until else None,
            webhook=new.webhook,
            secret=new.secret,
        )
        networks = networks_of(self.settings.webhook_networks)
        warning = await asyncio.to_thread(unreachable, wanted.webhook, networks)
        saved = await self._do(lambda log: add(log, wanted))
        return just_saved(saved, made_secret=new.secret is None, warning=warning)

    async def searches(self) -> list[ShownSearch]:
        """The saved searches, by name."""

        def read(log: Log) -> list[ShownSearch]:
            if self._searches is None:
                self._searches = Searches(log)
            self._searches.refresh()
            return sorted(map(shown, self._searches), key=lambda search: search.name)

        return await self._do(read)

    async def remove(self, name: str) -> None:
        """Removes a saved search.

        Raises:
            NotFound: there is none of that name.
        """
        await self._do(lambda log: remove(log, name))

    async def latest(self, size: int, name: str | None) -> list[Alert]:
        """The latest alerts, the newest first."""

        def read(log: Log) -> list[Alert]:
            if self._recent is None:
                self._recent = Recent(log)
            return self._recent.latest(size, name)

        return await self._do(read)

    def close(self) -> None:
        """Lets go of the log."""
        try:
            letting_go = self._thread.submit(self._let_go)
        except RuntimeError:
            return  # it was closed before
        letting_go.result()
        self._thread.shutdown()

    async def _do(self, ask: Callable[[Log], T]) -> T:
        def in_thread() -> T:
            if self._log is None:
                self._log = open_log(self.settings)
            try:
                return ask(self._log)
            except Transient:
                self._let_go()  # what it read last may be half of something
                raise

        return await asyncio.wrap_future(self._thread.submit(in_thread))

    def _let_go(self) -> None:
        if self._log is not None:
            self._log.close()
        self._log = self._searches = self._recent = None


def _desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.alerts
    return desk


InDesk = Annotated[Desk, Depends(_desk_of)]

router = APIRouter(prefix="/api/alerts", default_response_class=Response)


@router.get("", openapi_extra=SEARCHES)
async def list_searches(request: Request, desk: InDesk) -> Response:
    """The saved searches, without their secrets."""
    asked_of(request, SEARCHES)
    return as_json(await desk.searches())


@router.post("", status_code=HTTPStatus.CREATED, openapi_extra=SAVE)
async def save_search(request: Request, desk: InDesk) -> Response:
    """Save a search: each new article that it finds is an alert from now on.

    The answer has the secret, if one was made, for the only time.
    """
    if media_type(request) != JSON:  # a page of others can send anything else without asking
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send Content-Type: {JSON}")
    body = await whole_body(request, MOST_BYTES, "a search to save")
    try:
        new = msgspec.json.decode(body, type=NewSearch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"not a search to save: {error}") from None
    return as_json(await desk.add(new), HTTPStatus.CREATED)


@router.get("/recent", openapi_extra=RECENT)
async def recent_alerts(request: Request, desk: InDesk) -> Response:
    """The latest alerts, of the last week."""
    asked = asked_of(request, RECENT)
    size = number(asked, "size", default=50, most=MOST)
    return as_json(await desk.latest(size, last(asked, "search") or None))


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT, openapi_extra=REMOVE)
async def remove_search(request: Request, desk: InDesk) -> Response:
    """Remove a saved search, with its secret."""
    name = request.path_params["name"]
    try:
        await desk.remove(name)
    except NotFound:
        return problem(HTTPStatus.NOT_FOUND, f"no search of the name {name}")
    return Response(status_code=HTTPStatus.NO_CONTENT)
