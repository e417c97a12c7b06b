"""The form where a person enters the token once."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.search.page.address import State
from pipeline.search.page.forms import fields_of
from pipeline.search.page.render import page
from pipeline.search.token import COOKIE, LOGIN, Token

COOKIE_SECONDS = 30 * 86_400

MOST_BYTES = 10_000
"""How large the form may be: anyone may send it."""

_PATH = re.compile(r"/(?!/)[!-\[\]-~]*")
"""An address on this server: what a browser would take for another host does not match."""

router = APIRouter(include_in_schema=False)


def _token_of(request: Request) -> Token:
    token: Token = request.app.state.token
    return token


_InToken = Annotated[Token, Depends(_token_of)]


@router.get(LOGIN)
def form(request: Request, token: _InToken) -> Response:
    """The form."""
    destination = _destination(request.query_params.get("next", ""))
    if not token or token.is_in_cookie(request):
        return RedirectResponse(destination, HTTPStatus.SEE_OTHER)
    return _form(destination)


@router.post(LOGIN)
async def enter(request: Request, token: _InToken) -> Response:
    """Takes the token, and has the browser keep a cookie in its place."""
    fields = dict(await fields_of(request, most=MOST_BYTES))
    destination = _destination(fields.get("next", ""))
    if token and not token.is_same(fields.get("token", "").strip()):
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


def _destination(wanted: str) -> str:
    return wanted if _PATH.fullmatch(wanted) else "/"


def _form(destination: str, error: str = "", status: int = HTTPStatus.OK) -> Response:
    return page("login", State({}), status, destination=destination, error=error)
