"""A small web server for tests: what each of its addresses answers can be set and asked about."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeVar

from pipeline.errors import Rejected

T = TypeVar("T")
Answer = Callable[["Handler"], None]


class Request(NamedTuple):
    """A request that came."""

    path: str
    headers: Message


class Site:
    """A server on a free port of 127.0.0.1.

    Attributes:
        url: its address, without a slash at its end.
        answers: for each path what answers it; all others are 404.
        requests: those that came, in order.
        most_at_once: how many were answered at the same time, at most.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.most_at_once = 0
        self.ended = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()
        outer = self

        class Bound(Handler):
            site = outer

            def do_GET(self) -> None:
                with self.site._lock:
                    self.site.requests.append(Request(self.path, self.headers))
                    self.site._at_once += 1
                    self.site.most_at_once = max(self.site.most_at_once, self.site._at_once)
                try:
                    with suppress(ConnectionError):
                        self.site.answers.get(self.path, status(404))(self)
                finally:
                    with self.site._lock:
                        self.site._at_once -= 1

        self._server = ThreadingHTTPServer((host, 0), Bound)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://{host}:{self._server.server_address[1]}"

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    site: Site

    def give(self, status: int, body: bytes = b"", **headers: str) -> None:
        """An answer; in the names of headers `_` stands for `-`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is told."""


def status(code: int, **headers: str) -> Answer:
    """Always that status."""
    return lambda request: request.give(code, b"", **headers)


def page(body: bytes, content_type: str = "application/rss+xml", **headers: str) -> Answer:
    """Always that body."""
    return lambda request: request.give(200, body, Content_Type=content_type, **headers)


def validated(body: bytes, etag: str) -> Answer:
    """That body, or 304 for who has it."""

    def answer(request: Handler) -> None:
        if request.headers.get("If-None-Match") == etag:
            request.give(304)
        else:
            request.give(200, body, Content_Type="application/rss+xml", ETag=etag)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other; the last for all that follow."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


@contextmanager
def serving() -> Iterator[Site]:
    """A site that answers inside the block."""
    site = Site()
    try:
        yield site
    finally:
        site.close()


def attempt(function: Callable[..., T], *arguments: object) -> T | Rejected:
    """What a function gives, or the rejection that it raises."""
    try:
        return function(*arguments)
    except Rejected as error:
        return error


def rss(*items: str, ttl: int | None = None) -> bytes:
    """A feed of these items, each the inner XML of one."""
    wait = f"<ttl>{ttl}</ttl>" if ttl is not None else ""
    inner = "".join(f"<item>{item}</item>" for item in items)
    return (
        f'<rss version="2.0"><channel><title>Fiction</title>{wait}{inner}</channel></rss>'.encode()
    )


def item(number: int) -> str:
    """The inner XML of an item of that number."""
    return (
        f"<title>Gullwing report {number}</title><link>https://ledger.example/{number}</link>"
        f"<description>Gullwing sold {number} ferries in Harbourtown.</description>"
    )
