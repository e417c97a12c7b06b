"""A receiver of webhooks on this machine, which answers as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import msgspec

LOOPBACK = "127.0.0.0/8"


class Delivered(NamedTuple):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def article(self) -> str:
        return str(msgspec.json.decode(self.body)["article_id"])


class Receiver:
    """What came, in order; `answer` gives the status of each, or does something else."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.requests: list[Delivered] = []
        self.answer: Callable[[Delivered, BaseHTTPRequestHandler], int] = lambda *_: 204
        self.hanging = threading.Event()
        self.released = threading.Event()

    @property
    def articles(self) -> list[str]:
        """The articles of the alerts that came."""
        return [request.article for request in self.requests]

    def statuses(self, *statuses: int) -> None:
        """The first requests are answered with these statuses, and all others with 204."""
        left = list(statuses)
        self.answer = lambda *_: left.pop(0) if left else 204

    def hang(self) -> None:
        """Requests are not answered before the end of the test."""

        def wait(*_: Any) -> int:
            self.hanging.set()
            self.released.wait()
            return 204

        self.answer = wait


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # who sent it was killed; nobody waits for an answer
            request = Delivered(self.path, dict(self.headers.items()), body)
            receiver.requests.append(request)
            status = receiver.answer(request, self)
            if status:
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # who called is gone

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
