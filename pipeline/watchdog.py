"""Ending a process that has work and gets nowhere, and GET /health for whoever supervises it."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import ConfigurationError, Transient

STALLED = 70
"""Exit status of a process that its watchdog ends: EX_SOFTWARE of sysexits.h."""

SHOWN_SECONDS = 1.0
"""For so long GET /health says that a process stands still, before it is made to end."""

GRACE_SECONDS = 10.0
"""How long a process that stands still has for ending in good order, before it is ended."""

LOOKS = 8
"""It is looked at so often, at least, before it counts as standing still."""

MOST_SECONDS = 5.0
"""The longest time between two looks."""

REQUEST_SECONDS = 10
"""How long a client of the health server may take for its request."""

Status = tuple[int, dict[str, Any]]
"""An HTTP status, and what is said as JSON."""

logger = logging.getLogger(__name__)


class Sight(NamedTuple):
    """What is seen of a process at one moment.

    Attributes:
        lag: records that it still has to do.
        progress: a number that changes whenever it gets something done.
        answers: whether all servers that it needs do what it asks of them: while one does not,
            it is right to stand still.
        waiting_for: what it waits for, in its own words.
    """

    lag: int
    progress: int
    answers: bool
    waiting_for: str | None = None


class Watchdog:
    """Tells whether work stands still although nothing keeps it from going on. Has no side effects.

    Args:
        stall_seconds: for how long it may stand still.
        clock: gives seconds that never go back.
    """

    def __init__(self, stall_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._looked = clock()
        self._progress: int | None = None
        self._still = 0.0

    def stalled(self, sight: Sight) -> bool:
        """Takes what is seen now, and says whether work has stood still for too long.

        Of a long time between two calls only a part counts: somebody had paused the whole process.
        """
        now = self._clock()
        passed = min(now - self._looked, 2 * self._stall_seconds / LOOKS)
        may_stand = not sight.lag or not sight.answers or sight.progress != self._progress
        self._still = 0.0 if may_stand else self._still + passed
        self._looked, self._progress = now, sight.progress
        return self._still >= self._stall_seconds


class Guard:
    """What `guarded` gives: `stalled` says whether the process was found standing still."""

    def __init__(
        self, look: Callable[[], Sight], stop: Callable[[], None], stall_seconds: float
    ) -> None:
        self.stalled = False
        self._look = look
        self._stop = stop
        self._stall_seconds = stall_seconds
        self._sight: Sight | None = None
        self._ended = threading.Event()

    def status(self) -> Status:
        """The answer to GET /health."""
        seen = self._sight._asdict() if self._sight else {}
        word = "stalled" if self.stalled else "ok" if seen else "starting"
        return (503 if self.stalled else 200), {"status": word, **seen}

    def watch(self) -> None:
        """Looks now and then, until `end`; of a process that stands still it makes an end."""
        watchdog = Watchdog(self._stall_seconds)
        progress = 0
        while not self._ended.is_set():
            try:
                sight = self._look()
                progress = sight.progress
            except Transient as error:
                sight = Sight(0, progress, answers=False, waiting_for=str(error))
            self._sight = sight
            if watchdog.stalled(sight):
                self.stalled = True
                break
            self._ended.wait(min(MOST_SECONDS, self._stall_seconds / LOOKS))
        if self.stalled and not self._ended.is_set():
            logger.error(
                "nothing was done for %g s, although %d records wait and all servers answer;"
                " the process ends with status %d",
                self._stall_seconds,
                sight.lag,
                STALLED,
            )
            self._ended.wait(SHOWN_SECONDS)
            self._stop()
            if not self._ended.wait(GRACE_SECONDS):
                os._exit(STALLED)

    def end(self) -> None:
        """Looks no more."""
        self._ended.set()


@contextmanager
def guarded(
    look: Callable[[], Sight], stop: Callable[[], None], *, stall_seconds: float, health: str = ""
) -> Iterator[Guard]:
    """Has a watchdog look at this process, in a thread of its own, until the end of the block.

    When work stands still, GET /health gives 503, `stop` is called, and if the block has not ended
    `GRACE_SECONDS` later, the process is, with status `STALLED` and whatever it hangs in. Otherwise
    it is for the caller to end it with that status.

    Args:
        look: gives what is seen now. It may take seconds; Transient says that a server is away.
        stop: asks for an end in good order.
        stall_seconds: see `Watchdog`.
        health: see `health_server`; empty: there is none.

    Raises:
        ConfigurationError: the health server can't have that address.
    """
    guard = Guard(look, stop, stall_seconds)
    with ExitStack() as stack:
        if health:
            stack.enter_context(health_server(health, guard.status))
        # A look may wait for a server that is away: the process does not wait for the look.
        threading.Thread(target=guard.watch, name="watchdog", daemon=True).start()
        stack.callback(guard.end)
        yield guard


@contextmanager
def health_server(address: str, status: Callable[[], Status]) -> Iterator[str]:
    """Answers GET /health with what `status` gives, until the end of the block.

    Args:
        address: HOST:PORT; port 0 takes a free one.
        status: called in another thread for each request.

    Yields:
        The address, with the real port.

    Raises:
        ConfigurationError: it is no address, or it can't be had.
    """
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None:
        raise ConfigurationError(f"NEWSLOOM_HEALTH: {address}: expected HOST:PORT")
    try:
        server = _server_class(host)((host, port), _handler(status))
    except OSError as error:
        raise ConfigurationError(f"NEWSLOOM_HEALTH: {address}: {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"{shown}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _server_class(host: str) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, *_: Any) -> None:
            logger.debug("GET /health: a client went away", exc_info=True)

    return Server


def _handler(status: Callable[[], Status]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            code, said = status() if self.path == "/health" else (404, {"status": "not found"})
            body = msgspec.json.encode(said) + b"\n"
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            logger.debug("GET /health: %s", format % args)

    return Handler
