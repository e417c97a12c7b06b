"""Runs the application: by itself (`newsloom serve`), or beside the service (`newsloom up`)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.search.app import create_app

START_SECONDS = 10.0
STOP_SECONDS = 5


class Server:
    """Serves in a thread of its own until `stop`.

    Args:
        settings: where everything is.
        host: the address to bind.
        port: 0: any that is free.

    Attributes:
        url: where it answers.

    Raises:
        ConfigurationError: the address can't be bound.
    """

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise ConfigurationError(f"{host}:{port}: {error}") from None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        self._app = create_app(settings)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="serve", daemon=True
        )

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def wait(self, stopping: threading.Event) -> None:
        """Returns when `stopping` is set, or the server ended by itself."""
        while self._thread.is_alive() and not stopping.wait(0.2):
            pass

    def stop(self) -> None:
        """Answers what is in hand, and ends."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._app.state.alerts.close()
        self._socket.close()


@contextmanager
def serving(settings: Settings, host: str, port: int) -> Iterator[Server]:
    """A server that answers inside the block."""
    server = Server(settings, host, port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
