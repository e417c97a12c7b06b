"""The API of saved searches and alerts: what `newsloom alerts` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from pipeline.alerts.recent import MOST, Recent
from pipeline.alerts.records import (
    Alert,
    JustSaved,
    ShownSearch,
    just_saved,
    new_search,
    shown,
)
from pipeline.alerts.searches import Searches, add, remove
from pipeline.alerts.webhook import networks_of, unreachable
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, NotFound, Transient
from pipeline.index.query import parse_day
from pipeline.log import Log, open_log

MOST_BYTES = 100_000
"""How large what is posted may be."""

T = TypeVar("T")


class NewSearch(msgspec.Struct, forbid_unknown_fields=True):
    """What is posted to save a search, with the values that `newsloom alerts add` takes.

    `from` and `to` are days or moments, ISO 8601, both included.
    """

    name: str
    query: str = ""
    filters: dict[str, list[str]] = {}
    since: str | None = msgspec.field(name="from", default=None)
    until: str | None = msgspec.field(name="to", default=None)
    webhook: str | None = None
    secret: str | None = None


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
        self._thread.submit(self._let_go).result()
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


_InDesk = Annotated[Desk, Depends(_desk_of)]

router = APIRouter(prefix="/alerts", tags=["alerts"])


def _inlined(kind: type) -> dict[str, Any]:
    """The JSON Schema of a record, without references: a part of the OpenAPI document."""
    (schema,), parts = msgspec.json.schema_components([kind])

    def put_in(node: Any) -> Any:
        if isinstance(node, list):
            return [put_in(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return put_in(parts[node["$ref"].rsplit("/", 1)[-1]])
        return {key: put_in(value) for key, value in node.items()}

    inlined: dict[str, Any] = put_in(schema)
    return inlined


def _answers(said: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": said, "content": {"application/json": {"schema": schema}}}


def _fails(*statuses: int) -> dict[int | str, dict[str, Any]]:
    detail = {"type": "object", "required": ["detail"], "properties": {"detail": {}}}
    return {status: _answers(_SAID[status], detail) for status in (*statuses, 503)}


_SAID = {
    404: "There is none of that name.",
    413: f"It has more than {MOST_BYTES:,} bytes.",
    415: "It is not application/json.",
    422: "Something of it is not allowed; `detail` says what.",
    503: "The log can't be read or written now.",
}


@router.get(
    "",
    summary="The saved searches",
    responses={
        200: _answers("By name.", {"type": "array", "items": _inlined(ShownSearch)}),
        **_fails(),
    },
)
async def list_searches(desk: _InDesk) -> Response:
    """The saved searches, without their secrets."""
    return _as_json(await desk.searches())


@router.post(
    "",
    status_code=201,
    summary="Save a search",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(NewSearch)}},
        }
    },
    responses={201: _answers("Saved.", _inlined(JustSaved)), **_fails(413, 415, 422)},
)
async def save_search(request: Request, desk: _InDesk) -> Response:
    """Save a search: each new article that it finds is an alert from now on.

    The answer has the secret, if one was made, for the only time.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # a page of others can send anything else without asking
        return _failed(415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return _failed(413)
    try:
        new = msgspec.json.decode(body, type=NewSearch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"not a search to save: {error}") from None
    return _as_json(await desk.add(new), 201)


@router.delete(
    "/{name}",
    status_code=204,
    summary="Remove a saved search",
    responses={204: {"description": "It is no more."}, **_fails(404, 422)},
)
async def remove_search(name: str, desk: _InDesk) -> Response:
    """Remove a saved search, with its secret."""
    try:
        await desk.remove(name)
    except NotFound:
        return _failed(404)
    return Response(status_code=204)


@router.get(
    "/recent",
    summary="The latest alerts",
    responses={
        200: _answers("The newest first.", {"type": "array", "items": _inlined(Alert)}),
        **_fails(422),
    },
)
async def recent_alerts(
    desk: _InDesk,
    search: Annotated[str | None, Query(description="Of this saved search alone.")] = None,
    size: Annotated[int, Query(ge=0, le=MOST)] = 50,
) -> Response:
    """The latest alerts, of the last week."""
    return _as_json(await desk.latest(size, search))


def _as_json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _failed(status: int) -> Response:
    return _as_json({"detail": _SAID[status]}, status)
