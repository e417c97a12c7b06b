"""Who is answered: requests for this host, with the token, and not at the bidding of others' pages.

- A page of another site may have its name point to this machine (DNS rebinding): so the `Host`
  header has to be a name that is ours.
- Where there is a token, every request shows it, in a header or as a cookie. Health, the form for
  the token and what makes that look right need none.
- A page of another site may have a browser send requests, with its cookies: what changes something
  has to come from our own page, which browsers say in `Sec-Fetch-Site` and `Origin`; or it shows
  the token in a header, which no page of others can.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.search.answers import problem
from pipeline.search.token import LOGIN, Token, login_address

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

OPEN = frozenset({"/health/live", "/health/ready", LOGIN})
"""What is answered without a token."""

STATIC = "/static/"
"""Where files of the page are, which are the same for all who have newsloom."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class Access:
    """Refuses all others. `request.state.authorised` then says whether the token was shown.

    Args:
        app: what answers the rest.
        token: what has to be shown.
        names: the host names that requests may be for; None: any.
    """

    def __init__(self, app: ASGIApp, *, token: Token, names: Collection[str] | None) -> None:
        self._app = app
        self._token = token
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        return await (self._refusal(request) or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if self._names is not None and (name := host_of(request)) not in self._names:
            return problem(
                HTTPStatus.BAD_REQUEST,
                f"this is not {name or 'a host that was named'}; NEWSLOOM_HOSTS names what it is",
            )
        by_header = self._token.is_in_header(request)
        by_cookie = not by_header and self._token.is_in_cookie(request)
        request.state.authorised = not self._token or by_header or by_cookie
        if not request.state.authorised and not _is_open(request.url.path):
            return _unauthorised(request)
        if request.method not in SAFE and not by_header and _is_forged(request, by_cookie):
            return problem(HTTPStatus.FORBIDDEN, "a page of another site may not do this")
        return None


def host_of(request: Request) -> str:
    """The host name that a request is for, without the port; empty when it can't be told."""
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        name = None
    return (name or "").rstrip(".")


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(STATIC)


def _unauthorised(request: Request) -> Response:
    is_person = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if is_person and not request.url.path.startswith("/api/"):
        return RedirectResponse(login_address(request), HTTPStatus.SEE_OTHER)
    return problem(
        HTTPStatus.UNAUTHORIZED,
        "send the token as Authorization: Bearer TOKEN",
        {"WWW-Authenticate": 'Bearer realm="newsloom"'},
    )


def _is_forged(request: Request, by_cookie: bool) -> bool:
    """Whether a browser sends this for a page that is not ours."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    # No browser of today sends neither; programs do, and they have no cookies.
    return by_cookie
