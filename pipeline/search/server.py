"""Runs the application: by itself (`newsloom serve`), or beside the service (`newsloom up`)."""

from __future__ import annotations

import errno
import ipaddress
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.search.alerts_api import Desk
from pipeline.search.app import create_app
from pipeline.search.context import Context

STOP_SECONDS = 5
MOST_CONNECTIONS = 1_000
"""Further ones are told to come later."""

# It has lines for its start and end; what matters is said by the command.
logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


class AddressTaken(ConfigurationError):
    """Another program has the address."""


class Server:
    """Serves in a thread of its own until `stop`.

    Args:
        settings: where everything is, and who may ask.
        host: the address to bind.
        port: 0: any that is free.

    Attributes:
        url: where it answers.

    Raises:
        AddressTaken: another program has the address.
        ConfigurationError: it can't be bound, or without a token is not to be.
    """

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        loopback = is_loopback(host)
        if not loopback and not settings.token:
            raise ConfigurationError(
                f"{host}: others than programs of this machine would be answered without being"
                " asked for anything; set NEWSLOOM_TOKEN"
            )
        app = create_app(settings, loopback=loopback)
        self._context: Context = app.state.context
        self._alerts: Desk = app.state.alerts
        self._socket = _bound(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=settings.proxies,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="serve", daemon=True
        )

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.01)

    def wait(self, stopping: threading.Event) -> None:
        """Returns when `stopping` is set, or the server ended by itself."""
        while self._thread.is_alive() and not stopping.wait(0.2):
            pass

    def stop(self) -> None:
        """Answers what is in hand, and ends; what was accepted is durable."""
        self._server.should_exit = True
        self._context.streams.close()
        if self._thread.is_alive():
            self._thread.join()
        self._context.publisher.close()
        self._alerts.close()
        self._socket.close()


@contextmanager
def serving(settings: Settings, host: str, port: int) -> Iterator[Server]:
    """A server that answers inside the block."""
    server = Server(settings, host, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def place_of(address: str) -> tuple[str, int]:
    """Host and port in `HOST:PORT`.

    Raises:
        ConfigurationError: it is no address.
    """
    match = re.fullmatch(r"(?:\[([\da-fA-F:.]+)\]|([^\s:\[\]/]+)):(\d{1,5})", address)
    if match is None or int(match[3]) > 65535:
        raise ConfigurationError(f"NEWSLOOM_SERVE: {address}: expected HOST:PORT")
    return match[1] or match[2], int(match[3])


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once what is written only where the protocol is said to be TCP: else the end
    # of an answer waits for the other side to acknowledge its beginning, for 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError, UnicodeError) as error:
        bound.close()
        why = getattr(error, "strerror", None) or error
        kind = (
            AddressTaken
            if getattr(error, "errno", None) == errno.EADDRINUSE
            else ConfigurationError
        )
        raise kind(f"{host}:{port}: {why}") from None
    return bound
