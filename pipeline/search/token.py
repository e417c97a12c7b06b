"""The token that requests have to show, and the form where a person enters it once."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from html import escape
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipeline.errors import ConfigurationError

LEAST_CHARACTERS = 16
COOKIE = "newsloom"
COOKIE_SECONDS = 30 * 86_400
LOGIN = "/login"
MAX_FORM_BYTES = 10_000

_SCHEME = "bearer "
_PATH = re.compile(r"/(?!/)[!-\[\]-~]*")
"""An address on this server: what a browser would take for another host does not match."""


class Token:
    """What a request has to show.

    Args:
        secret: the token; empty: nothing has to be shown.

    Raises:
        ConfigurationError: it is too short, or can't stand in a header.
    """

    def __init__(self, secret: str) -> None:
        if secret and (len(secret) < LEAST_CHARACTERS or not re.fullmatch(r"[!-~]+", secret)):
            raise ConfigurationError(
                f"NEWSLOOM_TOKEN: expected at least {LEAST_CHARACTERS} letters, digits and signs;"
                " `openssl rand -hex 24` makes a good one"
            )
        self._secret = secret

    def __bool__(self) -> bool:
        return bool(self._secret)

    @property
    def cookie(self) -> str:
        """What a browser keeps in its place: nothing that the token could be found from."""
        return hmac.new(self._secret.encode(), b"newsloom cookie", sha256).hexdigest()

    def is_in_header(self, request: Request) -> bool:
        """Whether a request shows it as `Authorization: Bearer TOKEN`."""
        given = request.headers.get("authorization", "")
        is_bearer = given[: len(_SCHEME)].lower() == _SCHEME
        return is_bearer and self.is_same(given[len(_SCHEME) :].strip())

    def is_in_cookie(self, request: Request) -> bool:
        """Whether a browser shows what it was given for it."""
        return bool(self) and _same(request.cookies.get(COOKIE, ""), self.cookie)

    def is_same(self, given: str) -> bool:
        """Whether somebody has given the token; takes as long whatever is wrong with it."""
        return bool(self) and _same(given, self._secret)


def _same(given: str, secret: str) -> bool:
    digests = (sha256(text.encode(errors="replace")).digest() for text in (given, secret))
    return hmac.compare_digest(*digests)


def _token_of(request: Request) -> Token:
    token: Token = request.app.state.token
    return token


InToken = Annotated[Token, Depends(_token_of)]
router = APIRouter(include_in_schema=False)


def login_address(request: Request) -> str:
    """Where a person enters the token to get where a request wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{LOGIN}?{urlencode({'next': wanted})}"


def _destination(values: list[str]) -> str:
    return values[-1] if values and _PATH.fullmatch(values[-1]) else "/"


@router.get(LOGIN)
def form(request: Request, token: InToken) -> Response:
    """The form."""
    destination = _destination(request.query_params.getlist("next"))
    if not token or token.is_in_cookie(request):
        return RedirectResponse(destination, HTTPStatus.SEE_OTHER)
    return _form(destination)


@router.post(LOGIN)
async def enter(request: Request, token: InToken) -> Response:
    """Takes the token, and has the browser keep a cookie in its place."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_FORM_BYTES:
            return _form("/", "That is no token.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    fields = parse_qs(data.decode(errors="replace"))
    destination = _destination(fields.get("next", []))
    if token and not token.is_same(fields.get("token", [""])[-1].strip()):
        return _form(destination, "That is not the token.", HTTPStatus.UNAUTHORIZED)
    answer = RedirectResponse(destination, HTTPStatus.SEE_OTHER)
    if token:
        answer.set_cookie(
            COOKIE,
            token.cookie,
            max_age=COOKIE_SECONDS,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
    return answer


def _form(destination: str, error: str = "", status: int = HTTPStatus.OK) -> Response:
    said = f'<p role="alert">{escape(error)}</p>' if error else ""
    where = escape(destination)
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>newsloom: token</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/page.css">
<main class="problem">
<h1>newsloom</h1>
{said}
<form method="post" action="{LOGIN}">
<input type="hidden" name="next" value="{where}">
<p><label for="token">Token</label>
<input id="token" name="token" type="password" required autocomplete="current-password"></p>
<p><button>Enter</button></p>
</form>
<p>Entered before, and came by a link? <a href="{where}">Go on</a></p>
</main>
</html>
""",
        status,
    )
