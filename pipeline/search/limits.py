"""How much one client may ask for: requests a second, the size of a body, and its time."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.search.answers import problem, retry_after

BURST_SECONDS = 5
"""A client that was silent may send the requests of so many seconds at once."""

MOST_CLIENTS = 10_000
"""Of so many clients it is known what they sent; the one that was silent longest is forgotten."""

BODY_SECONDS = 30.0
"""How long a client may take to send a body."""

BODIES_IN_HAND = 8
"""The bodies of all requests together may have so many times the size that one may have."""

UNLIMITED = "/health/live"
"""Asked by who watches over the process: always answered."""


class Buckets:
    """A token bucket for each client. Not to be shared between threads.

    Args:
        rate: requests a second.
        clock: gives seconds that never go back.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(rate * BURST_SECONDS, 1.0)
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Takes one request of a client's; else how many seconds it has to wait for the next."""
        now = self._clock()
        left, since = self._clients.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        taken = left >= 1
        self._clients[client] = (left - taken, now)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._rate


class RateLimit:
    """Answers 429 to a client that sends more.

    Args:
        app: what answers the rest.
        rate: requests a second; 0: any number.
    """

    def __init__(self, app: ASGIApp, *, rate: float) -> None:
        self._app = app
        self._buckets = Buckets(rate) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        answer = self._app
        if self._buckets and scope["type"] == "http" and scope["path"] != UNLIMITED:
            wait = self._buckets.wait(client_of(scope))
            if wait:
                answer = problem(
                    HTTPStatus.TOO_MANY_REQUESTS, "too many requests", retry_after(wait)
                )
        await answer(scope, receive, send)


def client_of(scope: Scope) -> str:
    """Whom a request is of: an address, of IPv6 the network that one customer has."""
    address = (scope.get("client") or ("",))[0]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return str(address)
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


class BodyLimit:
    """Bounds the bodies of requests; whoever reads a body that is over the bounds gets an error.

    Bytes are counted as they come. What is too large is read on for a while, so that a client that
    sends before it listens still hears why.

    Args:
        app: what answers.
        most: the largest body, in bytes.
        seconds: how long it may take.
    """

    def __init__(self, app: ASGIApp, *, most: int, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._most = most
        self._seconds = seconds
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        size, is_whole = 0, False

        async def part() -> Message:
            nonlocal size, is_whole
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _closing(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"the body took longer than {self._seconds:g} seconds",
                ) from None
            length = len(message.get("body", b""))
            size += length
            self._in_hand += length
            is_whole = not message.get("more_body", False)
            return message

        async def bounded() -> Message:
            if is_whole:  # what comes now is that the client goes
                return await receive()
            message = await part()
            if size > self._most:
                while not is_whole and size < 2 * self._most:
                    await part()
                raise _closing(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"the body has more than {self._most:,} bytes; send less at a time",
                )
            if self._in_hand > BODIES_IN_HAND * self._most:
                raise _closing(
                    HTTPStatus.SERVICE_UNAVAILABLE, "too much is coming in", retry_after(1)
                )
            return message

        try:
            return await self._app(scope, bounded, send)
        finally:
            self._in_hand -= size


def _closing(status: int, detail: str, headers: dict[str, str] | None = None) -> HTTPException:
    """An error after which the connection can't be used: there may be more of the body in it."""
    return HTTPException(status, detail, {"Connection": "close", **(headers or {})})
