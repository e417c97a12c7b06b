"""An HTTP proxy before Elasticsearch that answers itself, or cuts the line, when it is told to."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

HANG_SECONDS = 120
"""The longest silence."""


class Answer(NamedTuple):
    """What the proxy sends: with `cut`, only so many bytes of the body before it hangs up."""

    status: int
    body: bytes
    cut: int | None = None


Forward = Callable[[bytes], Answer]
Trick = Callable[[bytes, Forward], Answer]
"""Answers a bulk request, given its body and a way to the node."""


class Proxy:
    """Passes everything on to a node; `tricks` are played on the next bulk requests, one each.

    Attributes:
        url: what a client is given.
        always: is played on every bulk request for which no other trick is left.
        sizes: how many documents each bulk request had.
        paths: what was asked for.
    """

    def __init__(self, node_url: str) -> None:
        parts = urlsplit(node_url)
        self.node = (parts.hostname or "", parts.port or 0)
        self.tricks: deque[Trick] = deque()
        self.always: Trick | None = None
        self.sizes: list[int] = []
        self.paths: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        user = f"{parts.username}:{parts.password}@" if parts.username else ""
        self.url = f"http://{user}127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def proxy_before(node_url: str) -> Iterator[Proxy]:
    """A proxy that runs until the end of the block."""
    proxy = Proxy(node_url)
    thread = threading.Thread(target=proxy.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        thread.join()
        proxy.server.server_close()


def fails(status: int, body: Any = None) -> Trick:
    """The whole request fails, and the node hears nothing of it."""

    def play(_: bytes, __: Forward) -> Answer:
        return Answer(status, json.dumps(body or {"error": "no", "status": status}).encode())

    return play


def takes_at_most(documents: int) -> Trick:
    """413 for a request of more documents than that."""

    def play(body: bytes, forward: Forward) -> Answer:
        if len(_pairs(body)) > documents:
            return Answer(413, b"")
        return forward(body)

    return play


def items_fail(status: int, positions: Callable[[int], bool]) -> Trick:
    """The documents at these positions fail, and the node hears nothing of them."""

    def play(body: bytes, forward: Forward) -> Answer:
        pairs = _pairs(body)
        passed = [pair for number, pair in enumerate(pairs) if not positions(number)]
        items = []
        if passed:
            answer = json.loads(forward(b"".join(passed)).body)
            items = list(answer["items"])
        error = {"type": "es_rejected_execution_exception", "reason": "the queue is full"}
        for number in range(len(pairs)):
            if positions(number):
                items.insert(number, {"index": {"status": status, "error": error}})
        return Answer(200, json.dumps({"errors": True, "items": items}).encode())

    return play


def hangs(until: threading.Event) -> Trick:
    """No answer comes, and the node hears nothing, before something else happens."""

    def play(body: bytes, forward: Forward) -> Answer:
        until.wait(HANG_SECONDS)
        return forward(body)

    return play


def cuts(after: int) -> Trick:
    """The node does all, but its answer breaks off after so many bytes."""

    def play(body: bytes, forward: Forward) -> Answer:
        return forward(body)._replace(cut=after)

    return play


def _pairs(body: bytes) -> list[bytes]:
    lines = body.splitlines(keepends=True)
    return [action + source for action, source in zip(lines[::2], lines[1::2], strict=True)]


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            proxy.paths.append(self.path)
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            answer = None
            if "/_bulk" in self.path:
                proxy.sizes.append(len(_pairs(body)))
                trick = proxy.tricks.popleft() if proxy.tricks else proxy.always
                if trick is not None:
                    answer = trick(body, self.forward)
            answer = answer or self.forward(body)
            self.send_response(answer.status)
            self.send_header("content-type", "application/vnd.elasticsearch+json;compatible-with=9")
            self.send_header("x-elastic-product", "Elasticsearch")
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: answer.cut])
            if answer.cut is not None:
                self.close_connection = True

        def forward(self, body: bytes) -> Answer:
            connection = http.client.HTTPConnection(*proxy.node)
            kept = ("accept", "content-type", "authorization")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            try:
                connection.request(self.command, self.path, body or None, headers)
                response = connection.getresponse()
                return Answer(response.status, response.read())
            finally:
                connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
