"""What a mistake of ours becomes: a line in the log, and an answer that tells nothing of it."""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.search.answers import problem

_logger = logging.getLogger(__name__)


class Faults:
    """Answers 500 where the application raised what no route expects."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            return  # there is nobody to answer
        except Exception:
            _logger.exception("%s %s failed", scope.get("method"), scope.get("path"))
            if begun:
                raise
            await problem(500, "this should not have happened; the log says more")(
                scope, receive, send
            )
