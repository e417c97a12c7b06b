"""The token that requests have to show."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from urllib.parse import urlencode

from fastapi import Request

from pipeline.errors import ConfigurationError

LEAST_CHARACTERS = 16
COOKIE = "newsloom"
LOGIN = "/login"
"""Where a person enters it."""

_SCHEME = "bearer "


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


def login_address(request: Request) -> str:
    """Where a person enters the token to get where a request wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{LOGIN}?{urlencode({'next': wanted})}"
